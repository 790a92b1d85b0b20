"""CSV: one row for each event, with names of columns that `earmark train` also reads as labelled clips.

Read back, it may also be the table of another program: the columns that BirdNET-Analyzer writes are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.core.errors import DataError
from earmark.inference.events import Event, FileEvents
from earmark.inference.formats.base import Gathered, TextSheet, decimal, join_cells, number, restored
from earmark.inference.formats.rows import header_cells, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# not "duration_s": a manifest would take it for the length of the clip
COLUMNS = ("file", "start_s", "end_s", "label", "probability", "file_duration_s", "rate_hz", "n_channels")
_NAMES = {
    "file": ("file", "path", "filepath"),
    "start": ("start_s", "start (s)", "start"),
    "end": ("end_s", "end (s)", "end"),
    "label": ("label", "common name", "common_name", "scientific name", "scientific_name"),
    "probability": ("probability", "confidence", "score"),
}
_NEEDED = ("file", "start", "end", "label")


class CsvSheet(TextSheet):
    """A CSV file that is being written."""

    head = join_cells(COLUMNS, ",")

    def lines(self, file: FileEvents) -> Iterator[str]:
        """Yield a line for each event."""
        facts = (decimal(file.duration_s), str(file.rate_hz), str(file.n_channels))
        for event in file.events:
            times = (decimal(event.start_s), decimal(event.end_s))
            yield join_cells((file.path, *times, event.label, decimal(event.probability), *facts), ",")


def open_csv(path: Path, about: Mapping[str, Any]) -> CsvSheet:  # noqa: ARG001
    """Open a CSV file for writing."""
    return CsvSheet(path)


def is_csv(beginning: bytes) -> bool:
    """Return whether the first line names a file, a start, an end and a label."""
    found = _columns(header_cells(beginning))
    return all(name in found for name in _NEEDED)


def read_csv(path: Path, recording: str) -> list[FileEvents]:  # noqa: ARG001
    """Return the events in a CSV file.

    Raises:
        DataError: A column is missing, or a cell does not hold what it should.
    """
    gathered, columns = Gathered(), dict[str, str]()
    for row in read_rows(path):
        columns = columns or _columns(row.cells)
        missing = [name for name in _NEEDED if not row.text(columns.get(name))]
        if missing:
            raise DataError(f"{row.where}: has no {missing[0]}, expected {', '.join(_NEEDED)} in every row")
        start_s, end_s = (number(row, columns[name], 0.0) for name in ("start", "end"))
        probability = number(row, columns.get("probability"), 1.0)
        duration_s, rate_hz, n_channels = (number(row, name, 0) for name in COLUMNS[-3:])
        event = Event(start_s, end_s, row.text(columns["label"]), probability)
        gathered.add(restored(str(row.cells[columns["file"]])), event, (duration_s, int(rate_hz), int(n_channels)))
    return gathered.files()


def _columns(names: Mapping[str, Any] | list[str]) -> dict[str, str]:
    by_lower = {name.lower(): name for name in names}
    found = {role: next((by_lower[name] for name in known if name in by_lower), None) for role, known in _NAMES.items()}
    return {role: name for role, name in found.items() if name is not None}
