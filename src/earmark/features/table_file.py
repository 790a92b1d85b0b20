"""The `.features` file: the rows of many clips, whole or recognisably not.

Layout: 512 bytes of JSON (format, frontend, shape, counts, checksum), then the clips' keys (16 bytes each), their
numbers of rows (int64), the rows' levels (float32) and the rows' features (float32), all little-endian.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.files import replacing
from earmark.core.identity import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 1
HEADER_BYTES = 512
KEY_BYTES = 16
CHECKSUM_WORDS = 8192
_NOTHING = np.empty(0, dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class ClipFeatures:
    """The rows of one clip: `features` float32 (n_rows, *shape), `levels_db` float32 (n_rows,)."""

    features: NDArray[np.float32]
    levels_db: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class StoredTable:
    """The rows of many clips, one clip after the other.

    Attributes:
        keys: bytes (n_clips,), each clip's key.
        n_rows: int64 (n_clips,), how many rows each clip has.
        levels_db: float32 (sum of n_rows,).
        features: float32 (sum of n_rows, *shape), mapped from the file and read-only.
    """

    keys: NDArray[np.bytes_]
    n_rows: NDArray[np.int64]
    levels_db: NDArray[np.float32]
    features: NDArray[np.float32]

    def clips(self) -> Iterator[tuple[str, ClipFeatures]]:
        """Yield each clip's key and rows."""
        ends = np.cumsum(self.n_rows)
        for key, start, end in zip(self.keys, ends - self.n_rows, ends, strict=True):
            yield key.decode(), ClipFeatures(self.features[start:end], self.levels_db[start:end])


class DamagedError(Exception):
    """Report a `.features` file that is not whole, to the store alone."""


def write_table(
    path: Path, frontend: str, shape: tuple[int, ...], keys: Sequence[str], clips: dict[str, ClipFeatures]
) -> None:
    """Write a `.features` file whole or not at all, without more of it in memory. Raises StoreError."""
    n_rows = np.array([len(clips[key].levels_db) for key in keys], dtype=np.int64)
    header = {
        "format": FORMAT,
        "frontend": frontend,
        "shape": list(shape),
        "n_clips": len(keys),
        "n_rows": int(n_rows.sum()),
    }
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            file.write(b" " * HEADER_BYTES)
            file.write(np.array([key.encode() for key in keys], dtype=f"S{KEY_BYTES}").tobytes())
            file.write(n_rows.tobytes())
            for key in keys:
                file.write(np.ascontiguousarray(clips[key].levels_db, dtype=np.float32).tobytes())
            for key in keys:
                file.write(np.ascontiguousarray(clips[key].features, dtype=np.float32).tobytes())
        body = np.memmap(temporary, dtype=np.uint8, mode="r", offset=HEADER_BYTES) if len(keys) else _NOTHING
        text = json.dumps(header | {"checksum": _checksum(header, body)}).encode()
        with temporary.open("r+b") as file:
            file.write(text.ljust(HEADER_BYTES - 1) + b"\n")


def read_table(path: Path, frontend: str, shape: tuple[int, ...]) -> StoredTable:
    """Map a `.features` file.

    Raises:
        OSError: It is missing or cannot be read.
        DamagedError: It is not whole, or holds something else than its name says.
    """
    with path.open("rb") as file:
        header = _header(file.read(HEADER_BYTES))
    checksum = header.pop("checksum", None)
    n_clips, n_rows = header.get("n_clips"), header.get("n_rows")
    expected = {"format": FORMAT, "frontend": frontend, "shape": list(shape), "n_clips": n_clips, "n_rows": n_rows}
    if header != expected or not isinstance(n_clips, int) or not isinstance(n_rows, int):
        raise DamagedError(f"found {header}, expected format {FORMAT}, frontend {frontend}, shape {list(shape)}")
    row_bytes = 4 * int(np.prod(shape))
    sections = np.cumsum([0, KEY_BYTES * n_clips, 8 * n_clips, 4 * n_rows, row_bytes * n_rows])
    size_bytes = path.stat().st_size - HEADER_BYTES
    if size_bytes != sections[-1]:
        raise DamagedError(f"found {size_bytes} bytes of content, expected {sections[-1]}")
    body = np.memmap(path, dtype=np.uint8, mode="r", offset=HEADER_BYTES) if size_bytes else _NOTHING
    if checksum != _checksum(header, body):
        raise DamagedError("the checksum does not match the content")
    keys, counts, levels, features = (body[start:end] for start, end in pairwise(sections))
    return StoredTable(
        keys=keys.view(f"S{KEY_BYTES}"),
        n_rows=counts.view(np.int64),
        levels_db=levels.view(np.float32),
        features=features.view(np.float32).reshape(n_rows, *shape),
    )


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except ValueError as error:
        raise DamagedError("the header is not whole") from error
    if not isinstance(header, dict):
        raise DamagedError("the header is not whole")
    return header


def _checksum(header: dict[str, Any], body: NDArray[np.uint8]) -> str:
    """Return a SHA-256 over the header and the sums of 64 KiB blocks: checks 46 MB in 5 ms, where SHA-256 takes 45."""
    digest = hashlib.sha256(canonical_json(header).encode())
    whole = body.size - body.size % 8
    words = body[:whole].view(np.uint64)
    if words.size:
        digest.update(np.add.reduceat(words, np.arange(0, words.size, CHECKSUM_WORDS)).tobytes())
    digest.update(body[whole:].tobytes())
    return digest.hexdigest()
