"""The recordings that arguments mean: files, folders, globs, addresses in object storage."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.core.errors import DataError
from earmark.data.find import AudioFile, find_audio
from earmark.data.paths import is_audio
from earmark.data.storage_client import ObjectStore, is_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from earmark.data.storage_client import RemoteObject


@dataclass(frozen=True)
class Recording:
    """A recording to hear, not opened yet.

    Attributes:
        name: As the user named it, or as found in a folder so named: a path or an address.
        key_name: The same wherever the command runs: a whole path, or an address.
        size_bytes: Its size.
        version: Another one after each change.
        path: The file; None where it lies in storage.
        remote: What storage says of it.
        reason: Why it cannot even be looked at.
    """

    name: str
    key_name: str
    size_bytes: int = 0
    version: str = ""
    path: Path | None = None
    remote: RemoteObject | None = None
    reason: str = ""


def expand(arguments: Sequence[str]) -> list[str]:
    """Return arguments with the globs among them replaced by what they match, in order.

    Raises:
        DataError: A glob matches nothing.
    """
    found: list[str] = []
    for argument in arguments:
        if is_address(argument) or not glob.has_magic(argument) or Path(argument).exists():
            found.append(argument)
            continue
        matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - Path.glob cannot start at a root
        if not matches:
            raise DataError(f"{argument}: matches nothing; check the pattern")
        found += matches
    return found


def find_recordings(arguments: Sequence[str]) -> Iterator[Recording]:
    """Yield the recordings that arguments mean: what lies on this machine in order, then what lies in storage.

    Raises:
        DataError: An address names no bucket, or has no audio.
        MissingExtraError: The extra "cloud" is needed and not installed.
        StoreError: Storage refuses or cannot be reached.
    """
    for file in find_audio([Path(each) for each in arguments if not is_address(each)]):
        if isinstance(file, AudioFile):
            yield Recording(str(file.path), file.name, file.size_bytes, str(file.mtime_ns), path=file.path)
        else:
            yield Recording(str(file.path), str(file.path), reason=file.reason)
    for address in dict.fromkeys(filter(is_address, arguments)):
        yield from _in_storage(address)


def _in_storage(address: str) -> Iterator[Recording]:
    store = ObjectStore(address)
    objects = store.list_objects()
    named = [each for each in objects if each.path == store.path]  # an object is taken whatever its name
    wanted = named or [each for each in objects if is_audio(Path(each.path))]
    if not wanted:
        raise DataError(f"{address}: no audio found among {len(objects):,} objects there; check the address")
    for item in wanted:
        name = store.address(item.path)
        yield Recording(name, name, item.size_bytes, item.version, remote=item)
