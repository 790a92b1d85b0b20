"""Turn the operators of a TensorFlow Lite network into ONNX nodes: only what BirdNET and YAMNet need.

TensorFlow Lite has channels last, ONNX Runtime is fast with channels first: here a tensor of rank 4 is
(n, channels, height, width), any other as it is in the file. SAME padding becomes numbers, a zero PAD before a
convolution becomes the convolution's own, an activation that is fused into an operator becomes a node behind it.
The first axis stays free, so the graph takes any batch. Shapes that the file computes are not needed: they are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from earmark.encoders.onnx_parts import OnnxParts
    from earmark.encoders.tflite_read import Operator, TfliteGraph

    # The name of a tensor, or what adds the nodes that make it: nothing is added that nothing takes.
    Made = str | Callable[[], str]

_SAME = 0
_NONE, _RELU, _RELU6 = 0, 1, 3
_CHANNELS_FIRST = {0: 0, 1: 2, 2: 3, 3: 1}


class Converter:
    """Adds nodes for the operators that depend on the tensors it starts from.

    Args:
        graph: The network.
        parts: Where nodes and constants go.
    """

    def __init__(self, graph: TfliteGraph, parts: OnnxParts) -> None:
        self._graph = graph
        self._parts = parts
        self._made: dict[int, Made] = {}
        self._sizes: dict[int, tuple[int, int]] = {}  # height and width of tensors of rank 4
        self._pooled: dict[int, str] = {}  # (n, channels, 1, 1) of tensors that are its (n, channels)
        self._padded: dict[int, tuple[int, tuple[int, int, int, int]]] = {}

    def convert(self, start: str, name: str, size: tuple[int, int]) -> None:
        """Add a node for all that follows from the tensor `start` of the file, rank 4.

        Args:
            start: Its name in the file.
            name: Its name among the ONNX parts, channels first.
            size: Its height and width.

        Raises:
            WeightsError: An operator is not known here, or not with these shapes.
        """
        first = self._graph.tensor(start).index
        self._made[first] = name
        self._sizes[first] = size
        for operator in self._graph.operators:
            known = any(index in self._made for index in operator.inputs)
            # Integers are shapes, which are known without computing them.
            if known and self._graph.tensors[operator.outputs[0]].dtype == "FLOAT32":
                if operator.kind not in _CONVERT:
                    raise self._refusal(operator, f"is not one that earmark converts; it knows {', '.join(_CONVERT)}")
                self._made[operator.outputs[0]] = _CONVERT[operator.kind](self, operator)

    def name_of(self, tensor: str) -> str:
        """Return the ONNX name of a tensor of the file.

        Raises:
            WeightsError: It does not depend on what the conversion started from.
        """
        index = self._graph.tensor(tensor).index
        if index not in self._made:
            raise WeightsError(
                f'{self._graph.where}: "{tensor}" does not follow from what is converted; fetch it again'
            )
        return self._name(index)

    def _name(self, index: int) -> str:
        made = self._made[index]
        if not isinstance(made, str):
            made = self._made[index] = made()
        return made

    def _convolution(self, operator: Operator) -> str:
        weights = self._constant(operator, 1)
        depthwise = operator.kind == "DEPTHWISE_CONV_2D"
        kernel = weights.transpose(3, 0, 1, 2) if depthwise else weights.transpose(0, 3, 1, 2)
        dilations = operator.options.get("DilationHFactor", 1), operator.options.get("DilationWFactor", 1)
        reach = tuple((length - 1) * step + 1 for length, step in zip(weights.shape[1:3], dilations, strict=True))
        source, placed = self._placed(operator, (reach[0], reach[1]))
        inputs = [source, self._parts.constant(kernel)]
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            inputs.append(self._parts.constant(self._constant(operator, 2)))
        group = self._graph.tensors[operator.inputs[0]].shape[3] if depthwise else 1
        found = self._parts.add("Conv", *inputs, group=group, dilations=dilations, **placed)
        return self._activated(operator, found)

    def _pool(self, operator: Operator) -> str:
        kernel = operator.options["FilterHeight"], operator.options["FilterWidth"]
        source, placed = self._placed(operator, kernel)
        kind = "MaxPool" if operator.kind == "MAX_POOL_2D" else "AveragePool"  # neither counts the padding
        return self._activated(operator, self._parts.add(kind, source, kernel_shape=kernel, **placed))

    def _placed(self, operator: Operator, kernel: tuple[int, int]) -> tuple[str, dict[str, Any]]:
        """Return the input of a sliding window, and its strides and padding; remember the size of the output."""
        index = operator.inputs[0]
        strides = operator.options.get("StrideH", 1), operator.options.get("StrideW", 1)
        same = operator.options.get("Padding", _SAME) == _SAME
        pads: tuple[int, int, int, int] = (0, 0, 0, 0)
        if index in self._padded and not same and operator.kind.endswith("CONV_2D"):
            index, pads = self._padded[index]
        size = self._size(operator, index)
        if min(strides) < 1:
            raise self._refusal(operator, f"has strides {strides}, expected at least 1")
        if same:  # tensorflow.org/api_docs/python/tf/nn, "Notes on padding": the odd one goes behind
            steps = [-(-length // stride) for length, stride in zip(size, strides, strict=True)]
            total = [
                max(0, (step - 1) * stride + reach - length)
                for step, stride, reach, length in zip(steps, strides, kernel, size, strict=True)
            ]
            pads = (total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2)
        height = (size[0] + pads[0] + pads[2] - kernel[0]) // strides[0] + 1
        width = (size[1] + pads[1] + pads[3] - kernel[1]) // strides[1] + 1
        self._sizes[operator.outputs[0]] = height, width
        return self._name(index), {"strides": strides, "pads": pads}

    def _pad(self, operator: Operator) -> Made:
        pads = self._constant(operator, 1).astype(int)
        if pads.shape != (4, 2) or pads[[0, 3]].any():
            raise self._refusal(operator, f"pads {pads.tolist()}, expected height and width alone")
        (top, bottom), (left, right) = pads[1].tolist(), pads[2].tolist()
        index = operator.inputs[0]
        height, width = self._size(operator, index)
        self._sizes[operator.outputs[0]] = height + top + bottom, width + left + right
        self._padded[operator.outputs[0]] = index, (top, left, bottom, right)
        amounts = [0, 0, top, left, 0, 0, bottom, right]
        return lambda: self._parts.add("Pad", self._name(index), self._parts.constant(amounts))

    def _mean(self, operator: Operator) -> Made:
        axes = sorted(np.atleast_1d(self._constant(operator, 1)).astype(int).tolist())
        source, result = operator.inputs[0], operator.outputs[0]
        if source not in self._sizes or axes != [1, 2]:
            raise self._refusal(operator, f"is over axes {axes}, expected height and width of a tensor of rank 4")
        pooled = self._parts.add("GlobalAveragePool", self._name(source))
        if operator.options.get("KeepDims", 0):
            self._sizes[result] = 1, 1
            return pooled
        self._pooled[result] = pooled
        return lambda: self._parts.add("Flatten", pooled)

    def _reshape(self, operator: Operator) -> Made:
        source, result = operator.inputs[0], operator.outputs[0]
        shape = self._graph.tensors[result].shape
        if len(shape) == 4 and shape[1:3] == (1, 1) and source not in self._sizes:
            self._sizes[result] = 1, 1
            if source in self._pooled:
                return self._pooled[source]
            apart = [-1, shape[3], 1, 1]
            return self._parts.add("Reshape", self._name(source), self._parts.constant(apart))
        if len(shape) == 2 and self._sizes.get(source) == (1, 1):
            self._pooled[result] = self._name(source)
            return lambda: self._parts.add("Flatten", self._pooled[result])
        found = self._graph.tensors[source].shape
        raise self._refusal(operator, f"is from {found} to {shape}, expected (n, c) to (n, 1, 1, c) or back")

    def _dense(self, operator: Operator) -> str:
        weights = self._constant(operator, 1)
        if operator.inputs[0] in self._sizes:
            raise self._refusal(operator, "takes a tensor of rank 4, expected rank 2")
        inputs = [self._name(operator.inputs[0]), self._parts.constant(weights)]
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            inputs.append(self._parts.constant(self._constant(operator, 2)))
        return self._activated(operator, self._parts.add("Gemm", *inputs, transB=1))

    def _binary(self, operator: Operator) -> str:
        ranks_4 = [index in self._sizes for index in operator.inputs]
        inputs = []
        for index, rank_4 in zip(operator.inputs, ranks_4, strict=True):
            value = self._graph.tensors[index].value
            if index in self._made:
                inputs.append(self._name(index))
                if rank_4 != any(ranks_4):
                    raise self._refusal(operator, "joins tensors of different ranks")
            elif value is not None:
                inputs.append(self._parts.constant(_channels_first(value) if any(ranks_4) else value))
            else:
                raise self._refusal(operator, f'takes "{self._graph.tensors[index].name}", which is not converted')
        sizes = [self._sizes[index] for index in operator.inputs if index in self._sizes]
        if sizes:
            self._sizes[operator.outputs[0]] = max(sizes)
        return self._activated(operator, self._parts.add("Add" if operator.kind == "ADD" else "Mul", *inputs))

    def _sigmoid(self, operator: Operator) -> str:
        self._keep_size(operator)
        return self._parts.add("Sigmoid", self._name(operator.inputs[0]))

    def _concatenate(self, operator: Operator) -> str:
        axis = operator.options.get("Axis", 0)
        if any(index not in self._made for index in operator.inputs):
            raise self._refusal(operator, "takes a tensor that is not converted")
        if operator.inputs[0] in self._sizes:
            axis = _CHANNELS_FIRST[axis % 4]
            if axis != 1:
                raise self._refusal(operator, f"is along axis {operator.options['Axis']}, expected the channels")
            self._keep_size(operator)
        found = self._parts.add("Concat", *(self._name(index) for index in operator.inputs), axis=axis)
        return self._activated(operator, found)

    def _size(self, operator: Operator, index: int) -> tuple[int, int]:
        if index not in self._sizes:
            raise self._refusal(operator, f'takes "{self._graph.tensors[index].name}", expected a tensor of rank 4')
        return self._sizes[index]

    def _keep_size(self, operator: Operator) -> None:
        if operator.inputs[0] in self._sizes:
            self._sizes[operator.outputs[0]] = self._sizes[operator.inputs[0]]

    def _activated(self, operator: Operator, name: str) -> str:
        activation = operator.options.get("FusedActivationFunction", _NONE)
        if activation == _RELU:
            return self._parts.add("Relu", name)
        if activation == _RELU6:
            return self._parts.add("Clip", name, self._parts.constant(0.0), self._parts.constant(6.0))
        if activation != _NONE:
            raise self._refusal(operator, f"has the fused activation {activation}, expected none, ReLU or ReLU6")
        return name

    def _constant(self, operator: Operator, position: int) -> NDArray[Any]:
        tensor = self._graph.tensors[operator.inputs[position]]
        if tensor.value is None:
            raise self._refusal(operator, f'takes "{tensor.name}", expected a constant')
        return tensor.value

    def _refusal(self, operator: Operator, why: str) -> WeightsError:
        name = self._graph.tensors[operator.outputs[0]].name
        return WeightsError(f'{self._graph.where}: operator {operator.kind} ("{name}") {why}')


def _channels_first(value: NDArray[Any]) -> NDArray[Any]:
    """Return a constant so that it broadcasts with (n, channels, height, width)."""
    if value.ndim == 0:
        return value
    return np.moveaxis(value.reshape((1,) * (4 - value.ndim) + value.shape), 3, 1)


_CONVERT: dict[str, Callable[[Converter, Operator], Made]] = {
    "CONV_2D": Converter._convolution,
    "DEPTHWISE_CONV_2D": Converter._convolution,
    "AVERAGE_POOL_2D": Converter._pool,
    "MAX_POOL_2D": Converter._pool,
    "PAD": Converter._pad,
    "MEAN": Converter._mean,
    "RESHAPE": Converter._reshape,
    "FULLY_CONNECTED": Converter._dense,
    "ADD": Converter._binary,
    "MUL": Converter._binary,
    "LOGISTIC": Converter._sigmoid,
    "CONCATENATION": Converter._concatenate,
}
