"""EfficientAT's networks as ONNX graphs, from their official checkpoints.

MobileNetV3-Large (Howard et al., 2019, arXiv:1905.02244) on mel spectrograms, any width, with squeeze-excitation over
channels and the head "mlp", as in `models/mn/model.py` of EfficientAT (Schmid et al., 2023, arXiv:2211.04772). Widths,
kernels and where squeeze-excitation stands are read off the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.encoders.graph_builder import GraphBuilder
from earmark.features.kaldi_mel import N_MELS

if TYPE_CHECKING:
    from earmark.encoders.graph_builder import Activation, Weights

# Step of each of the 15 blocks; the first six use ReLU, the others hard swish.
STRIDES = (1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1)
N_RELU_BLOCKS = 6
# From this block on, squeeze-excited channels go into `layers`; earlier ones add nothing on ESC-50.
FIRST_LAYER_BLOCK = 12
EPSILON = 1e-3


def efficientat_graph(weights: Weights, *, dim: int) -> bytes:
    """Return the graph of official weights, from `mel` float32 (n, 1, 128, n_frames) to three outputs, float32.

    `embedding` (n, dim): the mean over bands and frames of the last convolution, 960 channels times the width.
    `layers` (n, n_layers): the same of the squeeze-excited channels of blocks 12 to 15, then the embedding.
    `scores` (n, n_classes): probabilities, one for each class by itself.

    Raises:
        WeightsError: They are not of such a network with an embedding of `dim` numbers.
    """
    network = _Network(weights)
    tensor = network.conv("mel", "features.0", "hard_swish", stride=2)
    for number, stride in enumerate(STRIDES, start=1):
        tensor = network.block(tensor, number, stride)
    tensor = network.conv(tensor, f"features.{len(STRIDES) + 1}", "hard_swish")
    return network.head(tensor, dim)


class _Network:
    """Adds the parts of the network, asked for by their names in the state dict."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._graph = GraphBuilder()
        self._layers: list[tuple[str, int]] = []  # means over bands and frames, and their number of channels

    def conv(self, tensor: str, prefix: str, activation: Activation, *, stride: int = 1) -> str:
        """Add a convolution with its batch norm; where a filter sees one of many channels it is a depthwise one."""
        weight = self._weights.get(f"{prefix}.0.weight", n_axes=4)
        norm = self._weights.batch_norm(f"{prefix}.1", epsilon=EPSILON)
        groups = weight.shape[0] if weight.shape[1] == 1 and tensor != "mel" else 1
        return self._graph.folded_conv(tensor, weight, norm, stride=stride, groups=groups, activation=activation)

    def block(self, tensor: str, number: int, stride: int) -> str:
        """Add an inverted residual block: widen, look around, weigh the channels, narrow, add what came in."""
        prefix = f"features.{number}.block"
        activation: Activation = "relu" if number <= N_RELU_BLOCKS else "hard_swish"
        first = self._weights.get(f"{prefix}.0.0.weight", n_axes=4)
        made, part, n_in = tensor, 0, first.shape[0]
        if first.shape[2] == 1:  # a filter of one point widens; without it the block begins by looking around
            made, part, n_in = self.conv(made, f"{prefix}.0", activation), 1, first.shape[1]
        made = self.conv(made, f"{prefix}.{part}", activation, stride=stride)
        part += 1
        if f"{prefix}.{part}.conc_se_layers.0.fc1.weight" in self._weights:
            made = self._squeeze_excitation(made, f"{prefix}.{part}.conc_se_layers.0", number)
            part += 1
        made = self.conv(made, f"{prefix}.{part}", "none")
        n_out = self._weights.get(f"{prefix}.{part}.0.weight", n_axes=4).shape[0]
        return self._graph.add("Add", made, tensor) if stride == 1 and n_in == n_out else made

    def _squeeze_excitation(self, tensor: str, prefix: str, number: int) -> str:
        """Weigh channels by what two dense layers, as filters of one point, say of their means (Hu et al., 2018)."""
        squeezed = gate = self._graph.add("GlobalAveragePool", tensor)
        n_channels = 0
        steps: list[tuple[str, Activation]] = [("fc1", "relu"), ("fc2", "sigmoid")]
        for name, activation in steps:
            weight, bias = self._weights.dense(f"{prefix}.{name}")
            gate = self._graph.conv(gate, weight[:, :, np.newaxis, np.newaxis], bias, activation=activation)
            n_channels = len(bias)
        if number >= FIRST_LAYER_BLOCK:
            self._layers.append((self._graph.add("Mul", squeezed, gate), n_channels))
        return self._graph.add("Mul", tensor, gate)

    def head(self, tensor: str, dim: int) -> bytes:
        """Add the outputs and return the graph."""
        hidden_layer, tags = self._weights.dense("classifier.2", n_in=dim), self._weights.dense("classifier.5")
        pooled = self._graph.add("GlobalAveragePool", tensor)
        embedding = self._graph.add("Flatten", pooled, output="embedding")
        hidden = self._graph.activate(self._graph.dense(embedding, hidden_layer), "hard_swish")
        self._graph.add("Sigmoid", self._graph.dense(hidden, tags), output="scores")
        layers = [*self._layers, (pooled, dim)]
        joined = self._graph.add("Concat", *(name for name, _ in layers), axis=1)
        self._graph.add("Flatten", joined, output="layers")
        n_layers = sum(n_channels for _, n_channels in layers)
        return self._graph.model(
            "efficientat",
            ("mel", ["n", 1, N_MELS, "n_frames"]),
            {"embedding": ["n", dim], "layers": ["n", n_layers], "scores": ["n", len(tags[1])]},
        )
