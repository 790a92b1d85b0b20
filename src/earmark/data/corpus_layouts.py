"""How the named corpora lie on disk as their authors publish them, and their rows as a manifest."""

from __future__ import annotations

import csv
import hashlib
import re
from typing import TYPE_CHECKING

from earmark.core.errors import DataError
from earmark.core.identity import file_sha256
from earmark.data.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FSDD_PATTERN = re.compile(r"(?P<label>\d)_(?P<group>[a-z]+)_(?P<index>\d+)\.wav")
FSDD_N_TEST = 5
_ESC50_PATTERN = re.compile(r"(?P<fold>[1-5])-(?P<source>\d+)-[A-Z]-(?P<target>\d{1,2})\.wav")
MANIFEST_COLUMNS = ("path", "label", "group", "fold", "source", "licence")

Rows = list[dict[str, str]]


def content_checksum(folder: Path, names: Sequence[str]) -> str:
    """Return the SHA-256 over the lines ``name sha256`` of files, sorted by name, joined with line feeds."""
    lines = [f"{name} {file_sha256(folder / name)}" for name in sorted(names)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def is_fsdd(folder: Path) -> bool:
    """Return whether a folder looks like a copy of the Free Spoken Digit Dataset's repository."""
    return any((folder / "recordings").glob("*_*_*.wav"))


def fsdd_rows(folder: Path) -> Rows:
    """Return the recordings ``{digit}_{speaker}_{index}.wav``: group is the speaker, fold the official split.

    Recordings 0-4 of each digit and speaker are the test set (the README of the dataset).

    Raises:
        DataError: A file has another kind of name.
    """
    rows = []
    for path in sorted((folder / "recordings").glob("*.wav")):
        found = FSDD_PATTERN.fullmatch(path.name)
        if found is None:
            raise DataError(f"{path}: expected a name such as 7_jackson_32.wav (digit, speaker, number)")
        fold = "test" if int(found["index"]) < FSDD_N_TEST else "train"
        rows.append({"path": f"recordings/{path.name}", "label": found["label"], "group": found["group"], "fold": fold})
    return rows


def check_fsdd(folder: Path, checksum: str) -> None:
    """Raise DataError unless the recordings are, name for name and byte for byte, the pinned ones."""
    names = [path.name for path in (folder / "recordings").glob("*.wav")]
    found = content_checksum(folder / "recordings", names)
    if found != checksum:
        raise DataError(
            f"fsdd: the {len(names)} recordings of the archive have checksum {found}, expected {checksum}; the archive "
            "is damaged or of another version"
        )


def is_esc50(folder: Path) -> bool:
    """Return whether a folder looks like a copy of the ESC-50 repository."""
    return (folder / "meta" / "esc50.csv").is_file()


def esc50_rows(folder: Path) -> Rows:
    """Return the clips of ``meta/esc50.csv``: group is the Freesound recording, fold the official one of five.

    Four recordings (131943, 134049, 209698, 234879) stand in two folds: the official folds are not free of leaks.

    Raises:
        DataError: A row contradicts the name of its file ``{fold}-{source}-{take}-{target}.wav``.
    """
    rows = []
    for row in read_table(folder / "meta" / "esc50.csv").rows:
        name = row.text("filename")
        found = _ESC50_PATTERN.fullmatch(name)
        stated = (row.text("fold"), row.text("src_file"), row.text("target"))
        if found is None or stated != (found["fold"], found["source"], found["target"]):
            raise DataError(f'{row.where}: "{name}" does not fit fold, src_file and target {stated}')
        licence = "CC BY 3.0" if row.text("esc10") == "True" else "CC BY-NC 3.0"
        rows.append(
            {
                "path": f"audio/{name}",
                "label": row.text("category"),
                "group": f"fs{found['source']}",
                "fold": f"fold{found['fold']}",
                "licence": licence,
            }
        )
    return rows


def write_rows(rows: Rows, path: Path, *, source: str, licence: str) -> None:
    """Write rows as a clips.csv; source and licence fill the cells that a row leaves open."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, MANIFEST_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({"fold": "", "source": source, "licence": licence, **row})
