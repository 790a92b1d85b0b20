"""Storing a correction: the last word on a sound counts, earlier ones stay as history."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from earmark.audio.containers import HEAD_BYTES
from earmark.service.database.tables import Feedback

if TYPE_CHECKING:
    from typing import BinaryIO

    from sqlalchemy.orm import Session

    from earmark.service.auth.ring import Caller
    from earmark.service.database.engine import Database
    from earmark.service.feedback.said import Correction
    from earmark.service.feedback.shelf import SoundShelf


@dataclass(frozen=True)
class Stored:
    """A correction that is stored: its number, and whether the sound is kept with it."""

    id: str
    audio_kept: bool


class FeedbackStore:
    """Takes corrections; may be used from any thread, by any number of replicas at once."""

    def __init__(self, database: Database, shelf: SoundShelf) -> None:
        self._database = database
        self._shelf = shelf

    def add(self, correction: Correction, caller: Caller, audio: BinaryIO | None = None) -> Stored:
        """Store a correction; the same one again by the same caller changes nothing.

        The row, which names the sound's place, is there before the sound: so no sound is ever kept that no row tells
        of, whatever is killed when.

        Args:
            correction: What was said.
            caller: Who said it.
            audio: The sound, whose SHA-256 was checked; kept only where the correction consents.

        Raises:
            StoreError: The database or the place of sounds cannot be written.
        """
        place = None
        if audio is not None and correction.consent:
            audio.seek(0)
            place = self._shelf.place(correction.audio_sha256, audio.read(HEAD_BYTES))
        with self._database.session() as session:
            self._database.hold(session, correction.audio_sha256)
            row = self._row(session, correction, caller)
            if place is not None and row.audio_kept_at is None:
                row.audio_place = place = row.audio_place or place  # of an attempt that did not come to its end
            stored = Stored(row.id, row.audio_kept_at is not None)
        if audio is None or place is None or stored.audio_kept:
            return stored
        self._shelf.keep(place, audio)
        return self._settle(correction.audio_sha256, stored.id, place)

    def _row(self, session: Session, correction: Correction, caller: Caller) -> Feedback:
        last = session.scalars(select(Feedback).where(Feedback.current == correction.subject)).one_or_none()
        if last is not None and _says_the_same(last, correction, caller):
            last.consent = last.consent or correction.consent  # it is taken back by deleting
            return last
        if last is not None:
            last.current = None
            session.flush()
        row = _row_of(correction, caller)
        session.add(row)
        session.flush()
        return row

    def _settle(self, sha256: str, identifier: str, place: str) -> Stored:
        """Note that the sound is kept, or remove it again where somebody deleted the row meanwhile."""
        with self._database.session() as session:
            self._database.hold(session, sha256)
            row = session.get(Feedback, identifier)
            if row is not None:
                row.audio_kept_at = datetime.now(UTC)
            elif not n_at(session, place):
                self._shelf.remove(place)
            return Stored(identifier, row is not None)


def n_at(session: Session, place: str) -> int:
    """Return how many rows name this place of a sound."""
    return session.scalar(select(func.count()).select_from(Feedback).where(Feedback.audio_place == place)) or 0


def _says_the_same(row: Feedback, correction: Correction, caller: Caller) -> bool:
    return (row.who, row.model_version, row.verdict, row.label, row.comment, row.recording) == (
        caller.name,
        correction.model_version,
        correction.verdict,
        correction.label,
        correction.comment,
        correction.recording,
    )


def _row_of(correction: Correction, caller: Caller) -> Feedback:
    return Feedback(
        id=uuid.uuid4().hex,
        created_at=datetime.now(UTC),
        who=caller.name,
        key_id=caller.key_id,
        answer_id=correction.answer_id,
        model=correction.model,
        model_version=correction.model_version,
        said=correction.said,
        probability=correction.probability,
        scores=dict(correction.scores),
        verdict=correction.verdict,
        label=correction.label,
        start_s=correction.start_s,
        end_s=correction.end_s,
        comment=correction.comment,
        recording=correction.recording,
        audio_sha256=correction.audio_sha256,
        duration_s=correction.duration_s,
        subject=correction.subject,
        current=correction.subject,
        consent=correction.consent,
        audio_place=None,
        audio_kept_at=None,
    )
