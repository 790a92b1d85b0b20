"""Manifests: one row for each clip, as CSV, TSV, JSON or JSON lines.

A column "label" holds one label. A column "labels" holds any number (a list in JSON, ``a;b`` in tables) and may be
empty, which says that none of the labels is heard.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.core.errors import DataError, did_you_mean
from earmark.core.progress import SILENT
from earmark.data.annotations import Annotation, Recording, recording_clips
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset, Task
from earmark.data.grouping import group_of, group_rule
from earmark.data.paths import clip_id, moved, recording_ids, resolve
from earmark.data.tables import Row, Table, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.core.progress import Progress
    from earmark.data.options import LoadOptions

COLUMNS: dict[str, tuple[str, ...]] = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "audio"),
    "label": ("label", "labels", "category", "class", "species"),
    "fold": ("fold", "split"),
    "id": ("id",),
    "start": ("start_s",),
    "duration": ("duration_s",),
    "end": ("end_s",),
}
MANY_COLUMN = "labels"
DEFAULT_SEPARATOR = ";"
_NAMELESS = {"clips", "metadata"}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Columns:
    path: str
    label: str
    group: str
    fold: str | None
    id: str | None
    start: str | None
    duration: str | None
    end: str | None


@dataclass(frozen=True)
class _Entry:
    row: Row
    recording: str
    path: Path


def load_manifest(path: Path, options: LoadOptions, progress: Progress = SILENT) -> Dataset:
    """Return the dataset that a manifest file lists.

    Raises:
        DataError: A column, label or file is missing, an id stands twice, or the file is not a table.
    """
    table = read_table(path, options.encoding)
    return dataset_of_table(table, options, progress)


def dataset_of_table(table: Table, options: LoadOptions, progress: Progress = SILENT) -> Dataset:
    """Return the dataset of a table that was read already.

    Raises:
        DataError: See `load_manifest`.
    """
    columns = _find_columns(table, options)
    entries = _entries(table, columns, options, progress)
    if options.window_s is None:
        clips = _clips(entries, columns, options)
    else:
        clips = recording_clips(_recordings(entries, columns, options), options)
    if not clips:
        raise DataError(f"{table.path}: no clip is left of {len(table.rows)} rows")
    return _assemble(table, columns, clips, options)


def _find_columns(table: Table, options: LoadOptions) -> _Columns:
    start = _column(table, "start", options.start_column)
    spans = start is not None or options.duration_column is not None
    return _Columns(
        path=_needed(table, "path", options.path_column),
        label=_needed(table, "label", options.label_column),
        group=group_rule(options.group_by, table),
        fold=_column(table, "fold", options.fold_column),
        id=_column(table, "id", options.id_column),
        start=start,
        # without a start, a column "duration_s" only describes the file, often rounded: not a cut
        duration=_column(table, "duration", options.duration_column) if spans else None,
        end=_column(table, "end", options.end_column),
    )


def _column(table: Table, role: str, asked: str | None) -> str | None:
    if asked is not None:
        if asked not in table.columns:
            raise DataError(
                f'{table.path.name}: no column "{asked}" for the {role}{did_you_mean(asked, table.columns)}'
            )
        return asked
    return next((column for name in COLUMNS[role] if (column := table.column_like(name)) is not None), None)


def _needed(table: Table, role: str, asked: str | None) -> str:
    found = _column(table, role, asked)
    if found is None:
        names = ", ".join(f'"{name}"' for name in COLUMNS[role])
        raise DataError(
            f"{table.path.name}: no column for the {role}; expected one of {names}, or name it with {role}_column"
            f"{did_you_mean(role, table.columns)}"
        )
    return found


def _entries(table: Table, columns: _Columns, options: LoadOptions, progress: Progress) -> list[_Entry]:
    base = options.audio_dir or table.path.parent
    files: list[tuple[str, Path]] = []
    for row in table.rows:
        text = row.text(columns.path)
        if not text:
            raise DataError(f'{row.where}: column "{columns.path}" is empty, expected the path of an audio file')
        path = resolve(text, base)
        if options.audio_dir is not None and Path(text).is_absolute() and not path.is_file():
            path = moved(path, base)  # a path of another machine: audio_dir says where its folder is here
        files.append((text, path))
    names = recording_ids(files, base)
    entries = [_Entry(row, name, path) for row, name, (_, path) in zip(table.rows, names, files, strict=True)]
    absent = set(absent_files([(entry.row.where, entry.path) for entry in entries], options, progress))
    return [entry for position, entry in enumerate(entries) if position not in absent]


def absent_files(files: Sequence[tuple[str, Path]], options: LoadOptions, progress: Progress) -> list[int]:
    """Return the positions to skip because the audio file is not there.

    Raises:
        DataError: A file is missing and `options.missing` is "error".
    """
    if options.missing == "keep":
        return []
    there: dict[Path, bool] = {}
    absent = [
        position
        for position, (_, path) in enumerate(files)
        if not there.setdefault(path, path.is_file())  # one look for all clips of a long recording
    ]
    if absent and options.missing == "error":
        where, path = files[absent[0]]
        others = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        raise DataError(
            f"{where}: audio file {path} is not there{others}; correct the path, name its folder with audio_dir, or "
            'leave such clips out with missing="skip"'
        )
    if absent:
        progress.note(f"skipped {len(absent)} of {len(files)} clips whose audio file is not there")
        _LOG.warning("skipped, not there: %s", ", ".join(str(files[position][1]) for position in absent))
    return absent


def _span(row: Row, columns: _Columns) -> tuple[float, float | None]:
    start_s = row.seconds(columns.start) or 0.0
    duration_s = row.seconds(columns.duration)
    end_s = row.seconds(columns.end)
    if duration_s is None and end_s is not None:
        duration_s = end_s - start_s
    if duration_s is not None and duration_s <= 0:
        raise DataError(f"{row.where}: clip from {start_s} s has length {duration_s} s, expected above 0")
    return start_s, duration_s


def _labels(row: Row, columns: _Columns, options: LoadOptions) -> tuple[str, ...]:
    value = row.cells.get(columns.label)
    many = columns.label.lower() == MANY_COLUMN
    if isinstance(value, list):
        if not all(isinstance(item, (str, int, float)) for item in value):
            raise DataError(f'{row.where}: column "{columns.label}" holds {value!r}, expected a list of texts')
        return tuple(dict.fromkeys(str(item) for item in value))
    text = row.text(columns.label)
    if many or options.label_separator is not None:
        parts = [part.strip() for part in text.split(options.label_separator or DEFAULT_SEPARATOR)]
        labels = tuple(dict.fromkeys(part for part in parts if part))
    else:
        labels = (text,) if text else ()
    if not labels and not many and not options.keep_negatives:
        raise DataError(
            f'{row.where}: label is missing (column "{columns.label}" is empty), expected one for each clip; fill it '
            "in, delete the line, or keep such clips as negatives with keep_negatives"
        )
    return labels


def _clips(entries: list[_Entry], columns: _Columns, options: LoadOptions) -> list[Clip]:
    clips = []
    seen: dict[str, str] = {}
    for entry in entries:
        row = entry.row
        start_s, duration_s = _span(row, columns)
        identifier = row.text(columns.id) or clip_id(entry.recording, start_s, duration_s)
        if identifier in seen:
            raise DataError(
                f'{row.where}: clip "{identifier}" stands already at {seen[identifier]}, expected once; give several '
                'labels of one clip in one row (label_separator=";"), and stretches of one file a start_s'
            )
        seen[identifier] = row.where
        group = group_of(columns.group, entry.recording, entry.path, row)
        fold = row.text(columns.fold) or None
        labels = _labels(row, columns, options)
        clips.append(Clip(identifier, entry.path, labels, group, start_s, duration_s, fold))
    return clips


def _recordings(entries: list[_Entry], columns: _Columns, options: LoadOptions) -> list[Recording]:
    """Return the rows as annotations, by recording."""
    annotations: dict[str, list[Annotation]] = {}
    facts: dict[str, tuple[Path, str, str | None]] = {}
    for entry in entries:
        row = entry.row
        start_s, duration_s = _span(row, columns)
        end_s = float("inf") if duration_s is None else start_s + duration_s
        fact = (
            entry.path,
            group_of(columns.group, entry.recording, entry.path, row),
            row.text(columns.fold) or None,
        )
        if facts.setdefault(entry.recording, fact) != fact:
            raise DataError(
                f"{row.where}: {entry.recording} has another group or fold on an earlier line; windows are cut from "
                'whole recordings, so give each recording one (or group_by="file")'
            )
        annotations.setdefault(entry.recording, []).extend(
            Annotation(label, start_s, end_s, where=row.where) for label in _labels(row, columns, options)
        )
    return [Recording(name, fact[0], fact[1], tuple(annotations[name]), fact[2]) for name, fact in facts.items()]


def _assemble(table: Table, columns: _Columns, clips: list[Clip], options: LoadOptions) -> Dataset:
    header = table.header
    task = options.task or _header_task(table)
    if task is None and (columns.label.lower() == MANY_COLUMN or options.label_separator is not None):
        task = "many"
    nameless = table.path.stem in _NAMELESS
    name = str(header.get("name") or (table.path.resolve().parent.name if nameless else table.path.stem))
    dataset = Dataset.of(
        name,
        clips,
        task=task,
        source=str(header.get("source") or _shared_text(table, "source")),
        licence=str(header.get("licence") or _joined_text(table, "licence")),
    )
    labels = header.get("labels")
    if labels is None:
        return dataset
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise DataError(f'{table.path}: "labels" holds {labels!r}, expected a list of texts')
    return Dataset(name, dataset.clips, tuple(labels), dataset.task, dataset.source, dataset.licence)


def _header_task(table: Table) -> Task | None:
    task = table.header.get("task")
    if task is None:
        return None
    if task == "one":
        return "one"
    if task == "many":
        return "many"
    raise DataError(f'{table.path}: "task" holds {task!r}, expected "one" or "many"')


def _shared_text(table: Table, column: str) -> str:
    texts = {row.text(column) for row in table.rows}
    return texts.pop() if len(texts) == 1 else ""


def _joined_text(table: Table, column: str) -> str:
    return "; ".join(sorted({row.text(column) for row in table.rows} - {""}))
