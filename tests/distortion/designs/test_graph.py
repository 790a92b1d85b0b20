"""What the graphs of all designs look like from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, checker, helper, version_converter

from earmark.distortion.designs.graph import Part, halved, mean_graph, small_graph, two_headed

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


def scaled(factor: float, dim: int) -> bytes:
    """Return a graph whose margins are the features by a factor, and whose severity is a half of that."""
    nodes = [
        helper.make_node("Mul", ["features", "factor"], ["scores"]),
        helper.make_node("Mul", ["scores", "half"], ["severity"]),
    ]
    return two_headed("scaled", nodes, {"factor": factor, "half": 0.5}, (dim, dim))


def test_the_mean_of_graphs_sees_each_its_columns() -> None:
    parts = [Part(scaled(1.0, 2), 0, (2,)), Part(scaled(3.0, 2), 3, (2,))]
    session = onnxruntime.InferenceSession(mean_graph("mean", parts, 5, 2))
    assert [entry.shape for entry in session.get_inputs()] == [["n_rows", 5]]
    features = np.arange(10, dtype=np.float32).reshape(2, 5)
    scores, severity = session.run(["scores", "severity"], {"features": features})
    np.testing.assert_allclose(scores, (features[:, :2] + 3 * features[:, 3:]) / 2)
    np.testing.assert_allclose(severity, scores / 2)


def test_graphs_of_an_older_opset_are_taken_along() -> None:
    newer = version_converter.convert_version(ModelProto.FromString(scaled(2.0, 3)), 20)
    parts = [Part(scaled(4.0, 3), 0, (3,)), Part(newer.SerializeToString(), 0, (3,))]
    content = mean_graph("mean", parts, 3, 3)
    assert ModelProto.FromString(content).opset_import[0].version == 20
    (scores,) = onnxruntime.InferenceSession(content).run(["scores"], {"features": np.ones((1, 3), np.float32)})
    np.testing.assert_allclose(scores, 3)


def test_only_what_half_precision_holds_exactly_is_halved() -> None:
    rough, exact = np.linspace(0, 1, 2000, dtype=np.float32), np.arange(2000, dtype=np.float32) / np.float32(1024)
    nodes = [
        helper.make_node("Add", ["features", "rough"], ["added"]),
        helper.make_node("Mul", ["added", "exact"], ["out"]),
    ]
    constants: dict[str, Constant] = {"rough": rough, "exact": exact}
    content = small_graph("halves", nodes, constants, (2000, 2000), ("out",))
    smaller = halved(content)
    assert len(content) - 2 * 2000 <= len(smaller) < len(content) - 2 * 1900
    features = {"features": np.random.default_rng(0).normal(size=(3, 2000)).astype(np.float32)}
    (before,), (after,) = (onnxruntime.InferenceSession(each).run(None, features) for each in (content, smaller))
    np.testing.assert_array_equal(before, after)
