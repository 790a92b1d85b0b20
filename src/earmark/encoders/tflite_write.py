"""Write small TensorFlow Lite files without TensorFlow: real networks, so that tests need no weights of others."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.encoders.tflite_read import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_DTYPES = {"float32": "FLOAT32", "float16": "FLOAT16", "int32": "INT32", "int8": "INT8"}


class TfliteWriter:
    """Collects tensors and operators; `content` makes the file."""

    def __init__(self) -> None:
        self._tensors: list[tuple[str, tuple[int, ...], str, NDArray[Any] | None, tuple[float, ...]]] = []
        self._operators: list[tuple[str, tuple[int, ...], int, dict[str, int]]] = []

    def tensor(self, name: str, shape: Sequence[int], dtype: str = "FLOAT32") -> int:
        """Add a tensor that is computed; return its index."""
        self._tensors.append((name, tuple(shape), dtype, None, ()))
        return len(self._tensors) - 1

    def constant(self, name: str, value: NDArray[Any], scales: Sequence[float] = ()) -> int:
        """Add a constant, quantised if it has scales (one, or one for each of its first axis); return its index."""
        self._tensors.append((name, value.shape, _DTYPES[value.dtype.name], value, tuple(scales)))
        return len(self._tensors) - 1

    def operator(self, kind: str, inputs: Sequence[int], name: str, shape: Sequence[int], **options: int) -> int:
        """Add an operator, options by their names in the schema; return the index of what it gives."""
        self._operators.append((kind, tuple(inputs), self.tensor(name, shape), options))
        return len(self._tensors) - 1

    def content(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """Return the file."""
        builder = import_module("flatbuffers").Builder(1024)  # comes with tflite, brings no types
        kinds = sorted({kind for kind, *_ in self._operators})
        values = [None, *(value for *_, value, _ in self._tensors)]  # the first buffer is the empty one
        graph = _table(
            builder,
            "SubGraph",
            Tensors=_offsets(builder, [self._write_tensor(builder, index) for index in range(len(self._tensors))]),
            Inputs=_integers(builder, inputs),
            Outputs=_integers(builder, outputs),
            Operators=_offsets(builder, [_write_operator(builder, kinds, each) for each in self._operators]),
        )
        model = _table(
            builder,
            "Model",
            Version=3,
            OperatorCodes=_offsets(builder, [_write_code(builder, kind) for kind in kinds]),
            Subgraphs=_offsets(builder, [graph]),
            Buffers=_offsets(builder, [_write_buffer(builder, value) for value in values]),
        )
        builder.Finish(model, b"TFL3")
        return bytes(builder.Output())

    def _write_tensor(self, builder: Any, index: int) -> int:
        import tflite

        name, shape, dtype, value, scales = self._tensors[index]
        fields = {"Name": builder.CreateString(name), "Shape": _integers(builder, shape)}
        if scales:
            parts = {
                "Scale": builder.CreateNumpyVector(np.asarray(scales, np.float32)),
                "ZeroPoint": builder.CreateNumpyVector(np.zeros(len(scales), np.int64)),
            }
            fields["Quantization"] = _table(builder, "QuantizationParameters", **parts)
        buffer = 0 if value is None else index + 1
        return _table(builder, "Tensor", **fields, Type=getattr(tflite.TensorType, dtype), Buffer=buffer)


def _write_operator(builder: Any, kinds: list[str], operator: tuple[str, tuple[int, ...], int, dict[str, int]]) -> int:
    import tflite

    kind, inputs, output, options = operator
    fields = {"Inputs": _integers(builder, inputs), "Outputs": _integers(builder, [output])}
    if kind in OPTIONS:
        table = OPTIONS[kind][0]
        fields["BuiltinOptions"] = _table(builder, table, **options)
        fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, table)
    return _table(builder, "Operator", OpcodeIndex=kinds.index(kind), **fields)


def _write_code(builder: Any, kind: str) -> int:
    import tflite

    code = getattr(tflite.BuiltinOperator, kind)
    return _table(builder, "OperatorCode", DeprecatedBuiltinCode=min(code, 127), BuiltinCode=code, Version=1)


def _write_buffer(builder: Any, value: NDArray[Any] | None) -> int:
    if value is None:
        return _table(builder, "Buffer")
    content = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
    return _table(builder, "Buffer", Data=builder.CreateNumpyVector(content))


def _table(builder: Any, kind: str, **fields: int) -> int:
    """Write a table of the schema; return where it stands."""
    module = import_module(f"tflite.{kind}")
    getattr(module, f"{kind}Start")(builder)
    for name, value in fields.items():
        getattr(module, f"{kind}Add{name}")(builder, value)
    place: int = getattr(module, f"{kind}End")(builder)
    return place


def _integers(builder: Any, values: Sequence[int]) -> int:
    place: int = builder.CreateNumpyVector(np.asarray(values, np.int32))
    return place


def _offsets(builder: Any, places: list[int]) -> int:
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    end: int = builder.EndVector()
    return end
