"""Fingerprints: short stable names for configurations, arrays and files.

A fingerprint is the first 16 hexadecimal digits of a SHA-256 (64 bits: no collision to expect below a billion
items). Equal content gives equal fingerprints on every machine, in every process, whatever the order of keys.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

FINGERPRINT_DIGITS = 16


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces: equal values give equal text.

    Pure ASCII, so that file names that are not UTF-8 have one too. Anything that JSON cannot hold is a TypeError,
    NaN and infinity a ValueError.

    Example:
        >>> canonical_json({"rate_hz": 8000, "name": "mfcc"})
        '{"name":"mfcc","rate_hz":8000}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(value: Any) -> str:
    """Return the fingerprint of a JSON-like value (dicts, lists, strings, numbers, booleans, None)."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:FINGERPRINT_DIGITS]


def array_fingerprint(array: NDArray[np.generic]) -> str:
    """Return the fingerprint of an array's type, shape and bytes."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(array.tobytes())
    return digest.hexdigest()[:FINGERPRINT_DIGITS]


def file_sha256(path: Path) -> str:
    """Return the full SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_fingerprint(path: Path) -> str:
    """Return the fingerprint of a file's bytes."""
    return file_sha256(path)[:FINGERPRINT_DIGITS]
