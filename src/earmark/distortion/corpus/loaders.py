"""Tracks of data sets that users may have: MusicNet and the small set of the Free Music Archive."""

from __future__ import annotations

import csv
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from earmark.audio import probe_audio, read_audio
from earmark.core.errors import AudioError, DataError, did_you_mean
from earmark.core.progress import SILENT
from earmark.distortion.corpus.tracks import ROLES, Track
from earmark.distortion.measures import measure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from earmark.audio.read import AudioInfo
    from earmark.core.progress import Progress

LOG = logging.getLogger(__name__)
MUSICNET_TABLE = "musicnet_metadata.csv"
MUSICNET_FOLDERS = ("train_data", "test_data")
FMA_HEADER_LINES = 3
CHECKED_S = 20.0
# A clear trace: lossless music stays below 7 (see `measures`), and nobody should lose a recording by chance.
CODED_TRACE = 12.0
TRACES = ("mp3_trace", "aac_kbd_trace", "aac_sine_trace", "vorbis_trace")


def load_musicnet(folder: Path, *, role: str = "pool", progress: Progress = SILENT) -> list[Track]:
    """Return the recordings of MusicNet (Thickstun et al., ICLR 2017) as lossless tracks, grouped by composition.

    Some of its archives had published MP3 before: a recording with a clear codec trace in its middle 20 s is left out
    with a warning in the log, since its bit rate is not known.

    Args:
        folder: What `musicnet.tar.gz` unpacks to, or the folder that holds it; `musicnet_metadata.csv` in either.
        role: Of all tracks; see `Track`.
        progress: Counts recordings.

    Raises:
        DataError: The table or a recording is missing, a row is damaged, or nothing is left.
    """
    _check_role(role)
    root = folder if any((folder / name).is_dir() for name in MUSICNET_FOLDERS) else folder / "musicnet"
    table = next((path for path in (root / MUSICNET_TABLE, folder / MUSICNET_TABLE) if path.is_file()), None)
    if table is None:
        raise DataError(f"{folder}: found no {MUSICNET_TABLE}, which MusicNet comes with; put it there")
    rows = list(_rows(table, ("id", "composer", "composition")))
    progress.start("read MusicNet", len(rows))
    tracks = []
    for line, row in rows:
        name = row["id"].strip()
        path = next((root / part / f"{name}.wav" for part in MUSICNET_FOLDERS if _is_file(root / part, name)), None)
        if path is None:
            raise DataError(f"{table}, line {line}: found no recording {name}.wav in {root}/train_data or test_data")
        info = _probed(path)
        if info is not None and not _is_coded(info):
            group = f"musicnet-{_plain(row['composer'])}-{_plain(row['composition'])}"
            tracks.append(
                _track(info, f"musicnet-{name}", "musicnet", group, role=role, codec="flac", licence="CC-BY-4.0")
            )
        progress.advance()
    return _some(tracks, table)


def load_fma_small(folder: Path, *, role: str = "pool", progress: Progress = SILENT) -> list[Track]:
    """Return the clips of FMA-small (Defferrard et al., ISMIR 2017) as MP3 tracks, grouped by artist.

    The clips were cut by coding again, so `kbps` is the lower of the clip's own rate and that of the whole track. A
    clip that cannot be decoded (six are known) is left out with a warning in the log.

    Args:
        folder: Holds `fma_small/000/000002.mp3` ... and `fma_metadata/tracks.csv`.
        role: Of all tracks; see `Track`.
        progress: Counts clips.

    Raises:
        DataError: The table or the clips are missing, a row is damaged, or nothing is left.
    """
    _check_role(role)
    table = folder / "fma_metadata" / "tracks.csv"
    known = _fma_rows(table)
    clips = sorted((folder / "fma_small").glob("[0-9][0-9][0-9]/*.mp3"))
    progress.start("read FMA-small", len(clips))
    tracks = []
    for path in clips:
        row = known.get(path.stem.lstrip("0") or "0")
        if row is None:
            raise DataError(f"{path}: has no row in {table}; unpack fma_metadata.zip of the same version")
        info = _probed(path)
        if info is not None:
            kbps = path.stat().st_size * 8 / 1000 * info.rate_hz / info.n_samples
            whole = float(row["bit_rate"]) / 1000
            artist, licence = row["artist"], row["license"] or "LicenseRef-FMA"
            name = f"fma-{path.stem}"
            track = _track(info, name, "fma_small", f"fma-{artist}", role=role, codec="mp3", licence=licence)
            tracks.append(_with_kbps(track, min(kbps, whole) if whole > 0 else kbps))
        progress.advance()
    return _some(tracks, folder / "fma_small")


def _fma_rows(table: Path) -> dict[str, dict[str, str]]:
    """Return bit rate, artist and licence by track, from a table with a header of three lines."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            header = [next(lines, []) for _ in range(FMA_HEADER_LINES)]
            names = list(zip(header[0], header[1], strict=False))
            wanted = {"bit_rate": ("track", "bit_rate"), "license": ("track", "license"), "artist": ("artist", "id")}
            for column in wanted.values():
                if column not in names:
                    raise DataError(f"{table}: found no column {'/'.join(column)} in its header of three lines")
            places = {name: names.index(column) for name, column in wanted.items()}
            rows = {}
            for number, row in enumerate(lines, start=FMA_HEADER_LINES + 1):
                if len(row) < len(names):
                    raise DataError(f"{table}, line {number}: found {len(row)} cells, expected {len(names)}")
                rows[row[0]] = {name: row[place].strip() for name, place in places.items()}
                if not re.fullmatch(r"-?\d+(\.\d+)?", rows[row[0]]["bit_rate"]):
                    raise DataError(f'{table}, line {number}: found bit rate "{rows[row[0]]["bit_rate"]}"')
            return rows
    except OSError as error:
        raise DataError(f"{table}: cannot be read ({error.strerror}); unpack fma_metadata.zip there") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: is no table in UTF-8 ({error}); unpack fma_metadata.zip again") from error


def _rows(table: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in columns if name not in (rows.fieldnames or ())]
            if missing:
                raise DataError(f"{table}: found no column {missing[0]}, expected {', '.join(columns)}")
            for number, row in enumerate(rows, start=2):
                if any(not row[name] for name in columns):
                    raise DataError(f"{table}, line {number}: found an empty cell, expected {', '.join(columns)}")
                yield number, row
    except OSError as error:
        raise DataError(f"{table}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: is no table in UTF-8 ({error})") from error


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise DataError(f'found the role "{role}"{did_you_mean(role, ROLES)}')


def _is_file(folder: Path, name: str) -> bool:
    return re.fullmatch(r"[\w-]+", name) is not None and (folder / f"{name}.wav").is_file()


def _probed(path: Path) -> AudioInfo | None:
    try:
        return probe_audio(path)
    except AudioError as error:
        LOG.warning("left out: %s", error)
        return None


def _is_coded(info: AudioInfo) -> bool:
    start_s = max(0.0, (info.duration_s - CHECKED_S) / 2)
    found = measure(read_audio(info.path, start_s=start_s, duration_s=CHECKED_S))
    clear = {name: value for name in TRACES if (value := found[name]) is not None and value >= CODED_TRACE}
    for name, value in clear.items():
        LOG.warning("left out: %s: %s is %.0f, so a codec has been there before", info.path, name, value)
    return bool(clear)


def _track(info: AudioInfo, name: str, source: str, group: str, *, role: str, codec: str, licence: str) -> Track:
    return Track(
        id=name,
        path=info.path.resolve(),
        source=source,
        role=role,
        track=group,
        kind="recorded",
        lossless=codec == "flac",
        codec=codec,
        kbps=0.0,
        rate_hz=info.rate_hz,
        n_channels=info.n_channels,
        duration_s=info.n_samples / info.rate_hz,
        licence=licence,
    )


def _with_kbps(track: Track, kbps: float) -> Track:
    return replace(track, kbps=round(kbps, 1))


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _some(tracks: list[Track], where: Path) -> list[Track]:
    if not tracks:
        raise DataError(f"{where}: found no recording that can be used; see the warnings in the log")
    return tracks
