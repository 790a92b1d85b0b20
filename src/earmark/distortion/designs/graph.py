"""What the graphs of all designs look like from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Constant: TypeAlias = "float | NDArray[np.int64]"
OPSET = 17
ML_OPSET = 1
IR_VERSION = 8


def two_headed(name: str, nodes: Sequence[Any], constants: Mapping[str, Constant], shape: tuple[int, int]) -> bytes:
    """Return the graph of nodes from `features` (n_rows, dim) to `scores` and `severity` (n_rows, n_kinds).

    `shape` is (dim, n_kinds).
    """
    return small_graph(name, nodes, constants, shape, ("scores", "severity"))


def small_graph(
    name: str, nodes: Sequence[Any], constants: Mapping[str, Constant], shape: tuple[int, int], outputs: Sequence[str]
) -> bytes:
    """Return the graph of nodes from `features` (n_rows, dim) to outputs (n_rows, n_kinds)."""
    from onnx import TensorProto, checker, helper, numpy_helper

    graph = helper.make_graph(
        list(nodes),
        name,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n_rows", shape[0]])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n_rows", shape[1]]) for output in outputs],
        [numpy_helper.from_array(_array(value), key) for key, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="earmark")
    model.ir_version = IR_VERSION
    checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _array(value: Constant) -> NDArray[Any]:
    return value if isinstance(value, np.ndarray) else np.array(value, dtype=np.float32)
