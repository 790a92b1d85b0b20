"""Datasets in object storage: listed, copied into the cache, then read like any folder or manifest.

Ids and groups of clips come from the keys of the objects below the address, never from where the cache lies.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from earmark.core.errors import DataError, did_you_mean
from earmark.core.progress import SILENT
from earmark.data.annotation_tables import table_kind
from earmark.data.manifest import COLUMNS, dataset_of_table
from earmark.data.paths import is_audio
from earmark.data.storage_client import ObjectStore, RemoteObject, is_address
from earmark.data.storage_faults import StorageError
from earmark.data.storage_sync import StorageCopy
from earmark.data.tables import Row, read_table, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from earmark.core.progress import Progress
    from earmark.data.dataset import Dataset
    from earmark.data.options import LoadOptions

    OpenLocal = Callable[[Path, LoadOptions, Progress], Dataset]

MANIFEST_NAME = "clips.csv"
_MANIFESTS = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson"})
_TABLES = frozenset({".txt", ".tsv"})
_NAMES_SHOWN = 20
_ASK_EACH = 32  # so many objects are asked for one by one, more are listed


def load_storage(address: str, options: LoadOptions, open_local: OpenLocal, progress: Progress = SILENT) -> Dataset:
    """Return the dataset at an address such as ``gs://bucket/folder/`` or ``s3://bucket/folder/clips.csv``.

    Args:
        address: A folder per class, a folder with a clips.csv, annotation tables or parquet files, or one such file.
            A manifest may name its audio relative to itself or by addresses of the same kind of storage.
        options: How the dataset is read; with `audio_dir` the audio of a manifest is taken from there.
        open_local: Reads the copy; what `load_dataset` does with a path.
        progress: Receives the bytes that are fetched.

    Raises:
        DataError: There is no audio, an object that a manifest names is missing, or the copy is refused as any
            local dataset would be.
        MissingExtraError: The extra "cloud" is not installed.
        StoreError: Storage refuses or cannot be reached, or the cache cannot be written.
    """
    store = ObjectStore(address)
    copy = StorageCopy(store, address)
    suffix = PurePosixPath(store.path).suffix.lower()
    if suffix in _MANIFESTS | _TABLES | {".parquet"} and not address.endswith("/"):
        dataset = _load_file(store, copy, options, open_local, progress)
    else:
        dataset = _load_folder(store, copy, options, open_local, progress)
    return replace(dataset, source=address)


def copy_folder(store: ObjectStore, copy: StorageCopy, options: LoadOptions, progress: Progress) -> Path:
    """Return the folder of the cache that holds the audio, tables and parquet files below a store's path.

    Raises:
        DataError: There is none, or one was removed while it was copied and `options.missing` is "error".
        StoreError: Storage refuses or cannot be reached, or the cache cannot be written.
    """
    return _copy_listed(store, copy, copy.list_objects(), options, progress)


def _copy_listed(
    store: ObjectStore, copy: StorageCopy, found: Sequence[RemoteObject], options: LoadOptions, progress: Progress
) -> Path:
    wanted = [item for item in found if _is_wanted(item.path.removeprefix(f"{store.path}/"))]
    if not any(is_audio(Path(item.path)) or item.path.endswith(".parquet") for item in wanted):
        raise DataError(_nothing_there(store, found))
    _fetch(store, copy, wanted, options, progress)
    return copy.local(store.path)


def _load_folder(
    store: ObjectStore, copy: StorageCopy, options: LoadOptions, open_local: OpenLocal, progress: Progress
) -> Dataset:
    found = copy.list_objects()
    manifest = f"{store.path}/{MANIFEST_NAME}"
    if any(item.path == manifest for item in found):
        return _load_manifest(_Manifest(manifest, found), store, copy, options, progress)
    return open_local(_copy_listed(store, copy, found, options, progress), options, progress)


def _load_file(
    store: ObjectStore, copy: StorageCopy, options: LoadOptions, open_local: OpenLocal, progress: Progress
) -> Dataset:
    found = copy.list_objects()
    if [item.path for item in found] != [store.path]:
        raise DataError(_nothing_there(store, []))
    _fetch_all(copy, found, progress)
    local = copy.local(store.path)
    if local.suffix.lower() in _TABLES and table_kind(read_text(local, options.encoding)) is not None:
        folder = store.path.rpartition("/")[0]
        near = copy.list_objects(folder) if options.audio_dir is None else []
        beside = [item for item in near if is_audio(Path(item.path)) and posixpath.dirname(item.path) == folder]
        _fetch(store, copy, [*found, *beside], options, progress)
    elif local.suffix.lower() in _MANIFESTS:
        return _load_manifest(_Manifest(store.path, found), store, copy, options, progress)
    else:
        copy.finish(found)
    return open_local(local, options, progress)


@dataclass(frozen=True)
class _Manifest:
    """A manifest in storage, and what was listed already."""

    path: str
    listed: Sequence[RemoteObject]

    @property
    def own(self) -> list[RemoteObject]:
        return [item for item in self.listed if item.path == self.path]


def _load_manifest(
    manifest: _Manifest, store: ObjectStore, copy: StorageCopy, options: LoadOptions, progress: Progress
) -> Dataset:
    """Return the dataset of a manifest and the objects that it names."""
    path, found = manifest.path, manifest.own
    _fetch_all(copy, found, progress)
    table = read_table(copy.local(path), options.encoding)
    if options.audio_dir is not None:
        copy.finish(found)
        return dataset_of_table(table, options, progress)
    column = options.path_column or next((c for name in COLUMNS["path"] if (c := table.column_like(name))), None)
    if column is None or column not in table.columns:
        return dataset_of_table(table, options, progress)  # says which columns there are
    base = posixpath.dirname(path)
    keys = [_key_of(row, row.text(column), base, store) for row in table.rows]
    named = {item.path: item for item in manifest.listed if item.path in keys}
    named |= _named_objects(store, copy, {key for key in keys if key} - named.keys())
    absent = [position for position, key in enumerate(keys) if key and key not in named]
    if absent and options.missing == "error":
        others = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        first = absent[0]
        raise DataError(
            f"{table.rows[first].where}: object {store.address(keys[first])} is not there{others}; correct the path, "
            'or leave such clips out with missing="skip"'
        )
    _fetch(store, copy, [*found, *named.values()], options, progress)
    rows = [
        Row(row.where, {**row.cells, column: posixpath.relpath(key, base)}) if key else row
        for row, key in zip(table.rows, keys, strict=True)
    ]
    return dataset_of_table(replace(table, rows=tuple(rows)), options, progress)


def _key_of(row: Row, text: str, base: str, store: ObjectStore) -> str:
    """Return the path in storage that a manifest's cell means; empty for an empty cell."""
    if is_address(text):
        other = ObjectStore(text)
        if other.scheme != store.scheme:
            raise DataError(f"{row.where}: {text} is not in {store.scheme}://, where the manifest lies; copy it there")
        return other.path
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).drive:
        raise DataError(
            f"{row.where}: {text} is a path of some machine; name the audio relative to the manifest, by its address "
            f"({store.scheme}://...), or say where it lies here with audio_dir"
        )
    key = posixpath.normpath(posixpath.join(base, text.replace("\\", "/"))) if text else ""
    if key.startswith(".."):
        raise DataError(f"{row.where}: {text} leads out of {store.scheme}://; correct the path")
    return key


def _named_objects(store: ObjectStore, copy: StorageCopy, paths: Iterable[str]) -> dict[str, RemoteObject]:
    """Return the objects of a manifest by path, without those that are not there."""
    wanted = sorted(paths)
    if copy.is_offline or len(wanted) > _ASK_EACH:
        return _listed_objects(copy, wanted)
    found = {}
    for path in wanted:
        try:
            found[path] = store.look_at(path)
        except StorageError as error:
            if error.kind != "missing":
                raise
    return found


def _listed_objects(copy: StorageCopy, wanted: list[str]) -> dict[str, RemoteObject]:
    """Return objects by path from one listing for each bucket: of the folder that all its objects share."""
    of_bucket: dict[str, list[str]] = {}
    for path in wanted:
        of_bucket.setdefault(path.partition("/")[0], []).append(path)
    names = set(wanted)
    listed = (item for paths in of_bucket.values() for item in copy.list_objects(posixpath.commonpath(paths)))
    return {item.path: item for item in listed if item.path in names}


def _fetch(
    store: ObjectStore, copy: StorageCopy, objects: Sequence[RemoteObject], options: LoadOptions, progress: Progress
) -> None:
    """Make the copy complete with these objects."""
    gone = copy.fetch(objects, progress)
    if gone and options.missing == "error":
        others = f" (and {len(gone) - 1} more)" if len(gone) > 1 else ""
        raise DataError(
            f"{store.address(gone[0].path)}: is listed, but is not there{others}; run the command again, or leave such "
            'clips out with missing="skip"'
        )
    if gone:
        progress.note(f"skipped {len(gone)} of {len(objects)} objects that are not there any more")
    lost = {item.path for item in gone}
    copy.finish([item for item in objects if item.path not in lost])


def _fetch_all(copy: StorageCopy, objects: Sequence[RemoteObject], progress: Progress) -> None:
    """Fetch a manifest or table, without which nothing else makes sense."""
    for item in copy.fetch(objects, progress):
        raise DataError(f"{item.path}: is listed, but is not there; run the command again")


def _is_wanted(name: str) -> bool:
    """Return whether an object below the address may be part of a dataset; hidden ones are not."""
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and (is_audio(Path(name)) or path.suffix.lower() in {".txt", ".parquet"})


def _nothing_there(store: ObjectStore, found: Iterable[RemoteObject]) -> str:
    address = store.address(store.path)
    for item in found:
        return f"{address}: holds no audio (but such as {item.path.rpartition('/')[2]}); expected a folder per class"
    folder, name = store.path, ""
    while "/" in folder:
        folder, _, name = folder.rpartition("/")
        if beside := store.list_names(folder):
            near = beside if len(beside) <= _NAMES_SHOWN else get_close_matches(name, beside, _NAMES_SHOWN, 0.3)
            return f"{address}: nothing is there; {store.address(folder)} has no {name}{did_you_mean(name, near)}"
    return f"{address}: nothing is there; correct the address"
