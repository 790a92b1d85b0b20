"""Which named corpora there are, and where each would come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from earmark.core.settings import settings
from earmark.data.corpora import CORPORA, FETCHED, MANIFEST_NAME, SPOKEN_HERE, cached_folder, local_names


@dataclass(frozen=True)
class CatalogueRow:
    """A named corpus: its name, where it is or would come from, its licence, and a line about it."""

    name: str
    where: str
    licence: str
    about: str


def catalogue() -> list[CatalogueRow]:
    """Return the corpora of the table and those below EARMARK_DATA_DIR."""
    rows = [_row(name, about) for name, about in CORPORA.items()]
    root = settings().data_dir or Path()
    extra = sorted(set(local_names()) - set(CORPORA))
    return rows + [CatalogueRow(name, str(root / name), "see its clips.csv", "your own") for name in extra]


def _row(name: str, about: str) -> CatalogueRow:
    root = settings().data_dir
    if root is not None and (root / name).is_dir():
        where = str(root / name)
    elif name in SPOKEN_HERE:
        where = "made on this machine (extra: demo)"
    elif (cached_folder(name) / MANIFEST_NAME).is_file():
        where = str(cached_folder(name))
    else:
        where = f"download, {FETCHED[name].n_bytes / 1e6:.0f} MB"
    return CatalogueRow(name, where, "synthetic, free" if name in SPOKEN_HERE else FETCHED[name].licence, about)
