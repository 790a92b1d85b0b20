"""Where a served bundle comes from: shipped, a folder, or an address in storage that is copied into the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from earmark.core.errors import BundleError
from earmark.core.progress import SILENT
from earmark.data.storage_client import ObjectStore, is_address
from earmark.data.storage_sync import StorageCopy
from earmark.models.bundle import SPEC_FILE, load_bundle

if TYPE_CHECKING:
    from earmark.data.storage_client import RemoteObject
    from earmark.models.bundle import Bundle

Mark = tuple[tuple[str, int, str], ...]  # each file's name, size and version


class Source(Protocol):
    """A place where a bundle is, and may be replaced by another version of it.

    Attributes:
        name: Of the bundle; None where it has to be fetched to know.
    """

    name: str | None

    def mark(self) -> Mark:
        """Return what tells one state of the place from another, without reading the files.

        Raises:
            StoreError: Storage cannot be reached.
        """
        ...

    def fetch(self) -> Bundle:
        """Return the verified bundle that is there now.

        Raises:
            BundleError: There is none, or it is damaged, such as one that is being copied there.
            StoreError: It cannot be fetched.
        """
        ...


def source_of(model: str) -> Source:
    """Return the source of a shipped bundle, a bundle folder or an address such as gs://bucket/bundles/digits.

    Raises:
        BundleError: There is no such bundle on this machine.
        DataError: The address is of no known kind.
        MissingExtraError: The extra "cloud" is not installed.
    """
    return _Storage(model) if is_address(model) else _Folder(model)


class _Folder:
    def __init__(self, model: str) -> None:
        bundle = load_bundle(model)
        self.name: str | None = bundle.spec.name
        self._folder = bundle.folder

    def mark(self) -> Mark:
        try:
            found = [(file.name, file.stat()) for file in sorted(self._folder.iterdir())]
        except OSError:  # it is being replaced
            return ()
        return tuple((name, stat.st_size, f"{stat.st_mtime_ns}-{stat.st_ino}") for name, stat in found)

    def fetch(self) -> Bundle:
        return load_bundle(self._folder)


class _Storage:
    def __init__(self, address: str) -> None:
        self.name: str | None = None
        self._address = address
        self._store = ObjectStore(address)

    def mark(self) -> Mark:
        return tuple((item.path, item.size_bytes, item.version) for item in self._objects(self._copy()))

    def fetch(self) -> Bundle:
        copy = self._copy()
        objects = self._objects(copy)
        if not objects:
            raise BundleError(f"{self._address}: holds no {SPEC_FILE}; expected a bundle folder")
        gone = copy.fetch(objects, SILENT)
        if gone:
            raise BundleError(f"{self._address}: {gone[0].path} was removed while the bundle was copied; copy it again")
        copy.finish(objects)
        return load_bundle(copy.local(self._store.path))

    def _copy(self) -> StorageCopy:
        return StorageCopy(self._store, self._address)

    def _objects(self, copy: StorageCopy) -> list[RemoteObject]:
        """Return the files of the bundle; nothing while its bundle.json is not there."""
        prefix = f"{self._store.path}/"
        found = [item for item in copy.list_objects() if "/" not in item.path.removeprefix(prefix)]
        return found if any(item.path == prefix + SPEC_FILE for item in found) else []
