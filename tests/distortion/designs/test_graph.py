"""What the graphs of all designs look like from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, checker, helper

from earmark.distortion.designs.graph import small_graph, two_headed

if TYPE_CHECKING:
    from earmark.distortion.designs.graph import Constant


def test_a_graph_with_two_heads_runs_for_any_number_of_rows() -> None:
    nodes = [
        helper.make_node("Slice", ["features", "first", "last", "axes"], ["some"]),
        helper.make_node("Mul", ["some", "factor"], ["scores"]),
        helper.make_node("Sigmoid", ["scores"], ["severity"]),
    ]
    constants: dict[str, Constant] = {
        "factor": 2.0,
        "first": np.array([1]),
        "last": np.array([3]),
        "axes": np.array([1]),
    }
    session = onnxruntime.InferenceSession(two_headed("small", nodes, constants, (4, 2)))
    assert [entry.name for entry in session.get_inputs()] == ["features"]
    assert [entry.name for entry in session.get_outputs()] == ["scores", "severity"]
    assert [entry.shape for entry in session.get_outputs()] == [["n_rows", 2]] * 2
    for n_rows in (1, 3):
        features = np.arange(4 * n_rows, dtype=np.float32).reshape(n_rows, 4)
        scores, severity = session.run(None, {"features": features})
        np.testing.assert_array_equal(scores, 2 * features[:, 1:3])
        np.testing.assert_allclose(severity, 1 / (1 + np.exp(-scores)), atol=1e-6)


def test_a_graph_may_have_one_head_and_says_who_made_it() -> None:
    content = small_graph("one", [helper.make_node("Abs", ["features"], ["out"])], {}, (3, 3), ("out",))
    model = ModelProto.FromString(content)
    assert (model.producer_name, model.graph.name, model.ir_version) == ("earmark", "one", 8)
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 17, "ai.onnx.ml": 1}


def test_graphs_that_do_not_hold_together_are_not_made() -> None:
    with pytest.raises(checker.ValidationError):
        two_headed("broken", [helper.make_node("Abs", ["nothing"], ["scores"])], {}, (3, 3))
