"""From the path text of a manifest to a file here, and to a name that is the same on every machine."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIXES = ".wav .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .caf .w64 .rf64 .m4a .aac .mp4 .wma .webm"
AUDIO_SUFFIXES = frozenset(_SUFFIXES.split())


def is_audio(path: Path) -> bool:
    """Return whether a file's name says audio (hidden files, such as macOS' "._a.wav", do not count)."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def walk_visible(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder from here down with the names of its files, in order.

    Hidden folders are left out: .ipynb_checkpoints and .Trash hold copies of what lies beside them.
    """
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(parent), sorted(names)


def resolve(text: str, base: Path) -> Path:
    r"""Return the file that a path text means, whether or not it is there.

    Backslashes are read as separators, unless a file really has them in its name. Of a Windows path with a drive
    (``C:\audio\a.wav``, another machine's) the longest end that is a file in `base` counts, else its file name.
    """
    path = base / text
    if "\\" in text and not path.exists():
        foreign = os.name != "nt" and PureWindowsPath(text).drive
        path = moved(PureWindowsPath(text), base) if foreign else base / text.replace("\\", "/")
    return Path(os.path.normpath(path))


def moved(path: PurePath, base: Path) -> Path:
    """Return the file in `base` that the longest end of a path names, or what its file name names there.

    ``/home/other/corpus/dog/1.wav`` is ``base/dog/1.wav`` where that is a file.
    """
    ends = (base.joinpath(*path.parts[first:]) for first in range(1, len(path.parts)))
    return next((end for end in ends if end.is_file()), base / path.name)


def recording_ids(files: list[tuple[str, Path]], base: Path) -> list[str]:
    """Return a name for each (text, resolved file): its path below `base` with forward slashes.

    Files outside `base` that were given as absolute paths are named from their deepest common folder, so that no
    user's home is part of a name.
    """
    base = Path(os.path.normpath(base))
    outside = [path for text, path in files if _is_absolute(text) and not path.is_relative_to(base)]
    common = Path(os.path.commonpath([path.parent for path in outside])) if outside else base
    names = []
    for text, path in files:
        if path.is_relative_to(base):
            names.append(path.relative_to(base).as_posix())
        elif _is_absolute(text):
            names.append(path.relative_to(common).as_posix())
        else:
            names.append(posixpath.normpath(text.replace("\\", "/")))
    return names


def _is_absolute(text: str) -> bool:
    return PurePosixPath(text).is_absolute() or Path(text).is_absolute()


def clip_id(recording: str, start_s: float, duration_s: float | None) -> str:
    """Return the name of a stretch of a recording; the whole of it has the recording's own name."""
    if start_s == 0 and duration_s is None:
        return recording
    end = "" if duration_s is None else f"+{round(duration_s, 6)}"
    return f"{recording}@{round(start_s, 6)}{end}"
