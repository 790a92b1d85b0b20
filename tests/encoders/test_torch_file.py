"""Checkpoints give the tensors that PyTorch gives, in both formats, and nothing in them runs."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from earmark.core.errors import WeightsError
from earmark.encoders.torch_file import read_state_dict

if TYPE_CHECKING:
    from pathlib import Path

BOTH = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])


def save(value: Any, path: Path, *, is_zip: bool = True) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=is_zip)
    return path


def tensors() -> dict[str, torch.Tensor]:
    block = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return OrderedDict(
        plain=block,
        transposed=block.T,
        strided=block[1::2, ::3],
        one=block[2, 3],
        shared=block.reshape(-1)[5:9],
        empty=torch.zeros(0, 3),
        half=torch.tensor([1.5, -2.25], dtype=torch.float16),
        double=torch.tensor([1 / 3], dtype=torch.float64),
        counted=torch.tensor(7, dtype=torch.int64),
        small=torch.tensor([-3, 4], dtype=torch.int8),
        flags=torch.tensor([True, False]),
    )


@BOTH
def test_tensors_of_every_kind_equal_those_of_torch(tmp_path: Path, *, is_zip: bool) -> None:
    found = read_state_dict(save(tensors(), tmp_path / "a.pth", is_zip=is_zip))
    assert list(found) == list(tensors())
    for name, tensor in tensors().items():
        expected = tensor.numpy()
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name], expected)


@BOTH
def test_bfloat16_becomes_float32(tmp_path: Path, *, is_zip: bool) -> None:
    tensor = torch.tensor([1.0, -3.140625, 1e30], dtype=torch.bfloat16)
    found = read_state_dict(save({"a": tensor}, tmp_path / "a.pt", is_zip=is_zip))["a"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, tensor.float().numpy())


@BOTH
@pytest.mark.parametrize("key", ["model", "state_dict", "model_state_dict"])
def test_a_network_inside_a_training_checkpoint_is_found(tmp_path: Path, key: str, *, is_zip: bool) -> None:
    optimiser = {"state": {0: {"step": 3, "average": torch.ones(2)}}, "rate": 0.1}
    # As PANNs wrote them: a sampler with numpy arrays stands beside the network.
    sampler = {"indexes": np.arange(5), "pointer": np.int64(3), "nothing": b"", "bytes": b"\xff"}
    checkpoint = {"iteration": 600000, "sampler": sampler, "optimizer": optimiser, key: {"w": torch.ones(3)}}
    found = read_state_dict(save(checkpoint, tmp_path / "a.pth", is_zip=is_zip))
    assert list(found) == ["w"]


@BOTH
def test_the_prefix_of_several_devices_is_dropped(tmp_path: Path, *, is_zip: bool) -> None:
    found = read_state_dict(save({"module.fc.weight": torch.ones(2, 2)}, tmp_path / "a.pth", is_zip=is_zip))
    assert list(found) == ["fc.weight"]


def test_a_module_s_own_state_dict_and_parameters_are_read(tmp_path: Path) -> None:
    layer = torch.nn.Linear(3, 2)
    assert set(read_state_dict(save(layer.state_dict(), tmp_path / "a.pt"))) == {"weight", "bias"}
    assert set(read_state_dict(save(dict(layer.named_parameters()), tmp_path / "b.pt"))) == {"weight", "bias"}


@BOTH
def test_a_file_that_would_run_something_is_refused_and_runs_nothing(tmp_path: Path, *, is_zip: bool) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return (print, ("was here",))

    path = save({"w": torch.ones(2), "x": Hostile()}, tmp_path / "a.pth", is_zip=is_zip)
    with pytest.raises(
        WeightsError, match=r"a\.pth: .*it calls (builtins|__builtin__)\.print, which weights never need"
    ):
        read_state_dict(path)


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"calls torch\.nn\.modules\.linear\.Linear"):
        read_state_dict(save(torch.nn.Linear(2, 2), tmp_path / "a.pt"))


@BOTH
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "it holds a list, expected a dictionary of tensors"),
        ({"a": 1}, "it holds no tensors with names"),
        ({1: torch.ones(2)}, "it holds no tensors with names"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, value: Any, message: str, *, is_zip: bool) -> None:
    with pytest.raises(WeightsError, match=message):
        read_state_dict(save(value, tmp_path / "a.pt", is_zip=is_zip))


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"torch\.ComplexFloatStorage, expected one of"):
        read_state_dict(save({"a": torch.ones(2, dtype=torch.complex64)}, tmp_path / "a.pt"))


@pytest.mark.parametrize("content", [b"", b"P", b"PK", b"PK\x03\x04", b"\x80\x02K\x01.", b"text", bytes(100)])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"a\.pth: is not a PyTorch checkpoint of weights .*fetch it again"):
        read_state_dict(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pth"):
        read_state_dict(tmp_path / "none.pth")


@BOTH
def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, *, is_zip: bool) -> None:
    whole = save({"a": torch.ones(50)}, tmp_path / "a.pth", is_zip=is_zip).read_bytes()
    path = tmp_path / "cut.pth"
    for n_bytes in range(1, len(whole) - 1, 7):
        path.write_bytes(whole[:n_bytes])
        with pytest.raises(WeightsError, match=r"cut\.pth"):
            read_state_dict(path)


@BOTH
def test_damaged_bytes_give_an_error_or_other_numbers_and_nothing_else(
    tmp_path: Path, rng: np.random.Generator, *, is_zip: bool
) -> None:
    whole = save({"a": torch.ones(4), "b": torch.ones(2, 3)}, tmp_path / "a.pth", is_zip=is_zip).read_bytes()
    path = tmp_path / "damaged.pth"
    n_refused = 0
    for _ in range(300):
        content = bytearray(whole)
        content[int(rng.integers(len(content)))] ^= int(rng.integers(1, 256))
        path.write_bytes(content)
        try:
            read_state_dict(path)
        except WeightsError:
            n_refused += 1
    assert n_refused > 50


@pytest.mark.parametrize(
    ("find", "replace", "message"),
    [
        # the number of items before the storage, and the number that the tensor's description claims
        ((4).to_bytes(8, "little"), (5).to_bytes(8, "little"), r"storage \d+ has 5 items, expected 4"),
        (b"K\x04Nt", b"K\x7fNt", "shorter than the storages that it names"),
        (b"K\x04Nt", b"J\xff\xff\xff\x7fNt", "shorter than the storages that it names"),
        (b"K\x04Nt", b"J\xff\xff\xff\xffNt", "a storage of torch.FloatStorage"),
    ],
)
def test_a_legacy_file_whose_numbers_contradict_each_other_is_refused(
    tmp_path: Path, find: bytes, replace: bytes, message: str
) -> None:
    path = save({"a": torch.ones(4)}, tmp_path / "a.pth", is_zip=False)
    content = path.read_bytes()
    assert find in content
    path.write_bytes(content.replace(find, replace))
    with pytest.raises(WeightsError, match=message):
        read_state_dict(path)


def rewritten(path: Path, change: Any, *, compression: int = zipfile.ZIP_STORED) -> Path:
    """Copy a checkpoint with its members as `change` (name, content) returns them, None to leave one out."""
    other = path.with_name("changed.pt")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w", compression) as target:
        for name in source.namelist():
            content = change(name, source.read(name))
            if content is not None:
                target.writestr(name, content)
    return other


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda name, content: None if name.endswith("/data/0") else content, "data/0"),
        (lambda name, content: content[:-4] if name.endswith("/data/0") else content, "has 4 bytes, expected 8"),
        (lambda name, content: b"big" if name.endswith("byteorder") else content, "big-endian"),
        (lambda name, content: None if name.endswith("data.pkl") else content, "a zip with 0 files data.pkl"),
    ],
)
def test_a_zip_that_lacks_something_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    path = rewritten(save({"a": torch.ones(2)}, tmp_path / "a.pt"), change)
    with pytest.raises(WeightsError, match=message):
        read_state_dict(path)


def test_a_compressed_member_is_refused_since_it_may_grow_without_end(tmp_path: Path) -> None:
    path = save({"a": torch.ones(2)}, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="is compressed"):
        read_state_dict(rewritten(path, lambda _, content: content, compression=zipfile.ZIP_DEFLATED))


class _Rebuild:
    """Pickles as a call of torch's function for tensors with arguments of our own."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return torch._utils._rebuild_tensor_v2, self._arguments


def crafted(path: Path, *, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0, n_items: int = 2) -> Path:
    """Write a checkpoint with one tensor whose description is as given, over a storage of 8 bytes."""
    content = io.BytesIO()
    pickler = pickle.Pickler(content, protocol=2)
    identifier = ("storage", torch.FloatStorage, "0", "cpu", n_items)
    pickler.persistent_id = lambda value: identifier if value == "the storage" else None  # type: ignore[method-assign]
    pickler.dump({"a": _Rebuild("the storage", offset, shape, strides, False, OrderedDict())})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", content.getvalue())
        archive.writestr("x/data/0", np.ones(2, np.float32).tobytes())
    return path


def test_a_crafted_tensor_that_is_right_is_read(tmp_path: Path) -> None:
    found = read_state_dict(crafted(tmp_path / "a.pt", shape=(2,), strides=(1,)))["a"]
    np.testing.assert_array_equal(found, [1, 1])


@pytest.mark.parametrize(
    "description",
    [
        {"shape": (3,), "strides": (1,)},
        {"shape": (2,), "strides": (2,)},
        {"shape": (2,), "strides": (-1,)},
        {"shape": (-1,), "strides": (1,)},
        {"shape": (1,), "strides": (1,), "offset": 2},
        {"shape": (1,), "strides": (1,), "offset": -1},
        {"shape": (2, 1), "strides": (1,)},
        {"shape": (10**12,), "strides": (0,)},
        {"shape": (2,), "strides": (1,), "n_items": 10**15},
        {"shape": (2,), "strides": (1,), "n_items": -2},
        {"shape": (1, 1), "strides": (10**30, 1)},
    ],
)
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path: Path, description: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match=r"a\.pt: is not a PyTorch checkpoint"):
        read_state_dict(crafted(tmp_path / "a.pt", **description))
