"""Fingerprints: equal for equal content, everywhere."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.identity import array_fingerprint, canonical_json, file_fingerprint, file_sha256, fingerprint

if TYPE_CHECKING:
    from numpy.typing import NDArray

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def reordered(value: Any) -> Any:
    """Return an equal value whose dictionaries were filled in the opposite order."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(json_values)
def test_the_order_of_keys_changes_nothing(value: Any) -> None:
    assert fingerprint(reordered(value)) == fingerprint(value)


@given(json_values, json_values)
def test_different_text_gives_different_fingerprints(left: Any, right: Any) -> None:
    assert (fingerprint(left) == fingerprint(right)) == (canonical_json(left) == canonical_json(right))


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    code = (
        "import numpy as np; from earmark.core.identity import fingerprint, array_fingerprint;"
        "print(fingerprint({'b': [1, 2.5], 'a': {'x', 'y'} and 'é'}), array_fingerprint(np.arange(6.).reshape(2, 3)))"
    )
    here = f"{fingerprint({'a': 'é', 'b': [1, 2.5]})} {array_fingerprint(np.arange(6.0).reshape(2, 3))}\n"
    for hash_seed in ("0", "1"):
        out = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True
        )
        assert out.stdout == here


def test_a_fingerprint_is_pinned_so_that_old_caches_and_results_stay_valid() -> None:
    expected = hashlib.sha256(b'{"frontend":"mfcc","n_mels":40}').hexdigest()[:16]
    assert fingerprint({"n_mels": 40, "frontend": "mfcc"}) == expected
    assert len(expected) == 16


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_lacks_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        fingerprint({"gain_db": value})


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", Path("a.wav"), np.float32(1)])
def test_a_thing_that_json_lacks_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        fingerprint([value])


def test_a_file_name_that_is_not_utf8_has_a_fingerprint() -> None:
    latin_1 = b"f\xfcnf.wav".decode(errors="surrogateescape")
    assert fingerprint(latin_1) != fingerprint("fünf.wav")


def test_arrays_differ_by_type_shape_and_content() -> None:
    base = np.arange(6, dtype=np.float32)
    arrays: list[NDArray[np.generic]] = [base, base.astype(np.float64), base.reshape(2, 3), base.reshape(3, 2)]
    arrays += [base + 1, base[::-1], base[:5]]
    assert len({array_fingerprint(array) for array in arrays}) == len(arrays)


def test_the_layout_of_an_array_in_memory_changes_nothing(rng: np.random.Generator) -> None:
    array = rng.standard_normal((3, 4))
    strided = np.repeat(array, 2, axis=1)[:, ::2]
    assert array_fingerprint(np.asfortranarray(array)) == array_fingerprint(strided) == array_fingerprint(array)


def test_a_file_has_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "five.wav"
    path.write_bytes(b"RIFF" * 100_000)
    assert file_sha256(path) == hashlib.sha256(b"RIFF" * 100_000).hexdigest()
    assert file_fingerprint(path) == file_sha256(path)[:16]


def test_an_empty_file_has_a_fingerprint_and_a_missing_one_none(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert file_sha256(tmp_path / "empty.wav") == hashlib.sha256().hexdigest()
    with pytest.raises(FileNotFoundError, match=r"missing\.wav"):
        file_sha256(tmp_path / "missing.wav")
