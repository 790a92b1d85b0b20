"""Sound that a request names instead of sending it: only below the prefixes that the operator allows."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING

from earmark.core.errors import EarmarkError
from earmark.data.storage_client import ObjectStore
from earmark.data.storage_faults import StorageError
from earmark.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from earmark.service.options import ServeOptions

log = logging.getLogger(__name__)

LOCAL_SCHEMES = frozenset({"file", "local"})
LONGEST = 1024
# Nothing that any storage library takes for more than a letter of a name: chained addresses (::), queries, patterns,
# versions (#), escapes, backslashes, control characters.
PLAIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<path>[^\x00-\x1f\x7f\\%?#*\[\]{}]+)")


def is_allowed(reference: str, prefixes: Iterable[str]) -> bool:
    """Return whether a reference names an object below one of the prefixes, and nothing that leads out of them.

    Example:
        >>> is_allowed("gs://lab/in/a.wav", ["gs://lab/in"]), is_allowed("gs://lab/in/../key", ["gs://lab/in"])
        (True, False)
        >>> is_allowed("gs://lab/intern/a.wav", ["gs://lab/in"]), is_allowed("file:///etc/passwd", ["gs://lab"])
        (False, False)
    """
    found = PLAIN.fullmatch(reference)
    if found is None or len(reference) > LONGEST or found["scheme"] in LOCAL_SCHEMES or "::" in reference:
        return False
    if any(part in {"", ".", ".."} for part in found["path"].split("/")):
        return False
    return any(reference.startswith(f"{prefix.rstrip('/')}/") for prefix in prefixes)


async def fetch_reference(reference: str, options: ServeOptions, folder: Path) -> Path:
    """Return the file of an object, copied into a folder.

    Raises:
        Problem: 403: it is not allowed. 404: it is not there. 413: it is too large. 502: storage refuses.
    """
    if not is_allowed(reference, options.references):
        raise Problem(
            403,
            "Reference refused",
            "This service takes references only below addresses that its operator allows (earmark serve --references); "
            "send the sound itself.",
        )
    store = _open(reference)
    try:
        return await asyncio.to_thread(_fetch, store, int(options.max_upload_mb * 1_000_000), folder / "sound")
    finally:
        store.stop.set()  # of a request that was given up: no further tries


def _open(reference: str) -> ObjectStore:
    try:
        return ObjectStore(reference)
    except EarmarkError as error:
        raise _unreachable(error) from error


def _fetch(store: ObjectStore, most_bytes: int, file: Path) -> Path:
    try:
        item = store.look_at(store.path)
        if item.size_bytes > most_bytes:
            raise Problem(
                413,
                "Too large",
                f"Found {item.size_bytes / 1e6:.1f} MB, expected at most {most_bytes / 1e6:g} MB; name another.",
            )
        store.fetch(item, file)
    except StorageError as error:
        if error.kind == "missing":
            raise Problem(404, "Nothing there", "There is no object of this name; correct the reference.") from error
        raise _unreachable(error) from error
    except EarmarkError as error:
        raise _unreachable(error) from error
    return file


def _unreachable(error: EarmarkError) -> Problem:
    """Return what a client is told; the text of the error, with names of accounts and files, is for the log."""
    log.warning("a reference cannot be fetched: %s", error)
    return Problem(
        502, "Storage refuses", "The object cannot be fetched from storage; the log of the service says why."
    )
