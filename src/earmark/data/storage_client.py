"""A bucket as the rest of earmark sees it: list, look at, fetch and send objects, or one clear error.

Every request is tried again where the fault may pass. What is fetched is checked against the size and the checksum
that storage gives (MD5, else CRC32C; an S3 ETag counts as MD5 where it is one) before it takes its name.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from earmark.core.errors import DataError, MissingExtraError
from earmark.core.files import replacing
from earmark.core.optional import import_extra
from earmark.core.settings import settings
from earmark.data.storage_faults import DamagedError, StorageError, keep_trying
from earmark.data.storage_filesystem import (
    AMAZON,
    GOOGLE,
    ON_THIS_MACHINE,
    credentials_hint,
    filesystem,
    is_anonymous,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from earmark.data.storage_faults import Fault, FaultKind

T = TypeVar("T")

_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<path>.*)", flags=re.DOTALL)
_MD5_ETAG = re.compile(r'"?(?P<md5>[0-9a-f]{32})"?')
_BLOCK_BYTES = 1 << 20


def is_address(source: object) -> bool:
    """Return whether a source is the address of something in storage, such as ``gs://bucket/prefix``."""
    return isinstance(source, str) and _ADDRESS.fullmatch(source) is not None


@dataclass(frozen=True)
class RemoteObject:
    """What storage says of an object.

    Attributes:
        path: Its bucket and key.
        version: Another one after each change: the generation, ETag or time of change.
        md5: In hexadecimal, where storage knows it.
        crc32c: In base64, where storage knows it.
        encoding: "gzip" where the bytes that arrive are not the bytes that are stored.
    """

    path: str
    size_bytes: int
    version: str
    md5: str | None = None
    crc32c: str | None = None
    encoding: str = ""

    @classmethod
    def of(cls, path: str, facts: Mapping[str, Any]) -> RemoteObject:
        """Return what the facts of any fsspec file system say."""
        names = ("generation", "ETag", "etag", "version_id", "mtime", "LastModified", "created")
        md5 = facts.get("md5Hash")
        etag = _MD5_ETAG.fullmatch(str(facts.get("ETag", "")))
        return cls(
            path=path,
            size_bytes=int(facts.get("size") or 0),
            version=next((str(facts[name]) for name in names if facts.get(name)), ""),
            md5=base64.b64decode(md5).hex() if md5 else (etag["md5"] if etag else None),
            crc32c=facts.get("crc32c"),
            encoding=str(facts.get("contentEncoding") or ""),
        )


class ObjectStore:
    """The storage that an address points into.

    Raises:
        ConfigError: The credentials that are named cannot be read.
        DataError: The address is of no known kind or names no bucket.
        MissingExtraError: The extra "cloud" is not installed.

    Example:
        >>> store = ObjectStore("memory://bucket/songs/")
        >>> store.path, store.list_objects()
        ('bucket/songs', [])
    """

    def __init__(self, address: str) -> None:
        found = _ADDRESS.fullmatch(address)
        if found is None or not found["path"].strip("/"):
            raise DataError(f'"{address}": names no bucket; expected an address such as gs://bucket/folder/')
        self.scheme = found["scheme"]
        self.path = found["path"].strip("/")
        self.is_remote = self.scheme not in ON_THIS_MACHINE
        self.stop = threading.Event()
        self._root = "" if self.scheme in GOOGLE | AMAZON else "/"
        self._system: Any = None

    def address(self, path: str) -> str:
        """Return the full address of a path."""
        return f"{self.scheme}://{'' if self.is_remote or self.scheme == 'memory' else '/'}{path}"

    def list_objects(self, path: str | None = None) -> list[RemoteObject]:
        """Return the objects below a path (the store's own if none is given), in order; empty if there is none.

        Raises:
            StoreError: The bucket is not there, not open to these credentials or cannot be reached.
        """
        root = self.path if path is None else path
        try:
            found = self._try(root, lambda system, name: system.find(name, detail=True))
        except StorageError as error:
            if error.kind != "missing":
                raise
            raise StorageError(
                f'{self.address(root)}: there is no bucket "{root.partition("/")[0]}"; correct the name, or '
                "log in to the account that has it",
                "missing",
            ) from error
        named = ((name.lstrip("/"), facts) for name, facts in found.items() if facts.get("type") != "directory")
        return [
            RemoteObject.of(name, facts)
            for name, facts in sorted(named)
            if not name.endswith("/") and (name == root or name.startswith(f"{root}/"))
        ]

    def list_names(self, path: str) -> list[str]:
        """Return the names directly below a path, folders too; empty where that cannot be told."""
        try:
            entries = self._try(path, lambda system, name: system.ls(name, detail=False))
        except StorageError:
            return []
        return sorted({entry.rstrip("/").rpartition("/")[2] for entry in entries} - {""})

    def look_at(self, path: str) -> RemoteObject:
        """Return what storage says of an object now.

        Raises:
            StoreError: The object is not there, or it cannot be asked for.
        """
        facts = self._try(path, lambda system, name: system.info(name))
        if facts.get("type") == "directory":
            raise StorageError(f"{self.address(path)}: is a folder, expected an object", "missing")
        return RemoteObject.of(path, facts)

    def fetch(self, item: RemoteObject, file: Path) -> RemoteObject:
        """Download an object into a file, whole and checked or not at all; returns what it was in the end.

        Raises:
            StoreError: It is gone, keeps arriving damaged or cannot be fetched, or the file cannot be written.
        """
        if item.encoding:
            raise StorageError(
                f"{self.address(item.path)}: is stored with Content-Encoding {item.encoding}, so that its checksum "
                "says nothing; upload it as it is"
            )
        expected = item
        with replacing(file) as temporary:

            def download(system: Any, name: str) -> RemoteObject:
                nonlocal expected
                options = {"concurrency": 1} if self.scheme in GOOGLE else {}  # saves a request for each object
                system.get_file(name, str(temporary), **options)
                if _damage(temporary, expected):
                    expected = self._look_again(system, name, item.path)  # it may have changed since it was listed
                    if damage := _damage(temporary, expected):
                        raise DamagedError(damage)
                return expected

            return self._try(item.path, download)

    def send(self, file: Path, path: str) -> None:
        """Upload a file, which appears whole or not at all.

        Raises:
            StoreError: It cannot be written.
        """
        if self.scheme in {"file", "local"}:  # here a copy could be seen half-written
            with replacing(Path("/", path)) as temporary:
                temporary.write_bytes(file.read_bytes())
            return
        self._try(path, lambda system, name: system.put_file(str(file), name))

    def remove(self, path: str) -> bool:
        """Delete an object; returns whether it was there.

        Raises:
            StoreError: It cannot be deleted.
        """
        try:
            self._try(path, lambda system, name: system.rm_file(name))
        except StorageError as error:
            if error.kind != "missing":
                raise
            return False
        return True

    def read(self, path: str) -> bytes:
        """Return the content of a small object.

        Raises:
            StoreError: It is not there, or cannot be fetched.
        """
        content: bytes = self._try(path, lambda system, name: system.cat_file(name))
        return content

    def _try(self, path: str, action: Callable[[Any, str], T]) -> T:
        if self.is_remote and settings().offline:
            raise StorageError(f"{self.address(path)}: EARMARK_OFFLINE forbids to reach it; unset it", "unreachable")
        if self._system is None:
            self._system = filesystem(self.scheme)
        return keep_trying(
            lambda: action(self._system, self._root + path),
            settings().storage_retries,
            lambda fault, tries: self._explain(path, fault, tries),
            self.stop,
        )

    def _look_again(self, system: Any, name: str, path: str) -> RemoteObject:
        found = RemoteObject.of(path, system.info(name))
        if self.scheme in AMAZON:
            bucket, _, key = name.partition("/")
            head = system.call_s3("head_object", Bucket=bucket, Key=key)
            # with keys of their own, S3 gives ETags that look like MD5 and are not
            if str(head.get("ServerSideEncryption", "")).startswith("aws:kms") or head.get("SSECustomerAlgorithm"):
                return replace(found, md5=None)
        return found

    def _explain(self, path: str, fault: Fault, tries: str) -> StorageError:
        reason = "; ".join(part for part in (fault.reason, tries) if part)
        none = "no credentials were found and it is not open to everyone; "
        hint = (none if is_anonymous(self.scheme, self._system) else "") + credentials_hint(self.scheme)
        texts: dict[FaultKind, str] = {
            "missing": "is not there",
            "denied": f"access refused ({reason}); {hint}",
            "unreachable": f"cannot be reached ({reason}); check the network, or use what the cache has with "
            "EARMARK_OFFLINE=1",
            "busy": f"failed ({reason}); run the command again later, what was moved so far is kept",
            "damaged": f"arrives damaged ({reason}); upload it again",
            "disk": f"cannot be kept ({reason}); free space, or name another cache folder with EARMARK_CACHE_DIR",
            "other": f"failed ({reason})",
        }
        return StorageError(f"{self.address(path)}: {texts[fault.kind]}", fault.kind)


def _damage(file: Path, expected: RemoteObject) -> str:
    """Return how a file differs from what storage says of it; empty where it does not."""
    n_bytes = file.stat().st_size
    if n_bytes != expected.size_bytes:
        return f"{n_bytes} bytes arrived, expected {expected.size_bytes}"
    if expected.md5 is not None:
        with file.open("rb") as content:
            md5 = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        return "" if md5 == expected.md5 else f"its MD5 is {md5}, expected {expected.md5}"
    if expected.crc32c is not None and (crc32c := _crc32c(file)) is not None:
        return "" if crc32c == expected.crc32c else f"its CRC32C is {crc32c}, expected {expected.crc32c}"
    return ""


def _crc32c(file: Path) -> str | None:
    """Return a file's CRC32C in base64, or None without the package that gcsfs brings."""
    try:
        checksum = import_extra("google_crc32c", "cloud", "Checking CRC32C").Checksum()
    except MissingExtraError:
        return None
    with file.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            checksum.update(block)
    return base64.b64encode(checksum.digest()).decode()
