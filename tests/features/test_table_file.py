from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import StoreError
from earmark.features.table_file import HEADER_BYTES, ClipFeatures, DamagedError, read_table, write_table

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (3, 2)
KEYS = ["a" * 16, "b" * 16, "c" * 16]


def _clips(rng: np.random.Generator) -> dict[str, ClipFeatures]:
    return {
        key: ClipFeatures(
            rng.standard_normal((n_rows, *SHAPE)).astype(np.float32), rng.standard_normal(n_rows).astype(np.float32)
        )
        for key, n_rows in zip(KEYS, (1, 4, 2), strict=True)
    }


def _written(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "table.features"
    write_table(path, "front", SHAPE, KEYS, _clips(rng))
    return path


def test_what_is_written_is_read_back_in_order(tmp_path: Path, rng: np.random.Generator) -> None:
    clips = _clips(rng)
    path = tmp_path / "table.features"
    write_table(path, "front", SHAPE, ["b" * 16, "a" * 16, "b" * 16], clips)
    table = read_table(path, "front", SHAPE)
    assert table.n_rows.tolist() == [4, 1, 4]
    expected = [clips["b" * 16], clips["a" * 16], clips["b" * 16]]
    np.testing.assert_array_equal(table.features, np.concatenate([clip.features for clip in expected]))
    np.testing.assert_array_equal(table.levels_db, np.concatenate([clip.levels_db for clip in expected]))
    for (key, rows), wanted in zip(table.clips(), expected, strict=True):
        assert len(key) == 16
        np.testing.assert_array_equal(rows.features, wanted.features)


def test_features_are_a_read_only_map(tmp_path: Path, rng: np.random.Generator) -> None:
    table = read_table(_written(tmp_path, rng), "front", SHAPE)
    assert isinstance(table.features, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        table.features[0] = 0


def test_a_table_of_nothing_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "empty.features"
    write_table(path, "front", SHAPE, [], {})
    table = read_table(path, "front", SHAPE)
    assert table.features.shape == (0, *SHAPE)
    assert list(table.clips()) == []


@pytest.mark.parametrize("kept_bytes", [0, 100, HEADER_BYTES, HEADER_BYTES + 40, -1])
def test_a_truncated_file_is_damaged(tmp_path: Path, rng: np.random.Generator, kept_bytes: int) -> None:
    path = _written(tmp_path, rng)
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(DamagedError):
        read_table(path, "front", SHAPE)


def test_every_changed_byte_is_noticed(tmp_path: Path, rng: np.random.Generator) -> None:
    path = _written(tmp_path, rng)
    whole = path.read_bytes()
    header_end = len(whole[:HEADER_BYTES].rstrip())
    for place in [*range(0, header_end, 7), *range(HEADER_BYTES, len(whole), 11)]:
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(DamagedError):
            read_table(path, "front", SHAPE)


def test_blocks_in_another_order_are_noticed(tmp_path: Path) -> None:
    n_values = 1 << 15  # two checksum blocks and more
    rows = np.arange(n_values, dtype=np.float32).reshape(1, n_values)
    write_table(
        tmp_path / "t.features", "f", (n_values,), [KEYS[0]], {KEYS[0]: ClipFeatures(rows, np.zeros(1, np.float32))}
    )
    content = (tmp_path / "t.features").read_bytes()
    block = 1 << 16
    head = content[:HEADER_BYTES]
    swapped = content[HEADER_BYTES + block : HEADER_BYTES + 2 * block] + content[HEADER_BYTES : HEADER_BYTES + block]
    (tmp_path / "t.features").write_bytes(head + swapped + content[HEADER_BYTES + 2 * block :])
    with pytest.raises(DamagedError, match="checksum"):
        read_table(tmp_path / "t.features", "f", (n_values,))


@pytest.mark.parametrize("header", [b"[1, 2]", b'{"format": 1}', b'{"format": 9, "n_clips": 0}', b"\xff\xfe", b"null"])
def test_a_foreign_header_is_damaged(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "table.features"
    path.write_bytes(header.ljust(HEADER_BYTES))
    with pytest.raises(DamagedError):
        read_table(path, "front", SHAPE)


def test_a_huge_claim_is_damaged_and_not_allocated(tmp_path: Path) -> None:
    path = tmp_path / "table.features"
    claim = b'{"format": 1, "frontend": "front", "shape": [3, 2], "n_clips": 4000000000, "n_rows": 4000000000}'
    path.write_bytes(claim.ljust(HEADER_BYTES))
    with pytest.raises(DamagedError, match="found 0 bytes of content, expected"):
        read_table(path, "front", SHAPE)


def test_another_frontend_or_shape_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    path = _written(tmp_path, rng)
    with pytest.raises(DamagedError, match="expected format 1, frontend other"):
        read_table(path, "other", SHAPE)
    with pytest.raises(DamagedError, match="shape"):
        read_table(path, "front", (6,))


def test_a_folder_that_cannot_be_is_a_store_error(tmp_path: Path, rng: np.random.Generator) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        write_table(tmp_path / "file" / "table.features", "front", SHAPE, KEYS, _clips(rng))
