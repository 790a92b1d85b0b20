"""The graphs give what the makers' code gives with the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from earmark.core.errors import WeightsError
from earmark.encoders.graph_builder import Weights
from earmark.encoders.panns_graph import panns_graph, with_average_pool
from earmark.encoders.random_weights import panns_weights
from earmark.encoders.session import OnnxGraph
from earmark.features.panns_mel import panns_log_mel

GOLDEN = Path(__file__).parents[1] / "golden" / "encoders" / "audioset.npz"
NETWORKS = {"cnn14": 2048, "cnn10": 512, "cnn6": 512, "mobilenetv1": 1024}
NARROWER = {"cnn14": 4}  # its 80 million weights take too long here: scripts/make_audioset_goldens.py tries them


@pytest.mark.parametrize("name", NETWORKS)
def test_embedding_and_scores_equal_those_of_the_makers_code(name: str) -> None:
    narrower = NARROWER.get(name, 1)
    weights = Weights(panns_weights(np.random.default_rng(5), name, narrower=narrower), name)
    graph = OnnxGraph(panns_graph(weights, dim=NETWORKS[name] // narrower))
    with np.load(GOLDEN) as golden:
        mel = panns_log_mel((golden["samples"] / 32768).astype(np.float32))
        embedding, scores = graph.run(mel, "embedding", "scores")
        assert np.abs(embedding - golden[f"{name}_embedding"]).max() < 1e-4
        assert np.abs(scores - golden[f"{name}_scores"]).max() < 1e-4


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("n_frames", [32, 33, 50, 79])
def test_any_number_of_frames_from_32_on_is_taken(name: str, n_frames: int, rng: np.random.Generator) -> None:
    weights = Weights(panns_weights(rng, name, narrower=8), name)
    graph = OnnxGraph(panns_graph(weights, dim=NETWORKS[name] // 8))
    embedding, scores = graph.run(rng.normal(-40, 20, (2, n_frames, 64)).astype(np.float32), "embedding", "scores")
    assert embedding.shape == (2, NETWORKS[name] // 8)
    assert np.isfinite(embedding).all()
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("size", [(8, 8), (9, 7), (5, 12)])
def test_a_filter_with_its_average_pool_equals_the_two_one_behind_the_other(
    rng: np.random.Generator, size: tuple[int, int]
) -> None:
    values = torch.from_numpy(rng.standard_normal((2, 3, *size), dtype=np.float32))
    weight = rng.standard_normal((3, 1, 3, 3), dtype=np.float32)
    expected = F.avg_pool2d(F.conv2d(values, torch.from_numpy(weight), padding=1, groups=3), 2)
    found = F.conv2d(values, torch.from_numpy(with_average_pool(weight)), padding=1, stride=2, groups=3)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("missing", ["bn0.weight", "conv_block2.bn1.running_mean", "fc1.bias", "fc_audioset.weight"])
def test_weights_of_another_network_are_refused(missing: str, rng: np.random.Generator) -> None:
    tensors = panns_weights(rng, "cnn6", narrower=16)
    del tensors[missing]
    with pytest.raises(WeightsError, match=f"net.pth: has no tensor {missing}"):
        panns_graph(Weights(tensors, "net.pth"), dim=32)


def test_a_checkpoint_of_another_size_is_refused(rng: np.random.Generator) -> None:
    tensors = panns_weights(rng, "cnn10", narrower=8)
    with pytest.raises(WeightsError, match="fc_audioset takes 64 numbers, expected 512"):
        panns_graph(Weights(tensors, "net.pth"), dim=512)
