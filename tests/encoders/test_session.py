"""Graphs open with their shapes, cross to other processes, and say what is wrong with them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from earmark.core.errors import ModelError
from earmark.encoders.session import OnnxGraph


def graph_of(*inputs: str) -> bytes:
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in inputs]
    node = helper.make_node("Add", [inputs[0], inputs[-1]], ["sum"])
    out = helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["n", 3])
    model = helper.make_model(
        helper.make_graph([node], "g", values, [out]), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 9
    content: bytes = model.SerializeToString()
    return content


def test_graph_runs_and_tells_its_shapes() -> None:
    graph = OnnxGraph(graph_of("x"))
    assert graph.input_shape == (None, 3)
    assert graph.output_shape == (None, 3)
    assert np.array_equal(graph(np.ones((2, 3), np.float32)), np.full((2, 3), 2.0))


def test_graph_survives_pickling() -> None:
    graph = pickle.loads(pickle.dumps(OnnxGraph(graph_of("x"))))  # noqa: S301 - packed on this line
    assert graph(np.ones((1, 3), np.float32)).tolist() == [[2, 2, 2]]


def test_graph_with_two_inputs_is_refused() -> None:
    with pytest.raises(ModelError, match="twins: found 2 inputs, expected 1"):
        OnnxGraph(graph_of("x", "z"), what="twins")


def test_damaged_graph_is_named() -> None:
    with pytest.raises(ModelError, match=r"model\.onnx: ONNX Runtime .* cannot load the graph"):
        OnnxGraph(b"junk", what="model.onnx")
