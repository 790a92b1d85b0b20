"""One door for every kind of dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from earmark.core.errors import DataError, did_you_mean
from earmark.core.progress import SILENT
from earmark.core.settings import settings
from earmark.data.annotation_folders import find_tables, load_annotation_tables
from earmark.data.annotation_tables import table_kind
from earmark.data.corpora import CORPORA, corpus, local_names
from earmark.data.folders import load_folders
from earmark.data.hub import HUB_PREFIX, load_hub, load_parquet
from earmark.data.manifest import load_manifest
from earmark.data.options import LoadOptions
from earmark.data.soundhub import is_soundhub, load_soundhub
from earmark.data.storage import load_storage
from earmark.data.storage_client import is_address
from earmark.data.tables import read_text

if TYPE_CHECKING:
    from earmark.core.progress import Progress
    from earmark.data.dataset import Dataset

MANIFEST_NAME = "clips.csv"
_MANIFESTS = {".csv", ".tsv", ".json", ".jsonl", ".ndjson"}
_DEFAULTS = LoadOptions()


def load_dataset(source: str | Path, options: LoadOptions = _DEFAULTS, progress: Progress = SILENT) -> Dataset:
    """Return a dataset from wherever labelled audio may lie.

    Args:
        source: A corpus (``"fsdd"``, ``"esc50"``, ``"digits-espeak"`` or a folder of EARMARK_DATA_DIR with a
            clips.csv), ``"hf:owner/name[:split]"``, a manifest (.csv .tsv .json .jsonl), a Raven or Audacity table
            (.txt), a folder with a clips.csv, with such tables, with parquet files, or with a folder for each class,
            the address of any of these in object storage (``"gs://bucket/folder/"``, ``"s3://..."``), or species
            of the sound hub (``"soundhub:coyote,bullfrog"``).
        options: Column names, grouping, windows; see `LoadOptions`.
        progress: Receives the steps of downloads and long reads.

    Raises:
        DataError: The source is unknown, damaged or incomplete.
        MissingExtraError: The source needs a package that is not installed.
        StoreError: Object storage refuses or cannot be reached, or the cache cannot be written.

    Example:
        >>> dataset = load_dataset("fsdd")  # doctest: +SKIP
        >>> dataset.n_classes  # doctest: +SKIP
        10
    """
    if isinstance(source, str):
        if source.startswith(HUB_PREFIX):
            return load_hub(source, options, progress)
        if source in CORPORA:
            return corpus(source, progress, options)
        if is_soundhub(source):
            return load_soundhub(source, options, progress)
        if is_address(source):
            return load_storage(source, options, _load_path, progress)
        if not Path(source).exists():
            return _load_named(source, options, progress)
    return _load_path(Path(source), options, progress)


def _load_path(path: Path, options: LoadOptions, progress: Progress) -> Dataset:
    if path.is_dir():
        return _load_folder(path, options, progress)
    if not path.is_file():
        raise DataError(f"{path}: is not there; expected a manifest, an annotation table or a folder")
    return _load_file(path, options, progress)


def _load_named(name: str, options: LoadOptions, progress: Progress) -> Dataset:
    known = {*CORPORA, *local_names()}
    if name in known:
        return corpus(name, progress, options)
    folder = settings().data_dir
    where = f" nor a folder with {MANIFEST_NAME} in {folder}" if folder else " (EARMARK_DATA_DIR is not set)"
    raise DataError(f'"{name}": is neither a file, a folder, a corpus{where}{did_you_mean(name, known)}')


def _load_folder(folder: Path, options: LoadOptions, progress: Progress) -> Dataset:
    if (folder / MANIFEST_NAME).is_file():
        return load_manifest(folder / MANIFEST_NAME, options, progress)
    if any(folder.rglob("*.parquet")):
        return load_parquet(folder, options, progress)
    if find_tables(folder, options.encoding):
        return load_annotation_tables(folder, options, progress)
    return load_folders(folder, options, progress)


def _load_file(path: Path, options: LoadOptions, progress: Progress) -> Dataset:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return load_parquet(path, options, progress)
    if suffix == ".txt" or (suffix == ".tsv" and table_kind(read_text(path, options.encoding)) is not None):
        return load_annotation_tables(path, options, progress)
    if suffix in _MANIFESTS:
        return load_manifest(path, options, progress)
    raise DataError(
        f'{path}: unknown kind of dataset "{suffix}"; expected .csv, .tsv, .json, .jsonl, .parquet, an annotation '
        "table (.txt) or a folder"
    )
