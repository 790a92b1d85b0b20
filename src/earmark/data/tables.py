"""Rows of text tables with the place of each row, for messages that point at the line.

CSV, TSV and semicolon tables, JSON (a list, or an object with "clips") and JSON lines all become a `Table`. A byte
order mark, CRLF, quoted line breaks and blank lines are taken as they come.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from earmark.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Row:
    """One row: its place, such as ``clips.csv:41``, and its cells by column."""

    where: str
    cells: Mapping[str, Any]

    def text(self, column: str | None) -> str:
        """Return a cell as stripped text, empty where there is none. Raises DataError for lists and objects."""
        value = None if column is None else self.cells.get(column)
        if value is None:
            return ""
        if isinstance(value, (list, dict)):
            raise DataError(f'{self.where}: column "{column}" holds {value!r}, expected one text or number')
        return str(value).strip()

    def seconds(self, column: str | None) -> float | None:
        """Return a cell as seconds, None where it is empty. Raises DataError unless finite and at least 0."""
        text = self.text(column)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not 0 <= value < float("inf"):
            raise DataError(f'{self.where}: column "{column}" holds "{text}", expected seconds such as 12.5')
        return value


@dataclass(frozen=True)
class Table:
    """Columns in order and rows; `header` holds what a JSON object says beside its clips."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    header: Mapping[str, Any] = field(default_factory=dict)

    def has(self, column: str) -> bool:
        """Return whether any row has something in this column."""
        return column in self.columns and any(row.cells.get(column) not in (None, "", []) for row in self.rows)

    def column_like(self, name: str) -> str | None:
        """Return the column of this name, in capitals or not; one that is written just so wins."""
        return name if name in self.columns else next((c for c in self.columns if c.lower() == name), None)


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Return a text file's content without byte order mark. Raises DataError if it is missing or not text."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        text = decoded(content, encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path.name}:{line}: byte 0x{content[error.start]:02x} is not {error.encoding} text; save the file as "
            'UTF-8 or name its encoding, for example encoding="latin-1"'
        ) from error
    if "\0" in text:
        raise DataError(f"{path}: is not a text file (it holds zero bytes); expected CSV, TSV, JSON or JSON lines")
    return text


def decoded(content: bytes, encoding: str, errors: str = "strict") -> str:
    """Return bytes as text, by their byte order mark where there is one.

    Raises:
        DataError: The encoding is not known.
        UnicodeDecodeError: The bytes are not of it, and `errors` is "strict".
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), encoding)
    try:
        return content.decode(encoding, errors)
    except LookupError as error:
        raise DataError(f'unknown encoding "{encoding}"; use a name such as utf-8 or latin-1') from error


def read_table(path: Path, encoding: str = "utf-8") -> Table:
    """Return the rows of a .csv, .tsv, .txt, .json, .jsonl or .ndjson file.

    Raises:
        DataError: It cannot be read, a line does not fit the header, or there is no row at all.
    """
    text = read_text(path, encoding)
    suffix = path.suffix.lower()
    if suffix == ".json":
        table = _parse_json(path, text)
    elif suffix in {".jsonl", ".ndjson"}:
        table = _from_objects(path, list(_json_lines(path, text)), {})
    else:
        table = parse_delimited(path, text)
    if not table.columns:
        raise DataError(f"{path}: is empty, expected a header line and one line for each clip")
    return table


def parse_delimited(path: Path, text: str) -> Table:
    """Return the table in a text whose first line names the columns.

    The separator is the tab, comma or semicolon that stands most often in the header.

    Raises:
        DataError: A line does not fit the header, or a quote is not closed.
    """
    head = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max("\t,;", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    try:
        first_line = 1
        for cells in reader:
            where, first_line = f"{path.name}:{first_line}", reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _checked_columns(where, [cell.strip() for cell in cells])
            elif len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
                raise DataError(
                    f"{where}: found {len(cells)} cells, but the header names {len(columns)} columns; "
                    f"put cells that hold {delimiter!r} in double quotes"
                )
            else:
                rows.append(Row(where, dict(zip(columns, cells, strict=False))))
    except csv.Error as error:
        raise DataError(f"{path.name}:{reader.line_num}: is not a valid table line ({error})") from error
    return Table(path, columns, tuple(rows))


def _checked_columns(where: str, columns: list[str]) -> tuple[str, ...]:
    for column in columns:
        if column and columns.count(column) > 1:
            raise DataError(f'{where}: column "{column}" stands twice in the header; rename one of them')
    return tuple(columns)


def _parse_json(path: Path, text: str) -> Table:
    value = _loads(path.name, text)
    header = value if isinstance(value, dict) else {}
    entries = header.get("clips") if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise DataError(f'{path}: expected a list of clips, or an object with a list under "clips"')
    objects = [(f"{path.name}: clip {number}", entry) for number, entry in enumerate(entries, start=1)]
    return _from_objects(path, objects, {key: item for key, item in header.items() if key != "clips"})


def _json_lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path.name}:{number}"
            yield where, _loads(where, line)


def _loads(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"{where}: is not valid JSON ({error})") from error
    except RecursionError as error:
        raise DataError(f"{where}: is nested too deeply to be a list of clips") from error


def _from_objects(path: Path, objects: list[tuple[str, Any]], header: Mapping[str, Any]) -> Table:
    columns: dict[str, None] = {}
    for where, entry in objects:
        if not isinstance(entry, dict):
            raise DataError(f'{where}: found {entry!r}, expected an object such as {{"path": ..., "label": ...}}')
        columns.update(dict.fromkeys(entry))
    return Table(path, tuple(columns), tuple(Row(where, entry) for where, entry in objects), header)
