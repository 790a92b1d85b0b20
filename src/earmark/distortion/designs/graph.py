"""What the graphs of all designs look like from outside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Constant: TypeAlias = "float | NDArray[np.int64] | NDArray[np.float32]"
OPSET = 17
ML_OPSET = 1
IR_VERSION = 8
FEWEST_HALVED = 1000  # numbers; of fewer it is not worth a node


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


@dataclass(frozen=True)
class Part:
    """A graph of a design that sees some columns of the features.

    Attributes:
        content: The graph.
        first: The first column that it sees.
        shape: What its features look like, without rows.
    """

    content: bytes
    first: int
    shape: tuple[int, ...]


def mean_graph(name: str, parts: Sequence[Part], dim: int, n_kinds: int) -> bytes:
    """Return the graph from `features` (n_rows, dim) to the means of the parts' `scores` and `severity`."""
    from onnx import ModelProto, TensorProto, checker, compose, helper, version_converter

    models = [ModelProto.FromString(part.content) for part in parts]
    opset = max(_opset(model) for model in models)
    models = [model if _opset(model) == opset else version_converter.convert_version(model, opset) for model in models]
    models = [compose.add_prefix(model, f"part{number}/") for number, model in enumerate(models)]
    nodes, constants, domains = [], [], {"": opset}
    for model, part in zip(models, parts, strict=True):
        given, added = _see(part, dim, model.graph.input[0].name)
        nodes += [*given, *model.graph.node]
        constants += [*added, *model.graph.initializer]
        domains |= {each.domain: each.version for each in model.opset_import if each.domain}
    for output in ("scores", "severity"):
        nodes.append(helper.make_node("Mean", [f"part{number}/{output}" for number in range(len(parts))], [output]))
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n_rows", dim])],
        [
            helper.make_tensor_value_info(each, TensorProto.FLOAT, ["n_rows", n_kinds])
            for each in ("scores", "severity")
        ],
        constants,
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in domains.items()]
    joined = helper.make_model(graph, opset_imports=opsets, producer_name="earmark")
    joined.ir_version = max(model.ir_version for model in models)
    checker.check_model(joined)
    content: bytes = joined.SerializeToString()
    return content


def _see(part: Part, dim: int, target: str) -> tuple[list[Any], list[Any]]:
    """Return the nodes and constants that make a part's features of all."""
    from onnx import helper, numpy_helper

    if (part.first, part.shape) == (0, (dim,)):
        return [helper.make_node("Identity", ["features"], [target])], []
    values = {
        "first": [part.first],
        "last": [part.first + math.prod(part.shape)],
        "axis": [1],
        "shape": [-1, *part.shape],
    }
    names = {name: f"{target}/{name}" for name in values}
    nodes = [
        helper.make_node("Slice", ["features", names["first"], names["last"], names["axis"]], [f"{target}/flat"]),
        helper.make_node("Reshape", [f"{target}/flat", names["shape"]], [target]),
    ]
    return nodes, [
        numpy_helper.from_array(np.array(value, dtype=np.int64), names[name]) for name, value in values.items()
    ]


def halved(content: bytes) -> bytes:
    """Return the graph with the constants that half precision holds exactly kept in it; its numbers stay the same."""
    from onnx import ModelProto, TensorProto, helper, numpy_helper

    model = ModelProto.FromString(content)
    casts = []
    for constant in model.graph.initializer:
        if constant.data_type != TensorProto.FLOAT or math.prod(constant.dims) < FEWEST_HALVED:
            continue
        values = numpy_helper.to_array(constant)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if np.array_equal(half.astype(np.float32), values):
            name = constant.name
            constant.CopyFrom(numpy_helper.from_array(half, f"{name}/half"))
            casts.append(helper.make_node("Cast", [f"{name}/half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    smaller: bytes = model.SerializeToString()
    return smaller


def _opset(model: Any) -> int:
    return int(next(each.version for each in model.opset_import if not each.domain))


def _array(value: Constant) -> NDArray[Any]:
    return value if isinstance(value, np.ndarray) else np.array(value, dtype=np.float32)
