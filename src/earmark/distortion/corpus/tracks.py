"""The table of clean tracks: what each is, where it comes from, and which part of the corpus may use it."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from earmark.core.errors import DataError, did_you_mean
from earmark.core.files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE_NAME = "tracks.csv"
ROLES = ("pool", "calibrate", "test", "wild")
KINDS_OF_SOUND = ("midi", "module", "loops", "recorded", "speech")


@dataclass(frozen=True)
class Track:
    """One clean track on disk.

    Attributes:
        id: Unique in its folder; also the name of the file.
        path: The audio, absolute.
        source: Package or corpus, and the soundfont after a "+".
        role: pool (trained on), calibrate, test, or wild (only ever a test of really coded music). A package,
            soundfont, sample, voice or piece belongs to one role.
        track: The group: tracks of one piece (on two soundfonts, a song and its guitar) share it.
        kind: midi, module, loops, recorded or speech.
        lossless: Whether no codec has touched it.
        codec: flac (lossless), vorbis, mp3 or opus.
        kbps: Average bit rate of the lossy file it was decoded from, kb/s; 0 where lossless.
        rate_hz: Samples per second, as in the source.
        n_channels: Channels, as in the source.
        duration_s: Length in seconds.
        licence: SPDX name or names.
    """

    id: str
    path: Path
    source: str
    role: str
    track: str
    kind: str
    lossless: bool
    codec: str
    kbps: float
    rate_hz: int
    n_channels: int
    duration_s: float
    licence: str


COLUMNS = tuple(field.name for field in fields(Track))


def write_tracks(folder: Path, tracks: Iterable[Track]) -> Path:
    """Write `tracks.csv` into a folder, sorted by id, whole or not at all; paths inside the folder are relative.

    Raises:
        StoreError: It cannot be written.
    """
    folder = folder.resolve()
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for track in sorted(tracks, key=lambda track: track.id):
        table.writerow(_cells(track, folder))
    write_text(folder / FILE_NAME, text.getvalue())
    return folder / FILE_NAME


def _cells(track: Track, folder: Path) -> list[str]:
    path = track.path.relative_to(folder) if track.path.is_relative_to(folder) else track.path
    exact = {"path": path.as_posix(), "lossless": str(int(track.lossless))}
    exact |= {"kbps": f"{track.kbps:.1f}", "duration_s": f"{track.duration_s:.3f}"}
    return [exact.get(name, str(getattr(track, name))) for name in COLUMNS]


def read_tracks(folder: Path) -> list[Track]:
    """Return the tracks of a folder that `render_sources` or `write_tracks` made.

    Raises:
        DataError: The table is missing or damaged, an id comes twice, or a track that it names is not there.
    """
    path = folder / FILE_NAME
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise DataError(f"{path}: found no column {missing[0]}, expected {', '.join(COLUMNS)}; render it again")
            tracks = [_track(row, path, number) for number, row in enumerate(rows, start=2)]
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); make the folder with render_sources"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is no table in UTF-8 ({error}); render it again") from error
    seen: set[str] = set()
    for track in tracks:
        if track.id in seen:
            raise DataError(f'{path}: found the id "{track.id}" twice, expected each once; render it again')
        seen.add(track.id)
        if not track.path.is_file():
            raise DataError(f"{path}: found no file {track.path}, which it names; render it again")
    return tracks


def _track(row: dict[str, str], path: Path, number: int) -> Track:
    where = f"{path}, line {number}"
    if None in row.values() or None in row:
        raise DataError(f"{where}: found another number of cells than columns; render it again")
    for name, known in (("role", ROLES), ("kind", KINDS_OF_SOUND), ("lossless", ("0", "1"))):
        if row[name] not in known:
            raise DataError(f'{where}: found {name} "{row[name]}"{did_you_mean(row[name], known)}')
    try:
        kbps, duration_s = float(row["kbps"]), float(row["duration_s"])
        rate_hz, n_channels = int(row["rate_hz"]), int(row["n_channels"])
    except ValueError as error:
        raise DataError(
            f"{where}: found {error} in kbps, rate_hz, n_channels or duration_s; render it again"
        ) from error
    finite = math.isfinite(kbps) and math.isfinite(duration_s)
    coded = kbps >= 0 if row["lossless"] == "1" else kbps > 0
    if not (finite and coded and duration_s > 0 and rate_hz > 0 and n_channels > 0):
        raise DataError(
            f"{where}: found a number out of range in kbps, rate_hz, n_channels or duration_s; render it again"
        )
    text = {name: row[name] for name in ("id", "source", "role", "track", "kind", "codec", "licence")}
    return Track(
        **text,
        path=(path.parent / row["path"]).resolve(),
        lossless=row["lossless"] == "1",
        kbps=kbps,
        rate_hz=rate_hz,
        n_channels=n_channels,
        duration_s=duration_s,
    )
