"""What there is to render: one `Piece` for each track, found in the fetched folder, the same in every process."""

from __future__ import annotations

import re
import struct
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from earmark.core.errors import DataError
from earmark.core.identity import fingerprint
from earmark.distortion.corpus.fetch import BY_HAND, wheel_path
from earmark.distortion.corpus.sources import SOUNDFONTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from earmark.distortion.corpus.sources import Source

T = TypeVar("T")
MODULE_SUFFIXES = (".it", ".mod", ".s3m", ".xm")
SAMPLE_SUFFIXES = (".aiff", ".flac", ".wav")
LEAST_LUMP_BYTES = 3000


@dataclass(frozen=True)
class Piece:
    """One track to be made.

    Attributes:
        id: Of the track.
        source: The row of the table.
        group: The `track` of the track.
        files: What it is made of.
        member: Entry of the archive `files[0]`: a lump of a WAD, a name in a zip file or wheel; "" for none.
        soundfont: Name in `SOUNDFONTS`, or voice; "" for none.
        soundfont_path: File of the soundfont, None for none.
    """

    id: str
    source: Source
    group: str
    files: tuple[Path, ...]
    member: str = ""
    soundfont: str = ""
    soundfont_path: Path | None = None


def list_pieces(source: Source, folder: Path) -> list[Piece]:
    """Return the pieces of a source.

    Raises:
        DataError: A package is missing in the folder, or holds nothing that fits the source.
    """
    pieces = list(_LISTERS[source.how](source, folder))
    if not pieces:
        raise DataError(f'{folder}: found nothing for the source "{source.name}" ({source.pattern}); fetch it again')
    ids = [piece.id for piece in pieces]
    if len(set(ids)) != len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise DataError(f'{folder}: the source "{source.name}" has two pieces named "{twice}"')
    return pieces


def soundfont_path(name: str, folder: Path) -> Path:
    """Return the file of a soundfont.

    Raises:
        DataError: Its package is not in the folder.
    """
    package, pattern = SOUNDFONTS[name]
    return next(iter(_files_of((package,), folder, pattern)))


def read_member(piece: Piece) -> bytes:
    """Return the bytes that a piece is made of."""
    path = piece.files[0]
    if not piece.member:
        return path.read_bytes()
    if path.suffix == ".wad":
        return dict(wad_lumps(path))[piece.member]
    with zipfile.ZipFile(path) as archive:
        return archive.read(piece.member)


def wad_lumps(path: Path) -> list[tuple[str, bytes]]:
    """Return name and content of the MIDI lumps in a Doom archive.

    Raises:
        DataError: It is no such archive.
    """
    content = path.read_bytes()
    if len(content) < 12 or content[:4] not in (b"IWAD", b"PWAD"):
        raise DataError(f"{path}: is no WAD archive; fetch its package again")
    count, place = struct.unpack_from("<ii", content, 4)
    if not 0 <= place <= place + 16 * count <= len(content):
        raise DataError(f"{path}: found a table of {count} lumps beyond the end of the file; fetch its package again")
    found = []
    for index in range(count):
        start, size, name = struct.unpack_from("<ii8s", content, place + 16 * index)
        lump = content[start : start + size]
        if lump[:4] == b"MThd" and len(lump) >= LEAST_LUMP_BYTES:
            found.append((name.rstrip(b"\0").decode("ascii", "replace"), lump))
    return found


def _files_of(packages: Sequence[str], folder: Path, pattern: str, skip: Sequence[str] = ()) -> list[Path]:
    """Return the files of packages whose path ends in one of the patterns, sorted."""
    found = []
    for package in packages:
        root = folder / package
        if not root.is_dir():
            raise DataError(f"{root}: the package {package} is not there; run fetch_sources, or {BY_HAND}")
        for path in sorted(root.rglob("*")):
            place = "/" + path.relative_to(root).as_posix()
            fits = any(fnmatch(place, f"*/{part}") for part in pattern.split("|"))
            if fits and not any(fnmatch(path.name, part) for part in skip) and path.is_file():
                found.append(path)
    if not found:
        raise DataError(f"{folder}: found no {pattern} in {', '.join(packages)}; fetch them again")
    return found


def _spread(items: Sequence[T], limit: int) -> list[T]:
    """Return at most so many, evenly from the whole list."""
    if len(items) <= limit:
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "piece"


def _named(source: Source, name: str, files: Sequence[Path], member: str = "") -> Piece:
    piece_id = f"{source.name}-{_slug(name)}"
    return Piece(piece_id, source, piece_id, tuple(files), member)


def _on_soundfonts(piece: Piece, folder: Path) -> Iterator[Piece]:
    for name in piece.source.soundfonts:
        path = soundfont_path(name, folder)
        yield Piece(f"{piece.id}-{name}", piece.source, piece.group, piece.files, piece.member, name, path)


def _midi(source: Source, folder: Path) -> Iterator[Piece]:
    files = _files_of(source.packages, folder, source.pattern, source.skip)
    for path in _spread(files, source.limit):
        yield from _on_soundfonts(_named(source, f"{path.parent.name}-{path.stem}", [path]), folder)


def _wad(source: Source, folder: Path) -> Iterator[Piece]:
    unique: dict[str, tuple[Path, str]] = {}
    for path in _files_of(source.packages, folder, source.pattern, source.skip):
        for name, lump in wad_lumps(path):
            unique.setdefault(fingerprint(lump.hex()), (path, name))
    for path, name in _spread(sorted(unique.values()), source.limit):
        yield from _on_soundfonts(_named(source, f"{path.stem}-{name}", [path], name), folder)


def _score(source: Source, folder: Path) -> Iterator[Piece]:
    path = wheel_path(folder, source.pypi)
    if not path.is_file():
        raise DataError(f"{path}: is not there; run fetch_sources, or put the wheel of {source.pypi} there")
    with zipfile.ZipFile(path) as archive:
        names = [name for name in sorted(archive.namelist()) if name.endswith((".mxl", ".xml", ".musicxml"))]
    fits = [name for name in names if any(fnmatch(name, f"*/corpus/{part}") for part in source.pattern.split("|"))]
    for name in _spread(fits, source.limit):
        yield from _on_soundfonts(_named(source, "-".join(Path(name).with_suffix("").parts[-2:]), [path], name), folder)


def _drums(source: Source, folder: Path) -> Iterator[Piece]:
    for name in source.soundfonts:
        for index in range(source.limit):
            piece_id = f"{source.name}-{name}-{index:02d}"
            yield Piece(piece_id, source, piece_id, (), "", name, soundfont_path(name, folder))


def _modules(source: Source, folder: Path) -> Iterator[Piece]:
    files = _files_of(source.packages, folder, source.pattern, source.skip)
    modules = [path for path in files if path.suffix.lower() in MODULE_SUFFIXES]
    for path in _spread(modules, source.limit):
        yield _named(source, f"{path.stem}-{path.suffix[1:]}", [path])


def _loops(source: Source, folder: Path) -> Iterator[Piece]:
    files = [
        path
        for path in _files_of(source.packages, folder, source.pattern, source.skip)
        if path.suffix.lower() in SAMPLE_SUFFIXES
    ]
    for index in range(source.limit):
        yield _named(source, f"{index:02d}", files)


def _kits(source: Source, folder: Path) -> Iterator[Piece]:
    kits: dict[str, list[Path]] = {}
    for path in _files_of(source.packages, folder, source.pattern, source.skip):
        if path.suffix.lower() in SAMPLE_SUFFIXES:
            kits.setdefault(path.parent.name, []).append(path)
    names = sorted(kits)
    for index in range(source.limit):
        name = names[index % len(names)]
        piece = _named(source, f"{name}-{index // len(names)}", kits[name])
        yield Piece(piece.id, source, f"{source.name}-{_slug(name)}", piece.files)


def _recorded(source: Source, folder: Path) -> Iterator[Piece]:
    files = _files_of(source.packages, folder, source.pattern, source.skip)
    roots = {path.parent for path in files}
    for path in _spread(files, source.limit):
        name = path.stem if len(roots) == 1 else f"{path.parent.name}-{path.stem}"
        yield _named(source, name, [path])


def _zipped(source: Source, folder: Path) -> Iterator[Piece]:
    for path in _files_of(source.packages, folder, source.pattern):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in sorted(archive.namelist()) if name.endswith((".ogg", ".mp3", ".opus"))]
        kept = [name for name in names if not any(fnmatch(Path(name).name, part) for part in source.skip)]
        for name in _spread(kept, source.limit):
            yield _named(source, Path(name).stem, [path], name)


def _stems(source: Source, folder: Path) -> Iterator[Piece]:
    """List a song as the mix of all its stems, and its guitar alone."""
    for path in _spread(_files_of(source.packages, folder, source.pattern), source.limit):
        guitar = path.with_name("guitar.ogg")
        name = _named(source, path.parent.name, [path])
        yield Piece(f"{name.id}-mix", source, name.group, (path, guitar) if guitar.is_file() else (path,))
        if guitar.is_file():
            yield Piece(f"{name.id}-guitar", source, name.group, (guitar,))


def _prompts(source: Source, folder: Path) -> Iterator[Piece]:
    files = _files_of(source.packages, folder, source.pattern, source.skip)
    share = max(1, len(files) // source.limit)
    for index in range(min(source.limit, len(files))):
        yield _named(source, f"{index:02d}", files[index * share : (index + 1) * share])


def _voices(source: Source, _: Path) -> Iterator[Piece]:
    voices = source.pattern.split("|")
    for index in range(source.limit):
        voice = voices[index % len(voices)]
        piece_id = f"{source.name}-{_slug(voice)}-{index // len(voices)}"
        yield Piece(piece_id, source, piece_id, (), "", voice)


_LISTERS = {
    "midi": _midi,
    "wad": _wad,
    "score": _score,
    "drums": _drums,
    "module": _modules,
    "loops": _loops,
    "kit": _kits,
    "file": _recorded,
    "pk3": _zipped,
    "mix": _stems,
    "prompts": _prompts,
    "flite": _voices,
    "espeak": _voices,
}
