"""Writing a dataset back as a manifest that reads as the same dataset.

CSV and JSON lines hold clips only; JSON also holds the order of labels and labels without a clip. What a format cannot
hold is refused: the file is read back before it takes its name.
"""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.core.errors import DataError
from earmark.core.files import replacing
from earmark.data.manifest import DEFAULT_SEPARATOR, MANY_COLUMN, load_manifest
from earmark.data.options import LoadOptions

if TYPE_CHECKING:
    from earmark.data.dataset import Dataset

_SUFFIXES = (".csv", ".json", ".jsonl")


def write_manifest(dataset: Dataset, path: Path) -> None:
    """Write a .csv, .json or .jsonl manifest that reads back with an equal fingerprint.

    Paths are relative to the manifest where the audio lies on the same drive, with forward slashes.

    Raises:
        DataError: The ending is another, there is no clip, or the format cannot hold the dataset (a label without a
            clip in CSV, a label with the separator in it, a clip without group).
        StoreError: The disk is full or the folder is not writable.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise DataError(f'{path}: unknown kind of manifest "{path.suffix}"; use {", ".join(_SUFFIXES)}')
    if not dataset.clips:
        raise DataError(f"{path}: dataset {dataset.name} has no clips to write")
    rows = _rows(dataset, _absolute(path.parent))
    text = _WRITERS[path.suffix.lower()](dataset, rows)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
        _check(dataset, temporary, path)


def _check(dataset: Dataset, written: Path, path: Path) -> None:
    try:
        again = load_manifest(written, LoadOptions(missing="keep"))
    except DataError as error:
        raise DataError(f"{path}: dataset {dataset.name} cannot be held by this format ({error})") from error
    if again.fingerprint != dataset.fingerprint:
        raise DataError(
            f"{path}: {path.suffix} would not read back as the same dataset (labels without a clip, in another order, "
            'or with blanks or ";" in them); write a .json manifest or rename the labels'
        )


def _rows(dataset: Dataset, folder: Path) -> list[dict[str, Any]]:
    spans = any(clip.start_s or clip.duration_s is not None for clip in dataset.clips)
    rows = []
    for clip in dataset.clips:
        row: dict[str, Any] = {"id": clip.id, "path": _relative(clip.path, folder)}
        if dataset.task == "one":
            row["label"] = clip.labels[0]
        else:
            row[MANY_COLUMN] = list(clip.labels)
        row |= {"group": clip.group, "fold": clip.fold}
        if spans:
            row |= {"start_s": clip.start_s, "duration_s": clip.duration_s}
        rows.append(row)
    return rows


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))  # links stay: where they lead differs between machines


def _relative(path: Path, folder: Path) -> str:
    absolute = _absolute(path)
    try:
        return Path(os.path.relpath(absolute, folder)).as_posix()
    except ValueError:  # another drive on Windows
        return absolute.as_posix()


def _as_csv(dataset: Dataset, rows: list[dict[str, Any]]) -> str:
    facts = {name: text for name, text in (("source", dataset.source), ("licence", dataset.licence)) if text}
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0], *facts], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        cells = {**row, **facts}
        if MANY_COLUMN in cells:
            cells[MANY_COLUMN] = DEFAULT_SEPARATOR.join(cells[MANY_COLUMN])
        writer.writerow(cells)
    return text.getvalue()


def _as_json(dataset: Dataset, rows: list[dict[str, Any]]) -> str:
    value = {
        "name": dataset.name,
        "task": dataset.task,
        "labels": list(dataset.labels),
        "source": dataset.source,
        "licence": dataset.licence,
        "clips": rows,
    }
    return json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _as_jsonl(dataset: Dataset, rows: list[dict[str, Any]]) -> str:
    facts = {name: text for name, text in (("source", dataset.source), ("licence", dataset.licence)) if text}
    lines = (json.dumps({**row, **facts}, allow_nan=False, ensure_ascii=False) for row in rows)
    return "\n".join(lines) + "\n"


_WRITERS = {".csv": _as_csv, ".json": _as_json, ".jsonl": _as_jsonl}
