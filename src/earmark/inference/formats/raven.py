"""Raven selection tables: tab separated, one selection for each event, in the order of columns that Raven writes.

A table of several recordings is for opening them as one sequence: "Begin Time (s)" and "End Time (s)" count from the
start of the first, "File Offset (s)" from the start of each, https://ravensoundsoftware.com/knowledge-base/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.core.errors import DataError
from earmark.data.annotation_tables import RAVEN_BEGIN, RAVEN_END, RAVEN_OFFSET, one_view, raven_annotation, raven_label
from earmark.data.tables import Table
from earmark.inference.events import Event, FileEvents
from earmark.inference.formats.base import (
    DECIMALS,
    Gathered,
    TextSheet,
    decimal,
    join_cells,
    located,
    number,
    restored,
)
from earmark.inference.formats.rows import header_cells, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from earmark.data.tables import Row

COLUMNS = (
    "Selection",
    "View",
    "Channel",
    RAVEN_BEGIN,
    RAVEN_END,
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Annotation",
    "Confidence",
    "Begin Path",
    "Begin File",
    RAVEN_OFFSET,
)
_VIEW = "Spectrogram 1"
_CONFIDENCES = ("Confidence", "Score", "Probability")


class RavenSheet(TextSheet):
    """A selection table that is being written."""

    head = join_cells(COLUMNS, "\t")

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._n_selections = 0
        self._begin_s = 0.0  # of the recording, from the start of the sequence
        self._endless = ""  # the recording before, where its length is not known

    def lines(self, file: FileEvents) -> Iterator[str]:
        """Yield a line for each event.

        Raises:
            DataError: The length of a recording is not known, so that the ones after it cannot be placed.
        """
        if self._endless:
            raise DataError(
                f"{self._endless}: its length is not known, so a Raven table cannot tell where {file.path} begins in "
                "the sequence; write one table for each recording"
            )
        self._endless = "" if file.duration_s > 0 else file.path
        path = located(file.path)
        name = path.replace("\\", "/").rpartition("/")[2]
        for event in file.events:
            self._n_selections += 1
            yield join_cells(
                (
                    str(self._n_selections),
                    _VIEW,
                    "1",
                    decimal(self._begin_s + event.start_s),
                    decimal(self._begin_s + event.end_s),
                    "0.0",
                    decimal(file.rate_hz / 2),
                    event.label,
                    decimal(event.probability),
                    path,
                    name,
                    decimal(event.start_s),
                ),
                "\t",
            )
        self._begin_s = round(self._begin_s + file.duration_s, DECIMALS)


def open_raven(path: Path, about: Mapping[str, Any]) -> RavenSheet:  # noqa: ARG001
    """Open a selection table for writing."""
    return RavenSheet(path)


def is_raven(beginning: bytes) -> bool:
    """Return whether the first line is the header of a selection table."""
    return b"\t" in beginning and RAVEN_BEGIN in header_cells(beginning)


def read_raven(path: Path, recording: str) -> list[FileEvents]:
    """Return the selections of a table of earmark, Raven or BirdNET-Analyzer, each once.

    What has no confidence was drawn by a person and counts as certain (1). Rows that say that nothing was heard
    ("nocall" with that species code) are left out. Selections of a table that names no file are of `recording`.

    Raises:
        DataError: A column, label or time is missing.
    """
    views = {row.text("View") for row in read_rows(path)}
    rows = read_rows(path) if len(views) < 2 else iter(one_view(read_rows(path)))
    gathered, label_column, confidence = Gathered(), "", None
    for row in rows:
        if not label_column:
            label_column = raven_label(Table(path, tuple(row.cells), ()), None)
            confidence = next((name for name in _CONFIDENCES if name in row.cells), None)
        if row.text("Species Code") == "nocall":
            continue
        found = raven_annotation(row, label_column).annotation
        times = (round(found.start_s, DECIMALS), round(found.end_s, DECIMALS))
        gathered.add(_named(row) or recording, Event(*times, found.label, number(row, confidence, 1.0)))
    return gathered.files()


def _named(row: Row) -> str:
    return restored(str(row.cells.get("Begin Path") or row.cells.get("Begin File") or ""))
