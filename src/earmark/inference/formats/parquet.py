"""Parquet: the columns of the CSV table with their types, in row groups, through pyarrow (extra "parquet")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.core.errors import DataError
from earmark.core.optional import import_extra
from earmark.inference.events import Event, FileEvents
from earmark.inference.formats.base import Gathered, restored
from earmark.inference.formats.csv_table import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GROUP_ROWS = 65_536
_TYPES = ("string", "float64", "float64", "string", "float64", "float64", "int32", "int32")


class ParquetSheet:
    """A Parquet file that is being written; holds one row group in memory."""

    def __init__(self, path: Path) -> None:
        self._pyarrow = import_extra("pyarrow", "parquet", "Writing Parquet")
        parquet = import_extra("pyarrow.parquet", "parquet", "Writing Parquet")
        types = zip(COLUMNS, _TYPES, strict=True)
        self._schema = self._pyarrow.schema([(name, getattr(self._pyarrow, kind)()) for name, kind in types])
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[tuple[Any, ...]] = []

    def add(self, file: FileEvents) -> None:
        """Write the events of one recording, or keep them for the next row group."""
        path = file.path.encode(errors="backslashreplace").decode()
        facts = (file.duration_s, file.rate_hz, file.n_channels)
        for event in file.events:
            self._rows.append((path, event.start_s, event.end_s, event.label, event.probability, *facts))
            if len(self._rows) == GROUP_ROWS:
                self._flush()

    def close(self) -> None:
        """Write the last row group and close the file."""
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        columns = zip(*self._rows, strict=True)
        arrays = [self._pyarrow.array(values, kind) for values, kind in zip(columns, self._schema.types, strict=True)]
        self._writer.write_table(self._pyarrow.Table.from_arrays(arrays, schema=self._schema), GROUP_ROWS)
        self._rows = []


def open_parquet(path: Path, about: Mapping[str, Any]) -> ParquetSheet:  # noqa: ARG001
    """Open a Parquet file for writing.

    Raises:
        MissingExtraError: The extra "parquet" is not installed.
    """
    return ParquetSheet(path)


def is_parquet(beginning: bytes) -> bool:
    """Return whether a file begins as Parquet does."""
    return beginning.startswith(b"PAR1")


def read_parquet(path: Path, recording: str) -> list[FileEvents]:  # noqa: ARG001
    """Return the events in a Parquet file.

    Raises:
        DataError: It is damaged, or has not the columns of this format.
        MissingExtraError: The extra "parquet" is not installed.
    """
    parquet = import_extra("pyarrow.parquet", "parquet", "Reading Parquet")
    gathered = Gathered()
    try:
        with parquet.ParquetFile(path) as file:
            missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
            if missing:
                raise DataError(f"{path}: has no column {', '.join(missing)}; expected {', '.join(COLUMNS)}")
            for batch in file.iter_batches(GROUP_ROWS, columns=list(COLUMNS)):
                columns = (column.to_pylist() for column in batch.columns)
                for name, start_s, end_s, label, probability, *facts in zip(*columns, strict=True):
                    duration_s, rate_hz, n_channels = facts
                    event = Event(start_s, end_s, label, probability)
                    gathered.add(restored(name), event, (duration_s, rate_hz, n_channels))
    except (OSError, ValueError, TypeError) as error:  # pyarrow's own errors are OSErrors and ValueErrors
        raise DataError(f"{path}: cannot be read as Parquet ({error})") from error
    return gathered.files()
