"""Computed features on disk: found again by what was heard and how it was measured, mapped instead of read.

Layout of the folder::

    audio/<folder>.json               content keys of audio files by name, size and times of change
    <frontend>/<table>.features       the rows of one ordered list of clips, contiguous
    <frontend>/part-<random>.features rows of clips of a run that has not finished

Invariants: files are only ever renamed into place, so any number of processes may write; a file that is not whole
(size, checksum, shape; see `table_file`) is dropped and computed again; deleting any file costs time and no result.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from typing import TYPE_CHECKING, Any

from earmark.core.errors import StoreError
from earmark.core.files import read_json, replacing, write_json
from earmark.core.identity import file_fingerprint, fingerprint
from earmark.features.table_file import DamagedError, read_table, write_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from earmark.features.table_file import ClipFeatures, StoredTable

SUFFIX = ".features"
# A file that changed less than this ago may change again unseen: time stamps are coarse (2 s on FAT).
SETTLED_NS = 2_000_000_000
log = logging.getLogger(__name__)


class FeatureStore:
    """A folder of computed features. Any number of processes may use it at once.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> FeatureStore(Path(tempfile.mkdtemp()) / "features").size_bytes()
        0
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def audio_keys(self, paths: Sequence[Path]) -> tuple[dict[Path, str], list[str]]:
        """Return the content key of each file, and why some cannot be read.

        A file that has not changed since it was last asked for is not read again.
        """
        by_folder: dict[Path, list[Path]] = {}
        for path in dict.fromkeys(paths):
            by_folder.setdefault(path.parent, []).append(path)
        keys: dict[Path, str] = {}
        failures: list[str] = []
        for parent, members in by_folder.items():
            keys.update(self._keys_in(parent, members, failures))
        return keys, failures

    def _keys_in(self, parent: Path, members: list[Path], failures: list[str]) -> dict[Path, str]:
        index_path = self.folder / "audio" / f"{fingerprint(str(parent.absolute()))}.json"
        index = _read_index(index_path)
        before = dict(index)
        keys = {}
        for path in members:
            try:
                keys[path] = _audio_key(path, index)
            except OSError as error:
                failures.append(f"{path}: {error.strerror or error}")
        if index != before:
            try:
                write_json(index_path, index)
            except StoreError as error:  # a read-only store still serves what it holds
                log.warning("%s; its files are read again next time", error)
        return keys

    def find_table(self, frontend: str, shape: tuple[int, ...], keys: Sequence[str]) -> StoredTable | None:
        """Return the table of exactly these clips in this order, mapped, or None if it is to be made.

        frontend: the frontend's fingerprint. Raises StoreError where the folder refuses to be read.
        """
        return self._open(self._table_path(frontend, keys), frontend, shape)

    def find_clips(self, frontend: str, shape: tuple[int, ...], wanted: Iterable[str]) -> dict[str, ClipFeatures]:
        """Return what any file of this frontend holds of the wanted clips. Raises StoreError."""
        missing = set(wanted)
        found: dict[str, ClipFeatures] = {}
        for path in self._files(frontend):
            if not missing:
                break
            table = self._open(path, frontend, shape)
            for key, rows in table.clips() if table else ():
                if key in missing:
                    found[key] = rows
                    missing.discard(key)
        return found

    def put_part(self, frontend: str, shape: tuple[int, ...], clips: dict[str, ClipFeatures]) -> StoredTable:
        """Write clips of an unfinished run and return them mapped. Raises StoreError."""
        path = self.folder / frontend / f"part-{secrets.token_hex(8)}{SUFFIX}"
        return self._put(path, frontend, shape, list(clips), clips)

    def put_table(
        self, frontend: str, shape: tuple[int, ...], keys: Sequence[str], clips: dict[str, ClipFeatures]
    ) -> StoredTable:
        """Write the table of these clips in this order, drop the parts it makes needless and return it mapped.

        Raises StoreError.
        """
        table = self._put(self._table_path(frontend, keys), frontend, shape, keys, clips)
        known = set(keys)
        for path in self._files(frontend):
            if path.name.startswith("part-"):
                part = self._open(path, frontend, shape)
                if part is not None and all(key.decode() in known for key in part.keys):
                    _drop(path)
        return table

    def check_writable(self) -> None:
        """Raise StoreError now if features could not be written later, before hours of work."""
        with replacing(self.folder / ".writable") as probe:
            probe.write_bytes(b"earmark")
        _drop(self.folder / ".writable")

    def size_bytes(self) -> int:
        """Return the size of everything in the folder."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def clear(self) -> None:
        """Delete everything in the folder. Raises StoreError where it refuses."""
        try:
            if self.folder.exists():
                shutil.rmtree(self.folder)
        except OSError as error:
            raise StoreError(
                f"{self.folder}: cannot be cleared ({error.strerror or error}); delete it by hand"
            ) from error

    def _table_path(self, frontend: str, keys: Sequence[str]) -> Path:
        return self.folder / frontend / f"{fingerprint(list(keys))}{SUFFIX}"

    def _files(self, frontend: str) -> list[Path]:
        return sorted((self.folder / frontend).glob(f"*{SUFFIX}"))

    def _open(self, path: Path, frontend: str, shape: tuple[int, ...]) -> StoredTable | None:
        try:
            return read_table(path, frontend, shape)
        except FileNotFoundError:
            return None
        except DamagedError as error:
            log.warning("%s: %s; it is dropped and computed again", path, error)
            _drop(path)
            return None
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be read ({error.strerror or error}); choose another cache folder (EARMARK_CACHE_DIR)"
            ) from error

    def _put(
        self, path: Path, frontend: str, shape: tuple[int, ...], keys: Sequence[str], clips: dict[str, ClipFeatures]
    ) -> StoredTable:
        write_table(path, frontend, shape, keys, clips)
        table = self._open(path, frontend, shape)
        if table is None:
            raise StoreError(f"{path}: is not what was written a moment ago; check the disk or choose another folder")
        return table


def _audio_key(path: Path, index: dict[str, list[Any]]) -> str:
    """Return the key of a file's content from the index, or from the file and into the index. Raises OSError."""
    status = os.stat(path)  # noqa: PTH116 - a third of the time of Path.stat, for thousands of clips
    # ctime: a tool that keeps the time of change (cp -p, rsync -t) may put other sound of equal length in its place
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    known = index.get(path.name)
    if known and known[:-1] == stamp:
        return str(known[-1])
    key = file_fingerprint(path)
    if time.time_ns() - status.st_mtime_ns > SETTLED_NS:
        index[path.name] = [*stamp, key]
    return key


def _read_index(path: Path) -> dict[str, list[Any]]:
    if not path.exists():
        return {}
    try:
        index = read_json(path)
    except StoreError as error:
        log.warning("%s; its files are read again", error)
        return {}
    if not isinstance(index, dict):
        return {}
    return {name: entry for name, entry in index.items() if isinstance(entry, list) and len(entry) == 4}


def _drop(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # a read-only cache still serves; what is damaged is computed again each time
        log.warning("%s: cannot be deleted (%s)", path, error.strerror or error)


def default_store() -> FeatureStore:
    """Return the store in the user's cache folder."""
    from earmark.core.settings import settings

    return FeatureStore(settings().cache_dir / "features")
