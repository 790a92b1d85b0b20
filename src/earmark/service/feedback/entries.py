"""Looking at what was said, and deleting it together with the sound."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from earmark.core.errors import ConfigError
from earmark.service.database.tables import Feedback
from earmark.service.feedback.store import n_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from earmark.service.database.engine import Database
    from earmark.service.feedback.shelf import SoundShelf


@dataclass(frozen=True)
class Wanted:
    """Which feedback.

    Attributes:
        model: Only of this model; None for all.
        since: Only from this moment on.
        history: Also what a later word has replaced.
    """

    model: str | None = None
    since: datetime | None = None
    history: bool = False


@dataclass(frozen=True)
class Entry:
    """One row of feedback, as it is listed and exported."""

    id: str
    created_at: datetime
    who: str
    model: str
    model_version: str
    said: str
    probability: float
    verdict: str
    label: str
    start_s: float | None
    end_s: float | None
    comment: str
    recording: str
    audio_sha256: str
    consent: bool
    audio_kept: bool
    current: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-like."""
        return asdict(self) | {"created_at": self.created_at.isoformat()}


@dataclass(frozen=True)
class Deleted:
    """What was deleted.

    Attributes:
        ids: The feedback.
        sounds: Places of the sounds that went with it.
        absent: Places where a sound was expected and nothing lay.
    """

    ids: list[str] = field(default_factory=list)
    sounds: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def list_feedback(database: Database, wanted: Wanted | None = None) -> list[Entry]:
    """Return feedback in the order in which it came.

    Raises:
        StoreError: The database cannot be read.
    """
    with database.session(reading=True) as session:
        return [entry_of(row) for row in wanted_rows(session, wanted or Wanted())]


def wanted_rows(session: Session, wanted: Wanted) -> list[Feedback]:
    """Return the rows that are wanted, in the order in which they came."""
    query = select(Feedback).order_by(Feedback.created_at, Feedback.id)
    if wanted.model is not None:
        query = query.where(Feedback.model == wanted.model)
    if wanted.since is not None:
        query = query.where(Feedback.created_at >= wanted.since)
    if not wanted.history:
        query = query.where(Feedback.current.is_not(None))
    return list(session.scalars(query))


def find_old(database: Database, before: datetime) -> list[str]:
    """Return the numbers of all feedback, history too, from before a moment.

    Raises:
        StoreError: The database cannot be read.
    """
    with database.session(reading=True) as session:
        return list(session.scalars(select(Feedback.id).where(Feedback.created_at < before)))


def delete_feedback(database: Database, shelf: SoundShelf, ids: Sequence[str]) -> Deleted:
    """Delete feedback one by one; the word before it on the same sound, if there is one, counts again.

    A sound goes with the last feedback that names it.

    Raises:
        ConfigError: There is no such feedback; what stood before it in the list is deleted.
        StoreError: The database or the place of sounds cannot be written.
    """
    deleted = Deleted()
    for identifier in dict.fromkeys(ids):
        with database.session() as session:
            sha256 = session.scalar(select(Feedback.audio_sha256).where(Feedback.id == identifier))
            database.hold(session, sha256 or "")
            row = session.get(Feedback, identifier)  # as it is now that nobody else changes it
            if row is None:
                raise ConfigError(f'there is no feedback "{identifier}"; `earmark feedback list` shows what there is')
            _delete(session, row, shelf, deleted)
        deleted.ids.append(identifier)
    return deleted


def _delete(session: Session, row: Feedback, shelf: SoundShelf, deleted: Deleted) -> None:
    session.delete(row)
    session.flush()
    if row.current is not None:
        same = select(Feedback).where(Feedback.subject == row.subject)
        before = session.scalars(same.order_by(Feedback.created_at.desc()).limit(1)).one_or_none()
        if before is not None:
            before.current = before.subject
    if row.audio_place is not None and not n_at(session, row.audio_place):
        # Before the transaction ends: if the sound cannot be deleted, the row that tells of it stays.
        there = shelf.remove(row.audio_place)
        (deleted.sounds if there else deleted.absent).append(shelf.shown(row.audio_place))


def entry_of(row: Feedback) -> Entry:
    """Return what is told of a row."""
    return Entry(
        id=row.id,
        created_at=row.created_at,
        who=row.who,
        model=row.model,
        model_version=row.model_version,
        said=row.said,
        probability=row.probability,
        verdict=row.verdict,
        label=row.label,
        start_s=row.start_s,
        end_s=row.end_s,
        comment=row.comment,
        recording=row.recording,
        audio_sha256=row.audio_sha256,
        consent=row.consent,
        audio_kept=row.audio_kept_at is not None,
        current=row.current is not None,
    )
