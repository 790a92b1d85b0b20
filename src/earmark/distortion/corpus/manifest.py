"""A corpus on disk.

`corpus.json` says what it is, `rows.jsonl` has a line for each clip that was made, and `clips.csv` is what
`earmark train` and `earmark experiment` read.
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError
from earmark.core.files import write_text
from earmark.distortion.severity import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

ROWS_FILE = "rows.jsonl"
OPTIONS_FILE = "corpus.json"
CLIPS_FILE = "clips.csv"
AUDIO_FOLDER = "audio"


@dataclass(frozen=True)
class CorpusRow:
    """A clip of a corpus.

    Attributes:
        id: Its name; the sound is `audio/<split>/<id>.flac`.
        split: What it is for.
        part: What it is an example of: clean, hard, grid, single, two, partial.
        source: Package or collection of the track.
        track: The piece; clips of one piece share a group.
        kind: Sort of music or speech.
        lossless: Whether the track was never coded.
        start_s: Where it begins in the track.
        duration_s: Its length.
        rate_hz: Sample rate.
        n_channels: Channels.
        variant: What clean sound was made like.
        span: Where the faults are, in seconds, None for everywhere.
        effects: Names of the effects, in order.
        presence: By type: 1, 0, None where not asked.
        severity: By type; None where not known.
        steps: What each effect did.
    """

    id: str
    split: str
    part: str
    source: str
    track: str
    kind: str
    lossless: bool
    start_s: float
    duration_s: float
    rate_hz: int
    n_channels: int
    variant: str
    span: tuple[float, float] | None
    effects: tuple[str, ...]
    presence: dict[str, float | None]
    severity: dict[str, float | None]
    steps: tuple[dict[str, Any], ...]

    @property
    def file(self) -> str:
        """Path of the sound below the corpus."""
        return f"{AUDIO_FOLDER}/{self.split}/{self.id}.flac"

    def line(self) -> str:
        """Return the row as one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"), sort_keys=True) + "\n"


def by_type(values: NDArray[np.float32]) -> dict[str, float | None]:
    """Return one value for each type, None for NaN."""
    pairs = zip(KINDS, values.tolist(), strict=True)
    return {kind: None if math.isnan(value) else round(value, 5) for kind, value in pairs}


def read_rows(folder: Path) -> list[CorpusRow]:
    """Return the clips that were made, in the order of their names; a torn last line is left out.

    Raises:
        DataError: There is no corpus in the folder, or a row is not one.
    """
    path = folder / ROWS_FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError as error:
        raise DataError(f"{folder}: holds no {ROWS_FILE}, expected the folder of a corpus") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no text ({error}); build the corpus again") from error
    rows = [_row(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.endswith("\n")]
    return sorted({row.id: row for row in rows}.values(), key=lambda row: row.id)


def targets_of(rows: Sequence[CorpusRow]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return presence and severity of rows, float32 (n_rows, 5) each, NaN where not asked or not known."""
    return _table([row.presence for row in rows]), _table([row.severity for row in rows])


def write_clips(folder: Path, rows: Iterable[CorpusRow]) -> int:
    """Write `clips.csv`, the clips whose five answers are yes or no, as a dataset of labels; return their number.

    Clips with a trace of a fault are left out: a trace is neither asked for nor held against a model. Types that
    cannot be told in a clip, such as stereo faults in mono, count as not there.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "labels", "group", "fold", "source", "part", "duration_s", "rate_hz"])
    n_clips = 0
    for row in rows:
        if any(row.presence[kind] is None and row.severity[kind] is not None for kind in KINDS):
            continue
        labels = ";".join(kind for kind in KINDS if row.presence[kind] == 1)
        writer.writerow(
            [row.file, labels, row.track, row.split, row.source, row.part, f"{row.duration_s:.3f}", row.rate_hz]
        )
        n_clips += 1
    write_text(folder / CLIPS_FILE, text.getvalue())
    return n_clips


def _table(values: Sequence[dict[str, float | None]]) -> NDArray[np.float32]:
    table = [[math.nan if row[kind] is None else row[kind] for kind in KINDS] for row in values]
    return np.array(table, dtype=np.float32).reshape(len(values), len(KINDS))


def _row(line: str, where: str) -> CorpusRow:
    try:
        values = json.loads(line)
        for name in ("effects", "steps"):
            values[name] = tuple(values[name])
        values["span"] = tuple(values["span"]) if values["span"] else None
        return CorpusRow(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{where}: is not a row of a corpus ({error}); build the corpus again") from error
