"""The networks of PANNs as ONNX graphs, from their official checkpoints.

Cnn14, Cnn10, Cnn6 and MobileNetV1 on mel spectrograms, as in `pytorch/models.py` of audioset_tagging_cnn
(Kong et al., 2020, arXiv:1912.10211). How many blocks there are, and of what size, is read off the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.encoders.graph_builder import GraphBuilder
from earmark.features.panns_mel import N_MELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.encoders.graph_builder import Weights

EPSILON = 1e-5
# Cnn14 is the only one with a sixth block, and that one keeps its size.
N_HALVING_BLOCKS = 5
# The blocks of MobileNetV1 that halve the size.
HALVING = frozenset({0, 2, 4, 6, 12})


def panns_graph(weights: Weights, *, dim: int) -> bytes:
    """Return the graph: `mel` float32 (n, n_frames, 64) in dB to `embedding` (n, dim) and `scores` (n, n_classes).

    n_frames is at least 32. Scores are probabilities, one for each class by itself.

    Raises:
        WeightsError: They are not of such a network with an embedding of `dim` numbers.
    """
    graph = GraphBuilder()
    factor, offset = weights.batch_norm("bn0", epsilon=EPSILON)
    scaled = graph.add("Add", graph.add("Mul", "mel", graph.constant(factor)), graph.constant(offset))
    tensor = graph.add("Unsqueeze", scaled, graph.constant([1]))
    add_body = _add_mobilenet if "features.0.0.weight" in weights else _add_blocks
    return _finished(graph, weights, add_body(graph, weights, tensor), dim)


def _add_blocks(graph: GraphBuilder, weights: Weights, tensor: str) -> str:
    """Add convolution, batch norm and ReLU, once or twice a block, and halve the size after it."""
    number = 1
    while f"conv_block{number}.conv1.weight" in weights:
        for layer in (1, 2):
            if f"conv_block{number}.conv{layer}.weight" in weights:
                weight = weights.get(f"conv_block{number}.conv{layer}.weight", n_axes=4)
                norm = weights.batch_norm(f"conv_block{number}.bn{layer}", epsilon=EPSILON)
                tensor = graph.folded_conv(tensor, weight, norm, activation="relu")
        if number <= N_HALVING_BLOCKS:
            tensor = graph.add("AveragePool", tensor, kernel_shape=[2, 2], strides=[2, 2])
        number += 1
    return tensor


def _add_mobilenet(graph: GraphBuilder, weights: Weights, tensor: str) -> str:
    """Add one full convolution, then depthwise and pointwise ones in turn."""
    number = 0
    while f"features.{number}.0.weight" in weights:
        weight = weights.get(f"features.{number}.0.weight", n_axes=4)
        norm = weights.batch_norm(f"features.{number}.2", epsilon=EPSILON)
        groups = weight.shape[0] if number else 1
        if number in HALVING:
            weight = with_average_pool(weight)
        stride = 2 if number in HALVING else 1
        tensor = graph.folded_conv(tensor, weight, norm, stride=stride, groups=groups, activation="relu")
        if number:
            weight = weights.get(f"features.{number}.4.weight", n_axes=4)
            norm = weights.batch_norm(f"features.{number}.5", epsilon=EPSILON)
            tensor = graph.folded_conv(tensor, weight, norm, activation="relu")
        number += 1
    return tensor


def with_average_pool(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the filters of a convolution that takes a 2 x 2 average pooling in with it, at stride 2.

    float32 (n_out, n_in, 3, 3) to (n_out, n_in, 4, 4): the mean of the filter at its four places. Exact, also where the
    size is odd.
    """
    places = [np.pad(weight, ((0, 0), (0, 0), (row, 1 - row), (col, 1 - col))) for row in (0, 1) for col in (0, 1)]
    return np.asarray(np.mean(places, axis=0), dtype=np.float32)


def _finished(graph: GraphBuilder, weights: Weights, tensor: str, dim: int) -> bytes:
    """Add mean over bands, maximum plus mean over frames, two dense layers."""
    per_frame = graph.add("ReduceMean", tensor, axes=[3], keepdims=0)
    loudest = graph.add("ReduceMax", per_frame, axes=[2], keepdims=0)
    pooled = graph.add("Add", loudest, graph.add("ReduceMean", per_frame, axes=[2], keepdims=0))
    hidden, tags = weights.dense("fc1"), weights.dense("fc_audioset", n_in=dim)
    embedding = graph.add("Relu", graph.dense(pooled, hidden), output="embedding")
    graph.add("Sigmoid", graph.dense(embedding, tags), output="scores")
    shapes: dict[str, list[int | str]] = {"embedding": ["n", dim], "scores": ["n", len(tags[1])]}
    return graph.model("panns", ("mel", ["n", "n_frames", N_MELS]), shapes)
