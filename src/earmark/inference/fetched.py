"""Recordings that lie in storage, on this machine for as long as they are needed."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from earmark.core.errors import DataError, StoreError
from earmark.core.scratch import scratch_folder, sweep
from earmark.core.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from earmark.data.storage_client import RemoteObject

FETCHED = "fetched-"


@contextmanager
def fetched(address: str, listed: RemoteObject | None = None) -> Iterator[Path]:
    """Give the file of an object in storage, fetched into the cache and removed afterwards.

    Args:
        address: Its whole address.
        listed: What storage said of it when it was found: it must be the same still.

    Raises:
        DataError: It changed since it was found, or the address names no object.
        MissingExtraError: The extra "cloud" is needed and not installed.
        StoreError: It is gone or cannot be fetched, or the cache cannot be written.
    """
    from earmark.data.storage_client import ObjectStore

    store = ObjectStore(address)
    item = store.look_at(store.path) if listed is None else listed
    cache = settings().cache_dir / "analyze"
    with ExitStack() as stack:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            sweep(cache, FETCHED)  # of processes that were killed
            folder = stack.enter_context(scratch_folder(cache, FETCHED))
        except OSError as error:
            raise StoreError(f"{cache}: cannot be written ({error.strerror}); set EARMARK_CACHE_DIR") from error
        file = folder / item.path.rpartition("/")[2]
        got = store.fetch(item, file)
        if got.version != item.version or store.look_at(item.path).version != item.version:
            raise DataError(f"{address}: changed since it was found; run again")
        yield file
