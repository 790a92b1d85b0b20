"""Annotation files of other programs: Raven selection tables and Audacity labels.

Raven: tab separated with a header, https://www.ravensoundsoftware.com/knowledge-base/ (selection tables). A table
saved with two views lists every selection twice; times are from the start of a sequence of files, "File Offset (s)"
is from the start of the file. Audacity: ``start<tab>end<tab>label`` without header; a line that begins with a
backslash holds the low and high frequency of the label above it (-1 where undefined),
https://manual.audacityteam.org/man/importing_and_exporting_labels.html.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from earmark.core.errors import DataError, did_you_mean
from earmark.data.annotations import Annotation
from earmark.data.tables import Row, Table, parse_delimited

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

RAVEN_BEGIN = "Begin Time (s)"
RAVEN_END = "End Time (s)"
RAVEN_LENGTH = "Delta Time (s)"
RAVEN_OFFSET = "File Offset (s)"
RAVEN_LABELS = ("Annotation", "Species", "Common Name", "Label", "Call Type", "Class", "Tags")
_FILE_COLUMNS = ("Begin Path", "Begin File")

TableKind = Literal["raven", "audacity"]


@dataclass(frozen=True)
class FileAnnotation:
    """An annotation with the audio file that its table names ("" where it names none).

    `next_file` is the file that the selection runs into, for selections across two files of a sequence.
    """

    file: str
    annotation: Annotation
    next_file: str = ""


def table_kind(text: str) -> TableKind | None:
    """Return which kind of annotation table a text is, or None if it is neither."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    cells = line.split("\t")
    if RAVEN_BEGIN in (cell.strip() for cell in cells):
        return "raven"
    if len(cells) >= 2 and _number(cells[0]) is not None and _number(cells[1]) is not None:
        return "audacity"
    return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def parse_raven(path: Path, text: str, label_column: str | None) -> list[FileAnnotation]:
    """Return the selections of a Raven table.

    Raises:
        DataError: A column, label or time is missing, or a table of several files has no "File Offset (s)".
    """
    table = parse_delimited(path, text)
    label_column = raven_label(table, label_column)
    files = {_raven_file(row) for row in table.rows}
    if len(files) > 1 and RAVEN_OFFSET not in table.columns:
        raise DataError(
            f'{path.name}: selections in {len(files)} files, but no column "{RAVEN_OFFSET}"; add it to the table in '
            "Raven (Choose Measurements) and save again"
        )
    return [raven_annotation(row, label_column) for row in one_view(table.rows)]


def raven_label(table: Table, asked: str | None) -> str:
    """Return the column that holds the labels. Raises DataError where there is none."""
    known = (asked,) if asked is not None else RAVEN_LABELS
    found = next((name for name in known if name in table.columns), None)
    if found is None:
        name = asked or RAVEN_LABELS[0]
        raise DataError(
            f'{table.path.name}: no annotation column "{name}"; name the column that holds the label with label_column'
            f"{did_you_mean(name, table.columns)}"
        )
    return found


def one_view(rows: Iterable[Row]) -> list[Row]:
    """Return the rows without the second mention of a selection that was saved for two views."""
    first_view: dict[tuple[str, ...], str] = {}
    columns = ("Selection", RAVEN_BEGIN, RAVEN_END, *_FILE_COLUMNS)
    kept = []
    for row in rows:
        view = row.text("View")
        if first_view.setdefault(tuple(row.text(name) for name in columns), view) == view:
            kept.append(row)
    return kept


def _raven_file(row: Row) -> str:
    return next((row.text(name) for name in _FILE_COLUMNS if row.text(name)), "")


def raven_annotation(row: Row, label_column: str) -> FileAnnotation:
    """Return a row as an annotation, its times from the start of the file. Raises DataError where one is missing."""
    label = row.text(label_column)
    if not label:
        raise DataError(
            f'{row.where}: label is missing (column "{label_column}" is empty); fill it in or delete the line'
        )
    begin_s, end_s, length_s = (row.seconds(name) for name in (RAVEN_BEGIN, RAVEN_END, RAVEN_LENGTH))
    if begin_s is None or (end_s is None and length_s is None):
        raise DataError(f'{row.where}: "{RAVEN_BEGIN}" or "{RAVEN_END}" is empty, expected seconds')
    length_s = end_s - begin_s if end_s is not None else length_s or 0.0
    file = _raven_file(row)
    offset_s = row.seconds(RAVEN_OFFSET) if file else None
    start_s = begin_s if offset_s is None else offset_s
    annotation = Annotation(
        label,
        start_s,
        round(start_s + length_s, 9),
        row.seconds("Low Freq (Hz)"),
        row.seconds("High Freq (Hz)"),
        row.where,
    )
    begin_file, end_file = row.text("Begin File"), row.text("End File")
    return FileAnnotation(file, annotation, end_file if begin_file and end_file != begin_file else "")


def parse_audacity(path: Path, text: str) -> list[FileAnnotation]:
    """Return the labels of an Audacity label track.

    Raises:
        DataError: A line is not ``start<tab>end<tab>label``, or a frequency line stands first.
    """
    annotations: list[Annotation] = []
    # not splitlines: it also breaks at 0x85, which is an ellipsis in a Windows file that is read as Latin-1
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        where = f"{path.name}:{number}"
        cells = line.rstrip("\n").split("\t")
        if not line.strip():
            continue
        if cells[0].strip() == "\\":
            if not annotations:
                raise DataError(f"{where}: a frequency line without a label above it")
            low_hz, high_hz = (_frequency(where, cells, position) for position in (1, 2))
            annotations[-1] = replace(annotations[-1], low_hz=low_hz, high_hz=high_hz)
        else:
            annotations.append(_audacity_label(where, cells))
    return [FileAnnotation("", annotation) for annotation in annotations]


def _audacity_label(where: str, cells: list[str]) -> Annotation:
    start_s, end_s = (_number(cells[position]) if len(cells) > position else None for position in (0, 1))
    if start_s is None or end_s is None:
        found = "\t".join(cells)
        raise DataError(f"{where}: found {found!r}, expected start, end and label with tabs between them")
    label = cells[2].strip() if len(cells) > 2 else ""
    if not label:
        raise DataError(
            f"{where}: label is missing, expected a text after the second tab; fill it in or delete the line"
        )
    return Annotation(label, start_s, end_s, where=where)


def _frequency(where: str, cells: list[str], position: int) -> float | None:
    value = _number(cells[position]) if len(cells) > position else None
    if value is None:
        raise DataError(f"{where}: frequency line needs a low and a high frequency after the backslash")
    return value if value >= 0 else None
