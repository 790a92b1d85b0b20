"""Memory that goes back to the system as soon as it is free."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc's malloc.h
LARGE_BYTES = 131072  # glibc's own default, before it begins to move it
LARGEST_BYTES = 33_554_432  # as far as it moves it


@contextlib.contextmanager
def giving_memory_back() -> Iterator[None]:
    """Have blocks of 128 kB and more that are freed in this block given back at once, where the system is glibc.

    glibc raises that limit up to 32 MB as larger blocks are freed, and keeps what is smaller: what loading a model
    leaves behind is then holes between its weights. Afterwards the limit is 32 MB: to give back costs time where
    arrays come and go, a tenth of it with BirdNET.
    """
    _set_limit(LARGE_BYTES)
    try:
        yield
    finally:
        _set_limit(LARGEST_BYTES)


def _set_limit(n_bytes: int) -> None:
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):  # musl has no mallopt, and no such habit either
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, n_bytes)
