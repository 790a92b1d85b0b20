"""Audio files below files and folders: one at a time, in order, in memory that does not grow with their number.

Order: the arguments as given; of a folder its files by name, then its folders by name. A folder is scanned again for
every 50,000 of its files instead of being sorted whole, so that a million files in one folder take no more memory
than fifty thousand. Hidden files and folders are passed over, links to folders are followed unless they lead back.
"""

from __future__ import annotations

import heapq
import os
import stat
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from earmark.data.paths import AUDIO_SUFFIXES, is_audio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

NAMES_AT_ONCE = 50_000
_SUFFIXES = tuple(AUDIO_SUFFIXES)


@dataclass(frozen=True)
class AudioFile:
    """A file to hear, or the part of it from `start_s` for `duration_s`.

    Attributes:
        path: As the user named it.
        size_bytes: Its size.
        mtime_ns: When it was last changed.
        start_s: Where the part begins.
        duration_s: How long the part is, None to the end.
    """

    path: Path
    size_bytes: int
    mtime_ns: int
    start_s: float = 0.0
    duration_s: float | None = None

    @property
    def name(self) -> str:
        """Its whole path, by which journals know it."""
        return str(self.path.absolute())


@dataclass(frozen=True)
class Unreadable:
    """A file or folder that cannot even be looked at, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Count:
    """How many files lie there: audio (and what cannot be looked at), and others, which are passed over."""

    n_audio: int
    n_other: int


def find_audio(paths: Sequence[Path]) -> Iterator[AudioFile | Unreadable]:
    """Yield the audio files among and below paths, each once, and what cannot be looked at.

    A file that is named is taken whatever its name; in folders the suffix decides.
    """
    for path in distinct(paths):
        if not path.is_dir():
            yield look_at(path)
            continue
        for folder in _folders_below(path):
            if isinstance(folder, Unreadable):
                yield folder
                continue
            try:
                yield from (look_at(folder / name) for name in _names_in_order(folder, _is_sound))
            except OSError as error:
                yield _gone(folder, error)


def count_files(paths: Sequence[Path]) -> Count:
    """Return how many files `find_audio` yields and how many others lie beside them, as quickly as possible."""
    n_audio = n_other = 0
    for path in distinct(paths):
        if not path.is_dir():
            n_audio += 1
            continue
        for folder in _folders_below(path):
            n_in_folder, n_others = (1, 0) if isinstance(folder, Unreadable) else _count_in(folder)
            n_audio, n_other = n_audio + n_in_folder, n_other + n_others
    return Count(n_audio, n_other)


def _count_in(folder: Path) -> tuple[int, int]:
    n_audio = n_other = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                is_sound = _is_sound(entry)
                n_audio += is_sound
                n_other += not is_sound and not entry.name.startswith(".") and not _is_folder(entry)
    except OSError:
        n_audio += 1
    return n_audio, n_other


def distinct(paths: Sequence[Path]) -> list[Path]:
    """Return the paths without those that are named twice or that a folder among them already leads to."""
    kept: dict[Path, Path] = {}
    folders = {path.resolve() for path in paths if path.is_dir()}
    for path in paths:
        whole = path.resolve()
        if not any(folder in folders and _leads_to(folder, whole) for folder in whole.parents):
            kept.setdefault(whole, path)
    return list(kept.values())


def look_at(path: Path, start_s: float = 0.0, duration_s: float | None = None) -> AudioFile | Unreadable:
    """Return a file with its size and time, or why it cannot be looked at."""
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Unreadable(path, f"{path}: cannot be read ({reason})")
    if not stat.S_ISREG(found.st_mode):
        return Unreadable(path, f"{path}: is not a file that could hold audio")
    return AudioFile(path, found.st_size, found.st_mtime_ns, start_s, duration_s)


def _leads_to(folder: Path, path: Path) -> bool:
    visible = not any(part.startswith(".") for part in path.relative_to(folder).parts)
    return visible and (path.is_dir() or (path.is_file() and is_audio(path)))


def _is_sound(entry: os.DirEntry[str]) -> bool:
    # A link that leads nowhere is a file that cannot be read, not one that is not there.
    # The same as `is_audio`, without a Path for each of a million names, many times over.
    sounds = entry.name.lower().endswith(_SUFFIXES) and not entry.name.startswith(".")
    return sounds and not _is_folder(entry) and (entry.is_symlink() or entry.is_file())


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in circles, or to where we may not look
        return False


def _is_visible_folder(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and _is_folder(entry)


def _names_in_order(folder: Path, wanted: Callable[[os.DirEntry[str]], bool]) -> Iterator[str]:
    last = ""
    while True:
        with os.scandir(folder) as entries:
            later = (entry.name for entry in entries if entry.name > last and wanted(entry))
            names = heapq.nsmallest(NAMES_AT_ONCE, later)
        yield from names
        if len(names) < NAMES_AT_ONCE:
            return
        last = names[-1]


def _folders_below(top: Path) -> Iterator[Path | Unreadable]:
    """Yield a folder and all below it, each before its own folders; no recursion, paths may be deep."""
    waiting: list[Iterator[Path]] = [iter([top])]
    trail: list[tuple[int, int]] = []  # of the folders that lead here, so that no link leads round in circles
    while waiting:
        folder = next(waiting[-1], None)
        if folder is None:
            waiting.pop()
            del trail[-1:]
            continue
        try:
            found = folder.stat()
            names = _names_in_order(folder, _is_visible_folder)
            first = next(names, None)
        except OSError as error:
            yield _gone(folder, error)
            continue
        place = (found.st_dev, found.st_ino)
        if place in trail:
            continue
        yield folder
        trail.append(place)
        waiting.append(map(folder.joinpath, chain([first] if first else [], names)))


def _gone(folder: Path, error: OSError) -> Unreadable:
    return Unreadable(folder, f"{folder}: cannot be read ({error.strerror or error})")
