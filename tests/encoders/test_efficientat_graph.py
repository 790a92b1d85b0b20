"""The graph gives what the same network gives in PyTorch, for any width, length and number of windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import WeightsError
from earmark.encoders.efficientat_graph import efficientat_graph
from earmark.encoders.graph_builder import Weights
from earmark.encoders.random_weights import efficientat_weights
from earmark.encoders.session import OnnxGraph

if TYPE_CHECKING:
    from earmark.encoders.random_weights import Tensors

GOLDEN = Path(__file__).parents[1] / "golden" / "encoders" / "audioset.npz"
OUTPUTS = ("embedding", "layers", "scores")


def random_weights(width: float) -> Tensors:
    return efficientat_weights(np.random.default_rng(5), width=width)


@pytest.fixture(scope="module")
def mn04() -> OnnxGraph:
    return OnnxGraph(efficientat_graph(Weights(random_weights(0.4), "mn04"), dim=384))


@pytest.mark.parametrize(("name", "width", "dim"), [("mn04", 0.4, 384), ("mn10", 1.0, 960)])
def test_outputs_equal_those_of_the_network_in_torch(name: str, width: float, dim: int) -> None:
    graph = OnnxGraph(efficientat_graph(Weights(random_weights(width), name), dim=dim))
    with np.load(GOLDEN) as golden:
        found = graph.run(golden["kaldi_mel"][:, np.newaxis], *OUTPUTS)
        for output, values in zip(OUTPUTS, found, strict=True):
            assert np.abs(values - golden[f"{name}_{output}"]).max() < 1e-4


def test_layers_end_with_the_embedding(mn04: OnnxGraph, rng: np.random.Generator) -> None:
    embedding, layers = mn04.run(rng.standard_normal((2, 1, 128, 70), dtype=np.float32), "embedding", "layers")
    assert (embedding.shape, layers.shape) == ((2, 384), (2, 1696))
    np.testing.assert_allclose(layers[:, -384:], embedding, atol=1e-6)


@pytest.mark.parametrize("n_frames", [1, 2, 31, 100, 101])
def test_any_number_of_frames_is_taken(mn04: OnnxGraph, n_frames: int) -> None:
    (scores,) = mn04.run(np.zeros((1, 1, 128, n_frames), np.float32), "scores")
    assert scores.shape == (1, 527)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_window_does_not_depend_on_its_neighbours(mn04: OnnxGraph, rng: np.random.Generator) -> None:
    mel = rng.standard_normal((3, 1, 128, 50), dtype=np.float32)
    together = mn04.run(mel, "embedding")[0]
    alone = np.concatenate([mn04.run(each[np.newaxis], "embedding")[0] for each in mel])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("missing", ["features.0.0.weight", "features.7.block.1.1.running_var", "classifier.5.bias"])
def test_weights_of_another_network_are_refused(missing: str) -> None:
    tensors = {name: values for name, values in random_weights(0.4).items() if name != missing}
    with pytest.raises(WeightsError, match=f"net.pt: has no tensor {missing}"):
        efficientat_graph(Weights(tensors, "net.pt"), dim=384)


def test_weights_of_another_width_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"classifier\.2 takes 384 numbers, expected 960"):
        efficientat_graph(Weights(random_weights(0.4), "net.pt"), dim=960)
