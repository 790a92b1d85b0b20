"""Rows of delimited text files, one at a time: a table of a million events is never held whole as text."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from earmark.core.errors import DataError
from earmark.data.tables import Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SEPARATORS = ",\t;"


def header_cells(beginning: bytes) -> list[str]:
    """Return the columns that a file's first line names, none where it is no text."""
    line = next((line for line in beginning.decode("utf-8-sig", "replace").splitlines() if line.strip()), "")
    return [cell.strip().strip('"') for cell in line.split(_separator(line))]


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a table whose first line names the columns.

    Raises:
        DataError: It cannot be read, is not UTF-8, or a line does not fit the header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(path, file.readline(), file)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text ({error.reason}); save the file as UTF-8") from error


def _rows(path: Path, head: str, lines: Iterator[str]) -> Iterator[Row]:
    separator = _separator(head)
    columns = [cell.strip() for cell in next(csv.reader([head], delimiter=separator), [])]
    reader = csv.reader(lines, delimiter=separator, strict=True)
    first_line = 2
    try:
        for cells in reader:
            where, first_line = f"{path.name}:{first_line}", reader.line_num + 2
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(columns):
                raise DataError(f"{where}: found {len(cells)} cells, but the header names {len(columns)} columns")
            yield Row(where, dict(zip(columns, cells, strict=False)))
    except csv.Error as error:
        raise DataError(f"{path.name}:{first_line}: is not a valid table line ({error})") from error


def _separator(line: str) -> str:
    return max(_SEPARATORS, key=line.count)
