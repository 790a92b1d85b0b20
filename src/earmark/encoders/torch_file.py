"""Weights out of PyTorch checkpoints, without PyTorch and without running anything that is in the file.

A checkpoint is a pickle that names functions to call, beside the raw numbers. `pickle_reader` follows it without
calling anything; this module knows the handful of names that make a dictionary of tensors, and another is an error.

Both formats are read: the zip of PyTorch 1.6 and later, and the row of pickles that earlier ones wrote
(`_save` and `_legacy_save` in torch/serialization.py).
"""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import WeightsError
from earmark.encoders.pickle_reader import PickleReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
# Where a training run puts the network beside its optimiser, sampler and epoch.
NESTED_UNDER = ("model", "state_dict", "model_state_dict")
_BFLOAT16 = "torch.BFloat16Storage"
_STORAGE_TYPES = {
    "torch.DoubleStorage": "<f8",
    "torch.FloatStorage": "<f4",
    "torch.HalfStorage": "<f2",
    _BFLOAT16: "<u2",  # the upper half of a float32
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ShortStorage": "<i2",
    "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1",
    "torch.BoolStorage": "?",
}
_TENSORS = frozenset({"torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"})
# What else a training checkpoint holds beside the network: never looked at, so nothing is made of it.
_PASSED_OVER = frozenset(
    {"_codecs.encode", "__builtin__.bytes", "numpy.dtype"}
    | {f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")}
)


@dataclass(frozen=True)
class _Storage:
    """A flat block of numbers that tensors are views of."""

    key: str
    type_name: str
    n_items: int

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(_STORAGE_TYPES[self.type_name])

    @property
    def n_bytes(self) -> int:
        return self.n_items * self.dtype.itemsize


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage, in items."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a checkpoint by name; a network in a training checkpoint's `model` is found there.

    bfloat16 becomes float32, every other type stays. The prefix `module.` of networks that were trained on several
    devices is dropped.

    Raises:
        WeightsError: It is no checkpoint, is damaged, or names anything but tensors of numbers.
    """
    try:
        with path.open("rb") as file:
            is_zip = file.read(2) == b"PK"
            file.seek(0)
            value, block_of = _read_zip(file) if is_zip else _read_legacy(file)
            tensors = _named_tensors(value)
            return {name.removeprefix("module."): _array(tensor, block_of) for name, tensor in tensors.items()}
    except (
        OSError,
        EOFError,
        KeyError,
        ValueError,
        RuntimeError,
        OverflowError,
        zipfile.BadZipFile,
        WeightsError,
    ) as error:
        raise WeightsError(
            f"{path}: is not a PyTorch checkpoint of weights ({str(error) or type(error).__name__}); "
            "delete it and fetch it again"
        ) from error


def _read_zip(file: IO[bytes]) -> tuple[Any, Callable[[_Storage], bytes]]:
    archive = zipfile.ZipFile(file)
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise WeightsError(f"a zip with {len(pickles)} files data.pkl, expected 1")
    folder = pickles[0].removesuffix("data.pkl")

    def content(name: str) -> bytes:
        member = archive.getinfo(f"{folder}{name}")
        if member.compress_type != zipfile.ZIP_STORED:  # PyTorch never compresses; what claims to grow may be endless
            raise WeightsError(f"{member.filename} is compressed")
        return archive.read(member)

    def block(storage: _Storage) -> bytes:
        found = content(f"data/{storage.key}")
        if len(found) != storage.n_bytes:
            raise WeightsError(f"storage {storage.key} has {len(found)} bytes, expected {storage.n_bytes}")
        return found

    if f"{folder}byteorder" in archive.namelist() and content("byteorder") != b"little":
        raise WeightsError("written on a big-endian machine")
    return PickleReader(_made, _storage).read(io.BytesIO(content("data.pkl"))), block


def _read_legacy(file: IO[bytes]) -> tuple[Any, Callable[[_Storage], bytes]]:
    """Read magic number, version, machine, value and list of storages, each a pickle; the storages follow."""
    storages: dict[str, _Storage] = {}

    def found(identifier: Any) -> _Storage:
        storage = _storage(identifier)
        return storages.setdefault(storage.key, storage)

    reader = PickleReader(_made, found)
    if reader.read(file) != LEGACY_MAGIC:
        raise WeightsError("it begins with neither a zip nor the magic number of older files")
    _version, _machine, value, keys = (reader.read(file) for _ in range(4))
    places: dict[str, int] = {}
    place = file.tell()
    for key in map(str, keys if isinstance(keys, list) else []):
        places[key] = place + 8  # behind its number of items
        place += 8 + storages[key].n_bytes
    if place > file.seek(0, io.SEEK_END):
        raise WeightsError("it is shorter than the storages that it names")

    def block(storage: _Storage) -> bytes:
        file.seek(places[storage.key] - 8)
        n_items = int.from_bytes(file.read(8), "little")
        if n_items != storage.n_items:
            raise WeightsError(f"storage {storage.key} has {n_items} items, expected {storage.n_items}")
        return file.read(storage.n_bytes)

    return value, block


def _storage(identifier: Any) -> _Storage:
    """Return the storage that a persistent identifier names: ("storage", type, key, device, n_items[, view])."""
    kind, storage_type, key, _, n_items, *view = identifier
    if kind != "storage" or storage_type.dotted not in _STORAGE_TYPES or any(view) or n_items < 0:
        raise WeightsError(f"a {kind} of {storage_type.dotted}, expected one of {', '.join(_STORAGE_TYPES)}")
    return _Storage(str(key), storage_type.dotted, int(n_items))


def _made(name: str, arguments: tuple[Any, ...]) -> Any:
    """Return what a call in a checkpoint stands for."""
    if name == "collections.OrderedDict":
        return dict(*arguments)
    if name in _TENSORS:
        storage, offset, shape, strides, *_ = arguments
        if not isinstance(storage, _Storage):
            raise WeightsError(f"a tensor over a {type(storage).__name__}")
        return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))
    if name == "torch._utils._rebuild_parameter":
        return arguments[0]
    if name in _PASSED_OVER:
        return None
    raise WeightsError(f"it calls {name}, which weights never need")


def _named_tensors(value: Any) -> dict[str, _Tensor]:
    for key in NESTED_UNDER:
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
            break
    if not isinstance(value, dict):
        raise WeightsError(f"it holds a {type(value).__name__}, expected a dictionary of tensors")
    tensors = {name: tensor for name, tensor in value.items() if isinstance(tensor, _Tensor)}
    if not tensors or not all(isinstance(name, str) for name in tensors):
        raise WeightsError("it holds no tensors with names")
    return tensors


def _array(tensor: _Tensor, block_of: Callable[[_Storage], bytes]) -> NDArray[Any]:
    if len(tensor.shape) != len(tensor.strides) or min((tensor.offset, *tensor.shape, *tensor.strides)) < 0:
        raise WeightsError(f"a tensor of shape {tensor.shape} and strides {tensor.strides}")
    last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    n_items = math.prod(tensor.shape)
    if n_items and max(last + 1, n_items) > tensor.storage.n_items:
        raise WeightsError(f"a tensor of shape {tensor.shape} in a storage of {tensor.storage.n_items} items")
    flat = np.frombuffer(block_of(tensor.storage), dtype=tensor.storage.dtype)[tensor.offset :]
    strides = tuple(step * flat.itemsize for step in tensor.strides)
    array = np.lib.stride_tricks.as_strided(flat, tensor.shape, strides, writeable=False).copy()
    if tensor.storage.type_name == _BFLOAT16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array
