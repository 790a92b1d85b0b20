"""Events read back: from a file of any format, found by its content, or from a folder of such files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.core.errors import DataError
from earmark.data.paths import walk_visible
from earmark.inference.events import FileEvents
from earmark.inference.formats.table import FORMATS, format_named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BEGINNING_BYTES = 65_536


def read_events(path: Path, format: str | None = None) -> list[FileEvents]:  # noqa: A002
    """Return the recordings with their events in a file, or in all files of one format below a folder.

    Of a folder that holds several formats the first in `FORMATS` is read, as they say the same. Times and
    probabilities are as the file has them; a fact that the format does not hold (`duration_s`, `rate_hz`,
    `n_channels`) is 0.

    Args:
        path: A file of a format that earmark writes, or the like of another program; or a folder.
        format: Name of the format; None to find it by content.

    Raises:
        ConfigError: There is no format of that name.
        DataError: It is missing, damaged or of no known format.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
    """
    if format is not None:
        format_named(format)
    if not path.is_dir():
        return FORMATS[format or recognise(path)].read(path, _recording(path.name))
    name, files = event_files(path, format)
    read = FORMATS[name].read
    return _together([found for file in files for found in read(file, _recording(_place(file, path, name)))])


def recognise(path: Path) -> str:
    """Return the name of a file's format.

    Raises:
        DataError: It cannot be read, or is of none.
    """
    beginning = _beginning(path)
    found = next((name for name, kind in FORMATS.items() if kind.recognise(beginning)), None)
    if found is None or (not beginning.strip() and not path.name.lower().endswith(".txt")):
        raise DataError(
            f"{path}: holds no detections in a known format ({', '.join(FORMATS)}); write them with earmark analyze"
        )
    return found


def event_files(folder: Path, format: str | None = None) -> tuple[str, list[Path]]:  # noqa: A002
    """Return the format to read of a folder and its files, in the order of their names.

    Files whose names do not end as earmark writes them, or that hold something else, are passed over.

    Raises:
        ConfigError: There is no format of that name.
        DataError: There is no such file.
    """
    found: dict[str, list[Path]] = {name: [] for name in FORMATS}
    for parent, names in walk_visible(folder):
        for path in (parent / name for name in names if not name.startswith(".")):
            named = _named(path.name)
            if named is not None and FORMATS[named].recognise(_beginning(path)):
                found[named].append(path)
    if format is not None:
        format_named(format)
    name = format or next((name for name, files in found.items() if files), None)
    if name is None or not found[name]:
        kinds = ", ".join(f"*{kind.suffix}" for kind in FORMATS.values())
        raise DataError(f"{folder}: holds no detections{f' as {format}' if format else ''}; expected files {kinds}")
    return name, sorted(found[name])


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(BEGINNING_BYTES)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _named(name: str) -> str | None:
    """Return the format whose suffix a file name has, the longest where several fit."""
    fitting = [known for known, kind in FORMATS.items() if name.endswith(kind.suffix)]
    return max(fitting, key=lambda known: len(FORMATS[known].suffix), default=None)


def _recording(name: str) -> str:
    """Return the recording that a file of events is called after: ``a.wav`` for ``a.wav.audacity.txt``."""
    named = _named(name)
    return name.removesuffix(FORMATS[named].suffix) if named else name.rpartition(".")[0] or name


def _place(file: Path, folder: Path, name: str) -> str:
    """Return where a file lies below the folder that mirrors the recordings."""
    mirror = folder / name  # where `open_writers` puts the files of a format that knows one recording only
    return file.relative_to(mirror if file.is_relative_to(mirror) else folder).as_posix()


def _together(files: Sequence[FileEvents]) -> list[FileEvents]:
    """Return each recording once, with all its events."""
    merged: dict[str, FileEvents] = {}
    for file in files:
        known = merged.get(file.path)
        merged[file.path] = file if known is None else _joined(known, file)
    return list(merged.values())


def _joined(first: FileEvents, second: FileEvents) -> FileEvents:
    facts = (first.duration_s, first.rate_hz, first.n_channels)
    return FileEvents(first.path, *facts, (*first.events, *second.events))
