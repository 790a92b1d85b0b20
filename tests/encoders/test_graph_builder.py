"""Layers equal PyTorch's, and weights that do not fit are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from earmark.core.errors import WeightsError
from earmark.encoders.graph_builder import GraphBuilder, Weights
from earmark.encoders.session import OnnxGraph

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.encoders.graph_builder import Activation


def normal(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32)


def run(add: Callable[[GraphBuilder], str], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the layers that `add` puts behind the input "x" make of values."""
    graph = GraphBuilder()
    graph.add("Identity", add(graph), output="found")
    axes = ["n", *(f"a{axis}" for axis in range(1, values.ndim))]
    return OnnxGraph(graph.model("layers", ("x", axes), {"found": axes}))(values)


ACTIVATIONS: dict[Activation, Callable[[torch.Tensor], torch.Tensor]] = {
    "none": lambda x: x,
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": F.hardsigmoid,
    "hard_swish": F.hardswish,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_equal_those_of_torch(rng: np.random.Generator, activation: Activation) -> None:
    values = 4 * normal(rng, 3, 50)
    expected = ACTIVATIONS[activation](torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(run(lambda graph: graph.activate("x", activation), values), expected, atol=1e-6)


@pytest.mark.parametrize(("kernel", "stride", "groups"), [(3, 1, 1), (5, 2, 1), (1, 1, 1), (3, 2, 4), (4, 2, 4)])
def test_convolutions_equal_those_of_torch(rng: np.random.Generator, kernel: int, stride: int, groups: int) -> None:
    values, weight, bias = normal(rng, 2, 4, 9, 11), normal(rng, 8, 4 // groups, kernel, kernel), normal(rng, 8)
    x, filters, offsets = (torch.from_numpy(each) for each in (values, weight, bias))
    expected = F.relu(F.conv2d(x, filters, offsets, stride, (kernel - 1) // 2, 1, groups)).numpy()
    found = run(lambda graph: graph.conv("x", weight, bias, stride=stride, groups=groups, activation="relu"), values)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_folded_batch_norm_equals_one_behind_the_convolution(rng: np.random.Generator) -> None:
    values, weight = normal(rng, 2, 3, 8, 8), normal(rng, 5, 3, 3, 3)
    norm = {part: rng.random(5, dtype=np.float32) + 0.5 for part in ("weight", "bias", "running_mean", "running_var")}
    weights = Weights({f"bn.{part}": row for part, row in norm.items()}, "test")
    mean, variance, gain, bias = (
        torch.from_numpy(norm[part]) for part in ("running_mean", "running_var", "weight", "bias")
    )
    convolved = F.conv2d(torch.from_numpy(values), torch.from_numpy(weight), padding=1)
    expected = F.batch_norm(convolved, mean, variance, gain, bias, eps=1e-3).numpy()
    folded = weights.batch_norm("bn", epsilon=1e-3)
    np.testing.assert_allclose(run(lambda graph: graph.folded_conv("x", weight, folded), values), expected, atol=1e-5)


def test_a_dense_layer_equals_torch_s(rng: np.random.Generator) -> None:
    values, weight, bias = normal(rng, 4, 6), normal(rng, 3, 6), normal(rng, 3)
    expected = values @ weight.T + bias
    np.testing.assert_allclose(run(lambda graph: graph.dense("x", (weight, bias)), values), expected, atol=1e-5)


def test_weights_are_read_from_a_checkpoint_as_float32(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.ones(2, 3, dtype=torch.float64), "fc.bias": torch.zeros(2)}, tmp_path / "a.pt")
    weights = Weights.read(tmp_path / "a.pt")
    assert "fc.weight" in weights
    assert "fc.gain" not in weights
    weight, bias = weights.dense("fc", n_in=3)
    assert weight.dtype == np.float32
    assert (weight.shape, bias.shape) == ((2, 3), (2,))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda weights: weights.get("b", n_axes=1),
            r"net\.pt: has no tensor b \(found fc\.weight, .*fetch the right one",
        ),
        (
            lambda weights: weights.get("fc.bias", n_axes=2),
            r"net\.pt: tensor fc\.bias has the shape \(2,\), expected 2 axes",
        ),
        (lambda weights: weights.get("holes", n_axes=1), "expected 1 axes of finite numbers"),
        (lambda weights: weights.get("nothing", n_axes=1), r"tensor nothing has the shape \(0,\)"),
        (lambda weights: weights.dense("fc", n_in=4), "layer fc takes 3 numbers, expected 4; it is of another network"),
        (lambda weights: weights.batch_norm("bn", epsilon=1e-5), r"has no tensor bn\.weight"),
    ],
)
def test_weights_that_do_not_fit_are_named(ask: Callable[[Weights], Any], message: str) -> None:
    tensors = {
        "fc.weight": np.ones((2, 3)),
        "fc.bias": np.ones(2),
        "holes": np.array([1, np.nan]),
        "nothing": np.ones(0),
    }
    with pytest.raises(WeightsError, match=message):
        ask(Weights(tensors, "net.pt"))
