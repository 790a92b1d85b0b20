"""Corpora by name: from EARMARK_DATA_DIR, from the cache, or fetched once.

A corpus in the cache is a folder ``corpora/<name>-<version>`` with a clips.csv that is written last; the folder takes
its name only when everything in it was checked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from earmark.core.errors import DataError, MissingExtraError, did_you_mean
from earmark.core.progress import SILENT
from earmark.core.settings import settings
from earmark.data import corpus_layouts as layouts
from earmark.data.cache import building_folder
from earmark.data.download import fetch_archive, unpack_archive
from earmark.data.manifest import dataset_of_table, load_manifest
from earmark.data.options import LoadOptions
from earmark.data.tables import Row, Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.core.progress import Progress
    from earmark.data.dataset import Dataset

MANIFEST_NAME = "clips.csv"
ESPEAK = "digits-espeak"
WORDS = "words-espeak"
SPOKEN_HERE = (ESPEAK, WORDS)
_DEFAULTS = LoadOptions()


@dataclass(frozen=True)
class Corpus:
    """A corpus that can be fetched as one zip archive.

    Attributes:
        version: Names the folder in the cache.
        urls: Addresses of the archive, tried in order.
        n_bytes: Length of the archive, about.
        max_bytes: Most bytes that its audio may unpack to.
        archive_sha256: Checksum of the archive, where that is stable.
        content_sha256: Checksum of the recordings, see `corpus_layouts.content_checksum`.
        has_layout: Whether a folder holds the corpus as its authors publish it.
        rows: The manifest rows of such a folder.
        wanted: Beginnings of the paths that are unpacked.
    """

    title: str
    version: str
    source: str
    licence: str
    urls: tuple[str, ...]
    n_bytes: int
    max_bytes: int
    has_layout: Callable[[Path], bool]
    rows: Callable[[Path], layouts.Rows]
    wanted: tuple[str, ...]
    archive_sha256: str | None = None
    content_sha256: str | None = None


_FSDD_COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
_ESC50_COMMIT = "33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6"

FETCHED: dict[str, Corpus] = {
    "fsdd": Corpus(
        title="Free Spoken Digit Dataset: 3,000 English digits by 6 speakers",
        version=_FSDD_COMMIT[:7],
        source=f"github.com/Jakobovski/free-spoken-digit-dataset ({_FSDD_COMMIT[:7]})",
        licence="CC BY-SA 4.0",
        urls=(
            f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{_FSDD_COMMIT}.zip",
            "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/heads/master.zip",
        ),
        n_bytes=16_000_000,
        max_bytes=200_000_000,
        has_layout=layouts.is_fsdd,
        rows=layouts.fsdd_rows,
        wanted=("recordings/", "README.md"),
        # over the recordings, not the zip: GitHub may pack the same commit differently tomorrow
        content_sha256="3ee995d6778c7ff34ae05297eb4f0002f5097dec693dcf8735ec30e8d8146944",
    ),
    "esc50": Corpus(
        title="ESC-50: 2,000 environmental sounds of 5 s in 50 classes",
        version=_ESC50_COMMIT[:7],
        source="K. J. Piczak, ESC-50, github.com/karolpiczak/ESC-50",
        licence="CC BY-NC 3.0",
        urls=(f"https://github.com/karolpiczak/ESC-50/archive/{_ESC50_COMMIT}.zip",),
        n_bytes=645_832_161,
        max_bytes=2_000_000_000,
        has_layout=layouts.is_esc50,
        rows=layouts.esc50_rows,
        wanted=("audio/", "meta/esc50.csv", "LICENSE", "README.md"),
        # as several public projects pinned it in 2026; the archive could not be fetched where this was written
        archive_sha256="661183a6f53ef04f12c9bd618fed0ddc1713280d6c94a5a5431e844ba6f6a21f",
    ),
}
CORPORA: dict[str, str] = {
    **{name: entry.title for name, entry in FETCHED.items()},
    ESPEAK: "Synthetic English digits by many eSpeak NG voices, made on this machine",
    WORDS: "Synthetic English digits and other words by many eSpeak NG voices, made on this machine",
}


def corpus(name: str, progress: Progress = SILENT, options: LoadOptions = _DEFAULTS) -> Dataset:
    """Return a corpus from EARMARK_DATA_DIR, else from the cache, else fetched (or made) once.

    Raises:
        DataError: The name is unknown, the copy is damaged, or it cannot be fetched.
        MissingExtraError: ``digits-espeak`` or ``words-espeak`` without the extra "demo".
        StoreError: The cache is not writable.
    """
    if name not in CORPORA and name not in local_names():
        raise DataError(f'no corpus "{name}"{did_you_mean(name, {*CORPORA, *local_names()})}')
    found = _local(name, options, progress)
    if found is None:
        found = load_manifest(_made_or_fetched(name, progress) / MANIFEST_NAME, options, progress)
    return replace(found, name=name)


def _made_or_fetched(name: str, progress: Progress) -> Path:
    if name == ESPEAK:
        from earmark.data.digit_voices import espeak_digits

        return espeak_digits(progress)
    if name == WORDS:
        from earmark.data.word_voices import espeak_words

        return espeak_words(progress)
    return _fetched(name, FETCHED[name], progress)


def local_names() -> list[str]:
    """Return the folders of EARMARK_DATA_DIR that hold a clips.csv."""
    root = settings().data_dir
    if root is None or not root.is_dir():
        return []
    return sorted(path.parent.name for path in root.glob(f"*/{MANIFEST_NAME}"))


def cached_folder(name: str) -> Path:
    """Return where the cache holds a fetched corpus (whether or not it is there)."""
    return settings().cache_dir / "corpora" / f"{name}-{FETCHED[name].version}"


def _local(name: str, options: LoadOptions, progress: Progress) -> Dataset | None:
    """Return the copy in EARMARK_DATA_DIR or in the cache, or None."""
    root = settings().data_dir
    if root is not None:
        folder = root / name
        if (folder / MANIFEST_NAME).is_file():
            return load_manifest(folder / MANIFEST_NAME, options, progress)
        entry = FETCHED.get(name)
        if entry is not None and entry.has_layout(folder):
            return _load_layout(name, entry, folder, options, progress)
    if name in FETCHED and (cached_folder(name) / MANIFEST_NAME).is_file():
        return load_manifest(cached_folder(name) / MANIFEST_NAME, options, progress)
    return None


def _load_layout(name: str, entry: Corpus, folder: Path, options: LoadOptions, progress: Progress) -> Dataset:
    """Return a corpus that lies as published, from a folder that may be read-only."""
    rows = tuple(
        Row(f"{folder / row['path']}", {"source": entry.source, "licence": entry.licence, **row})
        for row in entry.rows(folder)
    )
    table = Table(folder / MANIFEST_NAME, layouts.MANIFEST_COLUMNS, rows, {"name": name})
    return dataset_of_table(table, options, progress)


def _fetched(name: str, entry: Corpus, progress: Progress) -> Path:
    """Return the folder of a corpus in the cache, after fetching it if need be."""
    folder = cached_folder(name)
    if settings().offline:
        raise DataError(
            f"{name}: is neither in EARMARK_DATA_DIR ({settings().data_dir or 'not set'}) nor in {folder}, and "
            f"EARMARK_OFFLINE forbids to fetch it; {_remedy(name)}"
        )
    try:
        install(entry, folder, progress)
    except DataError as error:
        raise DataError(f"{name}: {error}; {_remedy(name)}") from error
    return folder


def _remedy(name: str) -> str:
    by_hand = f"unpack a copy into a folder {name} and name its parent with EARMARK_DATA_DIR"
    return f'{by_hand}, or use "{ESPEAK}" (synthetic digits, no network)' if name == "fsdd" else by_hand


def install(entry: Corpus, folder: Path, progress: Progress = SILENT) -> None:
    """Download a corpus into a folder, which appears whole or not at all.

    Raises:
        DataError: No address answers, or what came is damaged, of another version or not to be trusted.
        StoreError: The folder cannot be written.
    """
    with building_folder(folder, MANIFEST_NAME) as building:
        archive = building / "archive.zip"
        fetch_archive(
            entry.urls,
            archive,
            sha256=entry.archive_sha256,
            n_bytes=entry.n_bytes,
            label=f"download {folder.name}",
            progress=progress,
        )
        unpack_archive(archive, building, lambda path: path.startswith(entry.wanted), max_bytes=entry.max_bytes)
        archive.unlink()
        if entry.content_sha256 is not None:
            layouts.check_fsdd(building, entry.content_sha256)
        if not entry.has_layout(building):
            raise DataError(f"the archive does not hold {' and '.join(entry.wanted[:2])}; it is of another version")
        layouts.write_rows(entry.rows(building), building / MANIFEST_NAME, source=entry.source, licence=entry.licence)


def digits(progress: Progress = SILENT) -> tuple[Dataset, str]:
    """Return spoken digits and a sentence that says which: recorded ones, else synthetic ones.

    Recorded digits come from EARMARK_DATA_DIR, the cache or a download; where none of that is possible, eSpeak NG
    speaks them on this machine.

    Raises:
        DataError: A local copy is damaged, or neither kind of digits can be had.
        StoreError: The cache is not writable.
    """
    recorded = "Recorded digits: the Free Spoken Digit Dataset, 6 speakers (CC BY-SA 4.0)."
    if _local("fsdd", _DEFAULTS, progress) is not None:  # a damaged copy is an error, not a reason to make digits up
        return corpus("fsdd", progress), recorded
    try:
        return corpus("fsdd", progress), recorded
    except DataError as error:
        failure = error
    try:
        made = corpus(ESPEAK, progress)
    except MissingExtraError as error:
        raise DataError(f"{failure}; without network: {error}") from error
    n_voices = len(set(made.groups.tolist()))
    return made, (
        f"Synthetic digits: {n_voices} voices of the speech synthesiser eSpeak NG, not people, because the Free Spoken "
        f"Digit Dataset could not be had ({failure})."
    )
