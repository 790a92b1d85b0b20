"""Feedback as a dataset that `earmark train` takes: a manifest for each version, the sounds beside them.

OUT/feedback-v1.csv    the manifest, written whole
OUT/feedback-v1.json   what is in it and what was left out; written last, so that it says that the version is done
OUT/audio/ab/ab12....wav   the sounds by their SHA-256, shared by all versions
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from earmark.core.errors import DataError, StoreError
from earmark.core.files import read_json, write_json, write_text
from earmark.core.identity import file_sha256, fingerprint
from earmark.core.progress import SILENT
from earmark.service.database.tables import Feedback
from earmark.service.feedback.choose import choose
from earmark.service.feedback.entries import Wanted, entry_of, wanted_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from earmark.core.progress import Progress
    from earmark.service.database.engine import Database
    from earmark.service.feedback.choose import Choice, Example, Reason
    from earmark.service.feedback.entries import Entry
    from earmark.service.feedback.shelf import SoundShelf

AUDIO = "audio"
LOCK = ".earmark-export.lock"
_DONE = re.compile(r"feedback-v(\d+)\.json")


@dataclass(frozen=True)
class ExportOptions:
    """What is exported, and how.

    Attributes:
        wanted: Which feedback.
        many: Write a column "labels" that may be empty or hold several, instead of "label".
        none_as: The label for sounds that are none of the labels; empty to leave them out (or, with `many`, empty).
    """

    wanted: Wanted = field(default_factory=Wanted)
    many: bool = False
    none_as: str = ""


@dataclass(frozen=True)
class Exported:
    """A version of the dataset.

    Attributes:
        manifest: The file to train on; None where there is nothing to export.
        version: Its number, from 1; 0 where there is none.
        is_new: Whether this export made it; otherwise its content is that of the last version.
        n_clips: Rows.
        n_groups: Recordings.
        labels: How many clips each label has.
        left_out: How much feedback did not become a clip, by reason.
        n_repeated: Feedback that repeats other feedback.
    """

    manifest: Path | None
    version: int
    fingerprint: str
    is_new: bool
    n_clips: int
    n_groups: int
    labels: Mapping[str, int]
    left_out: Mapping[Reason, int]
    n_repeated: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-like."""
        return {
            "manifest": None if self.manifest is None else str(self.manifest),
            "version": self.version,
            "fingerprint": self.fingerprint,
            "is_new": self.is_new,
            "n_clips": self.n_clips,
            "n_groups": self.n_groups,
            "labels": dict(self.labels),
            "left_out": dict(self.left_out),
            "n_repeated": self.n_repeated,
        }


def export_feedback(
    database: Database,
    shelf: SoundShelf,
    out: Path,
    options: ExportOptions | None = None,
    progress: Progress = SILENT,
) -> Exported:
    """Write the next version of the dataset, or find that the last one is still right.

    What was copied by an export that was killed is not copied again.

    Raises:
        DataError: Another export is writing to the folder.
        StoreError: The database or a sound cannot be read, or the folder cannot be written.
    """
    options = options or ExportOptions()
    with _alone_in(out):
        places, chosen = _chosen(database, options)
        lost = _copy_sounds(places, chosen, shelf, out, progress)
        if lost:  # stored with consent and not there any more: somebody deleted the file
            places = {sha256: place for sha256, place in places.items() if sha256 not in lost}
            places, chosen = _chosen(database, options, frozenset(lost))
        rows = [_row_of(example, places, many=options.many) for example in chosen.examples]
        return _write_version(out, rows, chosen)


def _chosen(
    database: Database, options: ExportOptions, lost: frozenset[str] = frozenset()
) -> tuple[dict[str, str], Choice]:
    """Return the place of each sound by its hash, and the examples."""
    kept = select(Feedback.audio_sha256, Feedback.audio_place).where(Feedback.audio_kept_at.is_not(None))
    named = select(Feedback.audio_sha256, Feedback.recording).where(Feedback.recording != "")
    with database.session(reading=True) as session:
        entries = [entry_of(row) for row in wanted_rows(session, options.wanted)]
        # Whoever consented: the sound may be kept, and the label is what was said of it last.
        places = {sha256: place for sha256, place in session.execute(kept) if place and sha256 not in lost}
        # One sound has one group, or it would stand on both sides of a split: the name that was given last.
        recordings = dict(session.execute(named.order_by(Feedback.created_at)).all())
    return places, choose(entries, places, recordings, many=options.many, none_as=options.none_as)


def _copy_sounds(
    places: Mapping[str, str], chosen: Choice, shelf: SoundShelf, out: Path, progress: Progress
) -> set[str]:
    """Copy what is not there yet; returns the hashes of sounds that are gone."""
    wanted = {example.entry.audio_sha256: places[example.entry.audio_sha256] for example in chosen.examples}
    progress.start("copying sounds", len(wanted))
    lost = set()
    for sha256, place in wanted.items():
        path = out / _relative(place)
        there = path.is_file() and file_sha256(path) == sha256
        if not there and not shelf.fetch(place, sha256, path):
            lost.add(sha256)
        progress.advance()
    return lost


def _relative(place: str) -> str:
    name = place.rpartition("/")[2]
    return f"{AUDIO}/{name[:2]}/{name}"


def _row_of(example: Example, places: Mapping[str, str], *, many: bool) -> dict[str, Any]:
    entry = example.entry
    return {
        "path": _relative(places[entry.audio_sha256]),
        "labels" if many else "label": example.label,
        "group": example.group,
        "start_s": entry.start_s,
        "duration_s": _duration_s(entry),
        "who": entry.who,
        "when": entry.created_at.isoformat(timespec="seconds"),
        "said": entry.said,
        "probability": entry.probability,
        "model": entry.model,
        "model_version": entry.model_version,
        "verdict": entry.verdict,
        "comment": entry.comment,
        "feedback": entry.id,
    }


def _duration_s(entry: Entry) -> float | None:
    if entry.start_s is None or entry.end_s is None:
        return None
    return round(entry.end_s - entry.start_s, 6)


def _write_version(out: Path, rows: list[dict[str, Any]], chosen: Choice) -> Exported:
    last = max((int(found[1]) for path in out.iterdir() if (found := _DONE.fullmatch(path.name))), default=0)
    mark = fingerprint(rows)
    version, is_new = last, False
    if rows and (not last or read_json(out / f"feedback-v{last}.json").get("fingerprint") != mark):
        version, is_new = last + 1, True
    exported = Exported(
        manifest=out / f"feedback-v{version}.csv" if rows else None,
        version=version if rows else 0,
        fingerprint=mark,
        is_new=is_new,
        n_clips=len(rows),
        n_groups=len({row["group"] for row in rows}),
        labels=dict(sorted(Counter(example.label for example in chosen.examples).items())),
        left_out=chosen.left_out,
        n_repeated=chosen.n_repeated,
    )
    if is_new and exported.manifest is not None:
        write_text(exported.manifest, _csv(rows))
        facts = exported.to_dict() | {"manifest": exported.manifest.name, "created": datetime.now(UTC).isoformat()}
        write_json(exported.manifest.with_suffix(".json"), facts)
    return exported


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Make the folder and keep other exports out of it; a lock goes with its process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror or error}); choose another folder") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"{folder}: another export is writing to it; wait for its end") from error
        yield
