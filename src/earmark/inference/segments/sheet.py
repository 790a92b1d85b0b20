"""The table of cut clips, `segments.csv`: where each came from, and a place for what a person says of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.core.errors import DataError
from earmark.core.files import write_bytes
from earmark.data.tables import Row, read_table
from earmark.inference.formats.base import decimal, join_cells, restored

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SHEET_NAME = "segments.csv"
COLUMNS = (
    "clip",
    "label",
    "correct",
    "detected",
    "probability",
    "recording",
    "start_s",
    "end_s",
    "clip_start_s",
    "clip_end_s",
)


@dataclass(frozen=True)
class Segment:
    """A clip of a detection.

    Attributes:
        clip: The file below the folder, with forward slashes, where it was cut to.
        label: What it is; as detected until a person changes it.
        correct: What a person says: yes, no, unsure; "" while nothing was said.
        detected: The label that was detected.
        probability: Of the detection.
        recording: The recording as the detections name it.
        times_s: Where in the recording the detection begins and ends.
        clip_times_s: Where in the recording the clip begins and ends.
    """

    clip: str
    label: str
    correct: str
    detected: str
    probability: float
    recording: str
    times_s: tuple[float, float]
    clip_times_s: tuple[float, float]


def write_sheet(folder: Path, segments: Iterable[Segment]) -> None:
    """Write the table of a folder of clips.

    Raises:
        StoreError: It cannot be written.
    """
    lines = [join_cells(COLUMNS, ",")]
    for segment in segments:
        said = (segment.clip, segment.label, segment.correct, segment.detected, decimal(segment.probability))
        times = map(decimal, (*segment.times_s, *segment.clip_times_s))
        lines.append(join_cells((*said, segment.recording, *times), ","))
    write_bytes(folder / SHEET_NAME, "".join(lines).encode(errors="backslashreplace"))


def read_sheet(folder: Path) -> list[Segment]:
    """Return the table of a folder of clips, as it was written or edited.

    Raises:
        DataError: It is missing, lacks a column, or a number is none.
    """
    path = folder / SHEET_NAME
    if not path.is_file():
        raise DataError(f"{folder}: has no {SHEET_NAME}, expected a folder that earmark segments made")
    table = read_table(path)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise DataError(f"{path}: has no column {', '.join(missing)}; only label and correct are to be changed")
    return [_segment(row) for row in table.rows]


def _segment(row: Row) -> Segment:
    texts = {name: row.text(name) for name in COLUMNS[:4]}
    if not texts["clip"] or not texts["detected"]:
        raise DataError(f"{row.where}: clip or detected is empty; only label and correct are to be changed")
    probability, start_s, end_s, clip_start_s, clip_end_s = (_number(row, name) for name in (COLUMNS[4], *COLUMNS[6:]))
    recording = restored(str(row.cells["recording"]))
    return Segment(
        **texts,
        probability=probability,
        recording=recording,
        times_s=(start_s, end_s),
        clip_times_s=(clip_start_s, clip_end_s),
    )


def _number(row: Row, column: str) -> float:
    try:
        value = float(row.text(column))
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise DataError(
            f'{row.where}: column "{column}" holds "{row.text(column)}", expected the number that was written there; '
            "some spreadsheets turn 1.5 into a date: read the column as text, or change only the folders"
        )
    return value
