"""Read a TensorFlow Lite file (a FlatBuffer) without TensorFlow: its tensors and operators as plain data.

Quantised constants are turned into float32 at once, so a file with INT8 weights reads like one with float32 weights.
The schema is TensorFlow's `schema.fbs`, as the PyPI package `tflite` has it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

# Every option of an operator that changes its numbers, by the operator's name: the table of the schema, its fields.
_STRIDES = ("Padding", "StrideH", "StrideW", "FusedActivationFunction")
_DILATIONS = ("DilationHFactor", "DilationWFactor")
OPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "CONV_2D": ("Conv2DOptions", _STRIDES + _DILATIONS),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", _STRIDES + _DILATIONS),
    "AVERAGE_POOL_2D": ("Pool2DOptions", (*_STRIDES, "FilterHeight", "FilterWidth")),
    "MAX_POOL_2D": ("Pool2DOptions", (*_STRIDES, "FilterHeight", "FilterWidth")),
    "FULLY_CONNECTED": ("FullyConnectedOptions", ("FusedActivationFunction",)),
    "ADD": ("AddOptions", ("FusedActivationFunction",)),
    "MUL": ("MulOptions", ("FusedActivationFunction",)),
    "CONCATENATION": ("ConcatenationOptions", ("Axis", "FusedActivationFunction")),
    "MEAN": ("ReducerOptions", ("KeepDims",)),
}
_DTYPES = {"FLOAT32": "<f4", "FLOAT16": "<f2", "INT32": "<i4", "INT8": "i1", "UINT8": "u1", "INT64": "<i8"}


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file.

    Attributes:
        index: Its number in the file.
        name: Its name.
        dtype: The schema's name of its type, such as "FLOAT32".
        shape: Its shape as stored: channels last, 1 for an axis that is free.
        value: Its content if it is a constant; float32 if it was quantised.
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    value: NDArray[Any] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Operator:
    """A step of the network: its kind, the tensors it takes (-1: none there) and gives, and its options."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, int]


@dataclass(frozen=True)
class TfliteGraph:
    """What a TensorFlow Lite file holds; operators stand in the order they run."""

    where: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def tensor(self, name: str) -> Tensor:
        """Return the tensor of this name.

        Raises:
            WeightsError: There is none.
        """
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise WeightsError(f'{self.where}: holds no tensor "{name}": another network than expected; fetch it again')

    def constant(self, name: str) -> NDArray[Any]:
        """Return the value of the constant of this name.

        Raises:
            WeightsError: There is none, or it is no constant.
        """
        value = self.tensor(name).value
        if value is None:
            raise WeightsError(f'{self.where}: "{name}" is no constant: another network than expected; fetch it again')
        return value


def read_tflite(path: Path) -> TfliteGraph:
    """Return the tensors and operators in a TensorFlow Lite file.

    Raises:
        WeightsError: The file is none, is damaged, or has several subgraphs.
    """
    return parse_tflite(path.read_bytes(), str(path))


def parse_tflite(content: bytes, where: str) -> TfliteGraph:
    """Return the tensors and operators in the content of a TensorFlow Lite file; `where` starts the messages.

    Raises:
        WeightsError: It is none, is damaged, or has several subgraphs.
    """
    import tflite

    if content[4:8] != b"TFL3":
        raise WeightsError(f"{where}: is not a TensorFlow Lite file; delete it and fetch it again")
    try:
        model = tflite.Model.GetRootAsModel(content, 0)
        if model.SubgraphsLength() != 1:
            raise WeightsError(f"{where}: found {model.SubgraphsLength()} subgraphs, expected 1")
        graph = model.Subgraphs(0)
        tensors = [_tensor(model, graph.Tensors(index), index) for index in range(graph.TensorsLength())]
        operators = [_operator(model, graph.Operators(index)) for index in range(graph.OperatorsLength())]
        ends = _integers(graph.InputsAsNumpy()), _integers(graph.OutputsAsNumpy())
        _check_indices(operators, ends, len(tensors), where)
        return TfliteGraph(where, *_without_dequantize(tensors, operators), *ends)
    except (struct.error, ValueError, TypeError, IndexError, KeyError, AttributeError, UnicodeDecodeError) as error:
        raise WeightsError(f"{where}: is a damaged TensorFlow Lite file ({error}); delete it and fetch it again") from (
            error
        )


def with_outputs(content: bytes, indices: tuple[int, ...]) -> bytes:
    """Return a TensorFlow Lite file whose outputs are these tensors.

    The new list of outputs goes to the end of the file and the subgraph's pointer is set on it; nothing else moves.
    """
    import tflite

    table = tflite.Model.GetRootAsModel(content, 0).Subgraphs(0)._tab
    pointer = table.Pos + table.Offset(8)  # the third field of SubGraph: outputs
    changed = bytearray(content) + bytes(-len(content) % 4)
    struct.pack_into("<I", changed, pointer, len(changed) - pointer)
    return bytes(changed) + struct.pack(f"<I{len(indices)}i", len(indices), *indices)


def _tensor(model: Any, tensor: Any, index: int) -> Tensor:
    dtype = _names("TensorType")[tensor.Type()]
    shape = _integers(tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
    buffer = model.Buffers(tensor.Buffer())
    value = None
    if buffer.DataLength():
        value = np.frombuffer(buffer.DataAsNumpy(), _DTYPES[dtype]).reshape(shape)
        value = _dequantised(value, tensor.Quantization())
    return Tensor(index, tensor.Name().decode(), dtype, shape, value)


def _dequantised(value: NDArray[Any], quantization: Any) -> NDArray[Any]:
    """Return scale * (value - zero point), per channel where there are several scales."""
    if value.dtype == np.float16:
        return value.astype(np.float32)
    if quantization is None or not quantization.ScaleLength() or value.dtype.kind == "f":
        return value
    shape = [1] * value.ndim
    if quantization.ScaleLength() > 1:
        shape[quantization.QuantizedDimension()] = quantization.ScaleLength()
    zero_point = quantization.ZeroPointAsNumpy() if quantization.ZeroPointLength() else np.zeros(1, np.int64)
    shifted = value.astype(np.float32) - zero_point.astype(np.float32).reshape(shape if zero_point.size > 1 else ())
    return np.asarray(shifted * quantization.ScaleAsNumpy().reshape(shape), dtype=np.float32)


def _operator(model: Any, operator: Any) -> Operator:
    import tflite

    code = model.OperatorCodes(operator.OpcodeIndex())
    # Files older than 2020 have the code in the first field alone, newer ones in both or, above 127, in the second.
    kind = _names("BuiltinOperator")[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    options: dict[str, int] = {}
    if kind in OPTIONS:
        table, fields = OPTIONS[kind]
        found = getattr(tflite, table)()
        union = operator.BuiltinOptions()
        if union is not None:  # else every option has its default
            found.Init(union.Bytes, union.Pos)
            options = {name: int(getattr(found, name)()) for name in fields}
    outputs = _integers(operator.OutputsAsNumpy())
    return Operator(kind, _integers(operator.InputsAsNumpy()), outputs, options)


def _without_dequantize(
    tensors: list[Tensor], operators: list[Operator]
) -> tuple[tuple[Tensor, ...], tuple[Operator, ...]]:
    """Drop the DEQUANTIZE of constants: their values are float32 already."""
    kept = []
    for operator in operators:
        source = tensors[operator.inputs[0]].value if operator.kind == "DEQUANTIZE" else None
        if source is None:
            kept.append(operator)
        else:
            tensors[operator.outputs[0]] = replace(tensors[operator.outputs[0]], value=source)
    return tuple(tensors), tuple(kept)


def _check_indices(operators: list[Operator], ends: tuple[tuple[int, ...], ...], n_tensors: int, where: str) -> None:
    lists: Iterable[tuple[int, ...]] = [*ends, *(each for step in operators for each in (step.inputs, step.outputs))]
    for indices in lists:
        if any(not -1 <= index < n_tensors for index in indices):
            raise WeightsError(
                f"{where}: is a damaged TensorFlow Lite file (tensors {indices} of {n_tensors}); "
                "delete it and fetch it again"
            )


def _integers(values: Any) -> tuple[int, ...]:
    return tuple(int(value) for value in np.atleast_1d(values))


@cache
def _names(enumeration: str) -> dict[int, str]:
    import tflite

    members = vars(getattr(tflite, enumeration)).items()
    return {value: name for name, value in members if isinstance(value, int)}
