"""A copy on this disk of what an address in storage holds: only what is new or changed is fetched.

<cache>/storage/<name>-<fingerprint>/
    objects/<bucket>/<key>   the objects, each written whole or not at all
    fetched.jsonl            what was fetched since the copy was last complete; a killed process loses nothing
    index.json               every object with its size and version, written when the copy is complete
"""

from __future__ import annotations

import json
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from typing import TYPE_CHECKING

from earmark.core.errors import DataError, StoreError
from earmark.core.files import read_json, write_json
from earmark.core.identity import fingerprint
from earmark.core.settings import settings
from earmark.data.storage_client import RemoteObject
from earmark.data.storage_faults import GENERAL, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path
    from typing import TextIO

    from earmark.core.progress import Progress
    from earmark.data.storage_client import ObjectStore

FORMAT, FORMAT_VERSION = "earmark-storage", 1
_STALE_AFTER_S = 3600.0
Fact = tuple[int, str]


class StorageCopy:
    """The copy of one address. The store says what is there, the copy keeps it.

    Raises:
        DataError: EARMARK_OFFLINE is set and the copy is not complete.
    """

    def __init__(self, store: ObjectStore, address: str) -> None:
        self._store = store
        self._address = address
        name = re.sub(r"[^\w.-]+", "-", store.path.rpartition("/")[2])[:60]
        self.folder = settings().cache_dir / "storage" / f"{name}-{fingerprint(address.rstrip('/'))}"
        self._complete = self._read_index()
        self._known: dict[str, Fact] = {**(self._complete or {}), **self._read_journal()}
        self.is_offline = settings().offline and store.is_remote
        if self.is_offline and (self._complete is None or not all(map(self._has, self._complete.items()))):
            raise DataError(
                f"{address}: no complete copy is in {self.folder}, and EARMARK_OFFLINE forbids to fetch it; load it "
                "once with network"
            )

    def local(self, path: str) -> Path:
        """Return where an object lies, or would lie.

        Raises:
            DataError: Its name cannot be that of a file.
        """
        parts = path.split("/")
        if any(part in {"", ".", ".."} or "\0" in part or len(part.encode()) > 255 for part in parts):
            raise DataError(f"{self._store.address(path)}: this name cannot be kept as a file; rename the object")
        return self.folder.joinpath("objects", *parts)

    def list_objects(self, path: str | None = None) -> list[RemoteObject]:
        """Return the objects below a path as storage lists them, or offline as the copy has them.

        Raises:
            StoreError: The bucket is not there, not open to these credentials or cannot be reached.
        """
        if not self.is_offline:
            return self._store.list_objects(path)
        root = self._store.path if path is None else path
        objects = [RemoteObject(name, *fact) for name, fact in sorted((self._complete or {}).items())]
        return [item for item in objects if item.path == root or item.path.startswith(f"{root}/")]

    def fetch(self, objects: Sequence[RemoteObject], progress: Progress) -> list[RemoteObject]:
        """Fetch what is new or changed, several at once; returns those that storage does not have any more.

        One object that fails does not stop the others, unless none can succeed.

        Raises:
            DataError: The name of an object cannot be that of a file.
            StoreError: Objects could not be fetched (the others are kept, and the next call fetches the rest), or the
                cache cannot be written.
        """
        todo = [item for item in objects if not self._has((item.path, (item.size_bytes, item.version)))]
        files = [self.local(item.path) for item in todo]
        if not todo:
            return []
        if self.is_offline:
            raise DataError(f"{self._store.address(todo[0].path)}: is not in {self.folder}; load it once with network")
        progress.start(f"download {self._address}", sum(item.size_bytes for item in todo))
        gone: list[RemoteObject] = []
        failures: list[StorageError] = []
        with self._journal() as journal, _pool(self._store, len(todo)) as pool:
            for item in todo:
                if item.path in self._known:  # from here on the file may be of either version
                    self._note(journal, RemoteObject(item.path, -1, ""))
            futures = {pool.submit(self._store.fetch, item, file): item for item, file in zip(todo, files, strict=True)}
            for future in self._until_hopeless(futures, failures):
                item = futures[future]
                try:
                    self._note(journal, future.result())
                except StorageError as error:
                    if error.kind == "missing":
                        gone.append(item)
                    else:
                        failures.append(error)
                progress.advance(item.size_bytes)
        if failures:
            raise self._failed(failures, len(todo) - len(gone), sum(map(self._is_here, todo)))
        return gone

    def finish(self, objects: Sequence[RemoteObject]) -> None:
        """Note that the copy is complete with these objects, and drop those that it held before.

        Raises:
            StoreError: The cache cannot be written.
        """
        if self.is_offline:
            return
        facts = {item.path: self._known[item.path] for item in objects}
        if facts == self._complete and not self._journal_path.exists():
            return
        values = {"format": FORMAT, "version": FORMAT_VERSION, "address": self._address, "objects": facts}
        write_json(self.folder / "index.json", values)
        for path in self._known.keys() - facts.keys():
            with suppress(OSError):
                self.local(path).unlink(missing_ok=True)
        self._journal_path.unlink(missing_ok=True)
        self._complete, self._known = facts, dict(facts)

    def _until_hopeless(
        self, futures: dict[Future[RemoteObject], RemoteObject], failures: list[StorageError]
    ) -> Iterator[Future[RemoteObject]]:
        """Yield downloads as they end, until the failures say that the others would fail too."""
        patience = settings().storage_concurrency
        for future in as_completed(futures):
            if future.cancelled():
                continue
            n_before = len(failures)
            yield future
            failed = len(failures) > n_before
            patience = patience - 1 if failed else settings().storage_concurrency
            if failed and (failures[-1].kind in GENERAL or patience <= 0):
                self._store.stop.set()
                for other in futures:
                    other.cancel()

    def _failed(self, failures: list[StorageError], n_wanted: int, n_here: int) -> StorageError:
        first = next((failure for failure in failures if failure.kind in GENERAL), failures[0])
        others = f" (and {len(failures) - 1} more objects)" if len(failures) > 1 else ""
        return StorageError(f"{first}{others}; {n_here} of {n_wanted} objects are kept in {self.folder}", first.kind)

    def _has(self, entry: tuple[str, Fact]) -> bool:
        """Return whether the copy holds this version of an object."""
        path, fact = entry
        if self._known.get(path) != fact:
            return False
        try:
            return self.local(path).stat().st_size == fact[0]
        except OSError:
            return False

    def _is_here(self, item: RemoteObject) -> bool:
        return self.local(item.path).is_file()

    @property
    def _journal_path(self) -> Path:
        return self.folder / "fetched.jsonl"

    def _journal(self) -> TextIO:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._drop_half_written()
            return self._journal_path.open("a", encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"{self.folder}: cannot be written ({error.strerror}); name another cache folder with EARMARK_CACHE_DIR"
            ) from error

    def _note(self, journal: TextIO, item: RemoteObject) -> None:
        self._known[item.path] = (item.size_bytes, item.version)
        journal.write(json.dumps([item.path, item.size_bytes, item.version]) + "\n")
        journal.flush()

    def _drop_half_written(self) -> None:
        """Remove what killed processes left."""
        if not self._journal_path.exists():
            return
        for left in self.folder.rglob(".writing-*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE_AFTER_S:
                    shutil.rmtree(left, ignore_errors=True)

    def _read_journal(self) -> dict[str, Fact]:
        known: dict[str, Fact] = {}
        with suppress(OSError):
            for line in self._journal_path.read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(ValueError, TypeError):  # the last line of a killed process
                    path, size_bytes, version = json.loads(line)
                    known[path] = (size_bytes, version)
        return known

    def _read_index(self) -> dict[str, Fact] | None:
        try:
            values = read_json(self.folder / "index.json")
            if (values["format"], values["version"]) != (FORMAT, FORMAT_VERSION):
                return None
            return {path: (int(fact[0]), str(fact[1])) for path, fact in values["objects"].items()}
        except (StoreError, LookupError, TypeError, ValueError, AttributeError):
            return None


class _pool(ThreadPoolExecutor):  # noqa: N801 - used as a block
    """Threads whose waiting ends when the block does, however it ends."""

    def __init__(self, store: ObjectStore, n_items: int) -> None:
        super().__init__(min(settings().storage_concurrency, n_items), thread_name_prefix="storage")
        self._store = store
        store.stop.clear()

    def __exit__(self, *_: object) -> None:
        self._store.stop.set()
        self.shutdown(wait=True, cancel_futures=True)
        self._store.stop.clear()
