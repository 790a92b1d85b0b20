"""Random generators by name, so that no result depends on the order or number of workers."""

from __future__ import annotations

import hashlib

import numpy as np


def named_generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator that belongs to a seed and a path of names.

    Equal arguments give equal streams in every process; different names give independent streams.

    Example:
        >>> float(named_generator(0, "split", 3).random()) == float(named_generator(0, "split", 3).random())
        True
    """
    digest = hashlib.sha256("\x1f".join([str(seed), *map(str, names)]).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))


def child_seed(seed: int, *names: str | int) -> int:
    """Return a 31-bit seed for libraries that take an integer instead of a generator."""
    return int(named_generator(seed, *names).integers(2**31 - 1))
