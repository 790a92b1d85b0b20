"""Kaleidoscope's table of results: CSV with the columns that Kaleidoscope shows, and no others.

Of a table with a column that it does not know, Kaleidoscope shows only the names of the files
(BirdNET-Analyzer issue 855). The probability stands in TOP1DIST, as BirdNET-Analyzer has it since.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from earmark.core.errors import DataError
from earmark.inference.events import Event, FileEvents
from earmark.inference.formats.base import DECIMALS, Gathered, TextSheet, decimal, join_cells, located, number, restored
from earmark.inference.formats.rows import header_cells, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from earmark.data.tables import Row

COLUMNS = ("INDIR", "FOLDER", "IN FILE", "OFFSET", "DURATION", "TOP1MATCH", "TOP1DIST", "MANUAL ID")
_LABELS = ("MANUAL ID", "TOP1MATCH", "AUTO ID", "common_name", "scientific_name")
_PROBABILITIES = ("TOP1DIST", "confidence")
_DRIVE = re.compile(r"[A-Za-z]:\\")


class KaleidoscopeSheet(TextSheet):
    """A table of results that is being written."""

    head = join_cells(COLUMNS, ",")

    def lines(self, file: FileEvents) -> Iterator[str]:
        """Yield a line for each event; MANUAL ID is left for the person who listens."""
        parent, _, name = located(file.path).rpartition("/")
        folder_above, _, folder = parent.rpartition("/")
        for event in file.events:
            length_s = decimal(event.end_s - event.start_s)
            numbers = (decimal(event.start_s), length_s)
            match = (event.label, decimal(event.probability), "")
            yield join_cells((folder_above or "/", folder, name, *numbers, *match), ",")


def open_kaleidoscope(path: Path, about: Mapping[str, Any]) -> KaleidoscopeSheet:  # noqa: ARG001
    """Open a table of results for writing."""
    return KaleidoscopeSheet(path)


def is_kaleidoscope(beginning: bytes) -> bool:
    """Return whether the first line is the header of such a table."""
    return {"IN FILE", "OFFSET", "DURATION"} <= {_plain(cell) for cell in header_cells(beginning)}


def read_kaleidoscope(path: Path, recording: str) -> list[FileEvents]:  # noqa: ARG001
    """Return the events in a table of earmark, Kaleidoscope or BirdNET-Analyzer.

    MANUAL ID, what a person said, counts before the match of a program; such a row is certain (1), and so is one
    without a probability. Kaleidoscope's own TOP1DIST is a distance from a cluster and no probability: in a table with
    its "TOP1MATCH*" it is not read as one.

    Raises:
        DataError: A column, file or label is missing, or a number is none.
    """
    gathered = Gathered()
    for row in read_rows(path):
        names = {_plain(column): column for column in row.cells}
        label_column = next((names[name] for name in _LABELS if name in names and row.text(names[name])), None)
        file = _file(row, names)
        if label_column is None or not file:
            raise DataError(f"{row.where}: expected IN FILE, and a label in {', '.join(_LABELS[:2])}")
        start_s, length_s = (number(row, names.get(name), 0.0) for name in ("OFFSET", "DURATION"))
        theirs = "TOP1MATCH*" in row.cells or _plain(label_column) == "MANUAL ID"
        column = None if theirs else next((names[name] for name in _PROBABILITIES if name in names), None)
        event = Event(start_s, round(start_s + length_s, DECIMALS), row.text(label_column), number(row, column, 1.0))
        gathered.add(file, event)
    return gathered.files()


def _plain(column: str) -> str:
    """Return a column's name without the star that Kaleidoscope puts behind the ones it sorts by."""
    return column.strip().rstrip("*")


def _file(row: Row, names: Mapping[str, str]) -> str:
    above, folder, name = (str(row.cells.get(names.get(column, "")) or "") for column in ("INDIR", "FOLDER", "IN FILE"))
    if _DRIVE.match(above):  # of Windows; elsewhere a backslash may be part of a name
        above, folder = above.replace("\\", "/"), folder.replace("\\", "/")
    inner = f"{folder}/{name}" if folder and name else name
    if not (name and above):
        return restored(inner)
    above = above[:-1] if above.endswith("/") and not above.endswith(":/") else above
    return restored(f"{above}/{inner}")
