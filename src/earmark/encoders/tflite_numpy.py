"""Run a small TensorFlow Lite network with numpy: the operators of BirdNET's list of species, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from earmark.encoders.tflite_read import TfliteGraph

    Values = list[NDArray[Any]]

_RELU = 1


def run_tflite(graph: TfliteGraph, value: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the first output of a network for its only input, computed in float32.

    Raises:
        WeightsError: The network has an operator that is not known here.
    """
    known: dict[int, NDArray[Any]] = {graph.inputs[0]: value}

    def get(index: int) -> NDArray[Any]:
        return known[index] if index in known else graph.constant(graph.tensors[index].name)

    for operator in graph.operators:
        if operator.kind not in _KINDS:
            raise WeightsError(f"{graph.where}: operator {operator.kind} is not known here; expected another network")
        inputs = [get(index) for index in operator.inputs if index >= 0]
        found = _KINDS[operator.kind](inputs, operator.options)
        known[operator.outputs[0]] = np.maximum(found, 0) if _is_relu(operator.options) else found
    return np.asarray(known[graph.outputs[0]], dtype=np.float32)


def _is_relu(options: dict[str, Any]) -> bool:
    return options.get("FusedActivationFunction") == _RELU


def _strided_slice(inputs: Values, _options: dict[str, Any]) -> NDArray[Any]:
    """Return one number of a row (1, n): all that the network takes slices for."""
    value, begin, end = inputs[:3]
    return value[0, int(begin[1]) : int(end[1])].reshape(-1)[:1]


def _dense(inputs: Values, _options: dict[str, Any]) -> NDArray[Any]:
    value, weights, offsets = inputs
    return np.asarray(value @ weights.T.astype(np.float32) + offsets, dtype=np.float32)


def _concatenation(inputs: Values, options: dict[str, Any]) -> NDArray[Any]:
    return np.concatenate(inputs, axis=int(options.get("Axis", 0)))


_KINDS: dict[str, Callable[[Values, dict[str, Any]], NDArray[Any]]] = {
    "STRIDED_SLICE": _strided_slice,
    "EXPAND_DIMS": lambda inputs, _: np.expand_dims(inputs[0], int(inputs[1])),
    "ADD": lambda inputs, _: inputs[0] + inputs[1],
    "SUB": lambda inputs, _: inputs[0] - inputs[1],
    "MUL": lambda inputs, _: inputs[0] * inputs[1],
    "SIN": lambda inputs, _: np.sin(inputs[0]),
    "GREATER": lambda inputs, _: inputs[0] > inputs[1],
    "LESS": lambda inputs, _: inputs[0] < inputs[1],
    "SELECT_V2": lambda inputs, _: np.where(*inputs),
    "CONCATENATION": _concatenation,
    "FULLY_CONNECTED": _dense,
    "LOGISTIC": lambda inputs, _: 1 / (1 + np.exp(-inputs[0])),
}
