"""Writers of events: several formats at once, one file for the whole run or one for each recording.

A file takes its name when it is whole. Memory does not grow with the number of events.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from earmark.core.errors import StoreError
from earmark.core.files import WRITING, replacing
from earmark.core.scratch import sweep
from earmark.inference.formats.base import rounded
from earmark.inference.formats.table import format_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from earmark.inference.events import FileEvents
    from earmark.inference.formats.base import Format, Sheet

STEM = "detections"


class EventWriter(Protocol):
    """Takes the events of one recording after another."""

    def add(self, file: FileEvents) -> None:
        """Write the events of one recording.

        Raises:
            DataError: An event cannot be written in one of the formats.
            StoreError: The disk is full or the folder is not writable.
        """
        ...


@contextlib.contextmanager
def open_writers(
    folder: Path,
    formats: Sequence[str],
    *,
    per_file: bool = False,
    inputs: Sequence[str | Path] = (),
    about: Mapping[str, Any] | None = None,
) -> Iterator[EventWriter]:
    """Give a writer of events in several formats at once.

    Combined files are called ``detections`` with the suffix of the format, and take their names only if the block
    ends without an error. A format that knows one recording per file (Audacity), and every format with `per_file`,
    has a file for each recording, whole after its `add`: below `folder` (Audacity: ``folder/audacity`` unless
    `per_file`), in folders as those of the recordings, called after the recording with its ending. What killed
    processes left half-written in these folders is removed.

    Args:
        folder: Where to write; made if need be.
        formats: Names in `FORMATS`, each once.
        per_file: Whether each recording has files of its own.
        inputs: The folders that were asked for; their recordings are mirrored from there down, the others as they are
            named.
        about: What JSON says about the run, such as model and options.

    Raises:
        ConfigError: A format is not known.
        DataError: `about` is not JSON.
        MissingExtraError: pyarrow is needed and not installed.
        StoreError: The folder is not writable.
    """
    told = dict(about or {})
    sweep(folder, WRITING)
    chosen = {name: format_named(name) for name in dict.fromkeys(formats)}
    with contextlib.ExitStack() as stack:
        writers: list[EventWriter] = []
        for name, kind in chosen.items():
            if per_file or kind.one_recording:
                writers.append(_Apart(folder if per_file else folder / name, kind, told, _roots(inputs)))
            else:
                path = folder / f"{STEM}{kind.suffix}"
                writers.append(stack.enter_context(_opened(path, kind, told)))
        yield _All(writers)


class _All:
    def __init__(self, writers: list[EventWriter]) -> None:
        self._writers = writers

    def add(self, file: FileEvents) -> None:
        file = rounded(file)
        for writer in self._writers:
            writer.add(file)


class _Together:
    """Writes all recordings into one file."""

    def __init__(self, path: Path, sheet: Sheet) -> None:
        self._path = path
        self._sheet = sheet

    def add(self, file: FileEvents) -> None:
        try:
            self._sheet.add(file)
        except OSError as error:  # else the file that was opened last would be blamed
            raise StoreError(
                f"{self._path}: cannot be written ({error.strerror or error}); free space or choose another folder"
            ) from error


class _Apart:
    """Writes each recording into a file of its own."""

    def __init__(self, folder: Path, kind: Format, about: Mapping[str, Any], roots: list[str]) -> None:
        self._folder = folder
        self._kind = kind
        self._about = about
        self._roots = roots
        self._taken: dict[str, str] = {}
        self._swept: set[Path] = set()

    def add(self, file: FileEvents) -> None:
        path = self._folder / f"{self._place(file.path)}{self._kind.suffix}"
        if path.parent not in self._swept:
            self._swept.add(path.parent)
            sweep(path.parent, WRITING)
        with _opened(path, self._kind, self._about) as writer:
            writer.add(file)

    def _place(self, recording: str) -> str:
        """Return the place of a recording's file: the short one, else the whole, else a numbered one."""
        places = [below_root(recording, self._roots), below_root(recording, [])]
        places += [f"{places[1]}-{number}" for number in range(2, len(self._taken) + 3)]
        return next(place for place in places if self._taken.setdefault(place, recording) == recording)


@contextlib.contextmanager
def _opened(path: Path, kind: Format, about: Mapping[str, Any]) -> Iterator[EventWriter]:
    with replacing(path) as temporary:
        sheet = kind.open(temporary, about)
        try:
            yield _Together(path, sheet)
        finally:
            sheet.close()


def _roots(inputs: Sequence[str | Path]) -> list[str]:
    """Return the folders among what was asked for as absolute paths, the deepest first; addresses as they are."""
    named = [str(path) for path in inputs]
    whole = [path.rstrip("/") if "://" in path else os.path.abspath(path) for path in named]  # noqa: PTH100
    return sorted((path for path in whole if "://" in path or Path(path).is_dir()), key=len, reverse=True)


def below_root(recording: str, roots: Sequence[str]) -> str:
    """Return a recording's place in a mirror of its folders: from its root down, else as it is named.

    Example:
        >>> below_root("/data/site/a.wav", ["/data/site"]), below_root("../a.wav", []), below_root("gs://b/a.wav", [])
        ('site/a.wav', 'up/a.wav', 'gs/b/a.wav')
    """
    whole = recording if "://" in recording else os.path.abspath(recording)  # noqa: PTH100
    root = next((root for root in roots if whole.startswith(f"{root}/")), None)
    if root is not None:
        return f"{root.rpartition('/')[2] or 'root'}{whole.removeprefix(root)}"
    parts = posixpath.normpath(recording.replace("://", "/", 1)).strip("/").split("/")
    return "/".join("up" if part == ".." else part for part in parts)
