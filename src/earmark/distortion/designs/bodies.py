"""The networks behind the designs: what they look with, and the head that says which faults are there and how bad.

Both are torch modules. A body turns features into an embedding; the head is the one of the PANN recipes, an embedding
-> 512 -> 128 -> presence and the embedding -> 256 -> severity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import ConfigError
from earmark.distortion.designs.modules import head_modules, picture_modules
from earmark.encoders.efficientat_graph import EPSILON, N_RELU_BLOCKS, STRIDES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import nn

    Tensors = Mapping[str, NDArray[np.float32]]

HIDDEN = (512, 128, 256)  # of presence, first and second layer, and of severity
N_PICTURES = 5  # what the body of pictures sees: middle, side, their masks, and how high a band lies
# The side is fainter than the middle; what a network made for one picture expects is the middle.
SIDE_GAIN = 0.5


def multi_task(body: nn.Module, dim: int, n_kinds: int, *, dropout: float) -> nn.Module:
    """Return a network from features to float32 (n_rows, 2 * n_kinds): logits of presence, then severities 0..1.

    Args:
        body: From features to an embedding (n_rows, dim).
        dim: Its length.
        n_kinds: Kinds of faults.
        dropout: Share of values dropped before each dense layer but the first.
    """
    from torch import nn

    first, second, graded = HIDDEN
    presence = nn.Sequential(
        *(nn.Linear(dim, first), nn.ReLU(), nn.Dropout(dropout)),
        *(nn.Linear(first, second), nn.ReLU(), nn.Dropout(dropout)),
        nn.Linear(second, n_kinds),
    )
    severity = nn.Sequential(
        nn.Linear(dim, graded), nn.ReLU(), nn.Dropout(dropout), nn.Linear(graded, n_kinds), nn.Sigmoid()
    )
    network: nn.Module = head_modules().multi_task(body, presence, severity)
    return network


def split_outputs(network: nn.Module) -> nn.Module:
    """Return a network that gives logits and severities apart, for a graph with two outputs."""
    module: nn.Module = head_modules().split(network)
    return module


def round_weights(network: nn.Module) -> None:
    """Round what was trained, in place, to numbers that half precision holds."""
    for weights in network.parameters():
        weights.data = weights.data.half().float()


def picture_body(tensors: Tensors, mean: NDArray[np.float32], spread: NDArray[np.float32]) -> tuple[nn.Module, int]:
    """Return the body of EfficientAT with these weights for features of `midside`, and its dimension.

    Its first filters, made for one picture, look at the middle and, more softly, at the side; at masks and the height
    of a band they begin to look in training. After the last convolution come the mean over bands, then the loudest and
    the mean frame (as in PANNs, Kong et al., 2020).

    Args:
        tensors: A state dict of EfficientAT; how many blocks there are, and of what size, is read off it.
        mean: Of each band of middle and side, float32 (2, n_bands).
        spread: Likewise.
    """
    import torch

    trunk = _Trunk(tensors).build()
    dim = tensors[f"features.{len(STRIDES) + 1}.0.weight"].shape[0]
    body: nn.Module = picture_modules().body(trunk, torch.from_numpy(mean), torch.from_numpy(spread))
    return body, dim


def vector_body(mean: NDArray[np.float32], spread: NDArray[np.float32], *, dropout: float) -> tuple[nn.Module, int]:
    """Return a body that hands on embeddings standardised column by column, and their length."""
    import torch
    from torch import nn

    standardise = head_modules().standardise(torch.from_numpy(mean), torch.from_numpy(spread))
    return nn.Sequential(standardise, nn.Dropout(dropout)), len(mean)


class _Trunk:
    """Makes the convolutions of EfficientAT (MobileNetV3-Large, Howard et al., 2019) from a state dict."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors

    def build(self) -> nn.Module:
        from torch import nn

        layers = [self._conv("features.0", "hard_swish", stride=2, first=True)]
        layers += [self._block(number, stride) for number, stride in enumerate(STRIDES, start=1)]
        return nn.Sequential(*layers, self._conv(f"features.{len(STRIDES) + 1}", "hard_swish"))

    def _conv(self, prefix: str, activation: str, *, stride: int = 1, first: bool = False) -> nn.Module:
        """Return a convolution with batch norm; where a filter sees one of many channels it is a depthwise one."""
        import torch
        from torch import nn

        weight = self._tensor(f"{prefix}.0.weight")
        if first:
            unseen = np.zeros((len(weight), N_PICTURES - 2, *weight.shape[2:]), dtype=np.float32)
            weight = np.concatenate([weight, SIDE_GAIN * weight, unseen], axis=1, dtype=np.float32)
        n_out, n_seen, kernel = weight.shape[:3]
        groups = n_out if n_seen == 1 else 1
        conv = nn.Conv2d(n_seen * groups, n_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        norm = nn.BatchNorm2d(n_out, eps=EPSILON)
        with torch.no_grad():
            conv.weight.copy_(torch.from_numpy(weight))
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(norm, name).copy_(torch.from_numpy(self._tensor(f"{prefix}.1.{name}")))
        active: dict[str, list[nn.Module]] = {"none": [], "relu": [nn.ReLU()], "hard_swish": [nn.Hardswish()]}
        return nn.Sequential(conv, norm, *active[activation])

    def _block(self, number: int, stride: int) -> nn.Module:
        """Return an inverted residual block: widen, look around, weigh the channels, narrow, add what came in."""
        prefix, activation = f"features.{number}.block", "relu" if number <= N_RELU_BLOCKS else "hard_swish"
        first = self._tensor(f"{prefix}.0.0.weight")
        steps, part, n_in = [], 0, first.shape[0]
        if first.shape[2] == 1:  # a filter of one point widens; without it the block begins by looking around
            steps, part, n_in = [self._conv(f"{prefix}.0", activation)], 1, first.shape[1]
        steps.append(self._conv(f"{prefix}.{part}", activation, stride=stride))
        part += 1
        if f"{prefix}.{part}.conc_se_layers.0.fc1.weight" in self._tensors:
            steps.append(self._weighing(f"{prefix}.{part}.conc_se_layers.0"))
            part += 1
        steps.append(self._conv(f"{prefix}.{part}", "none"))
        same = stride == 1 and n_in == self._tensor(f"{prefix}.{part}.0.weight").shape[0]
        block: nn.Module = picture_modules().residual(steps, added=same)
        return block

    def _weighing(self, prefix: str) -> nn.Module:
        """Return what weighs channels by what two dense layers say of their means (Hu et al., 2018)."""
        import torch
        from torch import nn

        layers = []
        for name in ("fc1", "fc2"):
            weight, bias = self._tensor(f"{prefix}.{name}.weight"), self._tensor(f"{prefix}.{name}.bias")
            layers.append(nn.Conv2d(weight.shape[1], weight.shape[0], 1))
            with torch.no_grad():
                layers[-1].weight.copy_(torch.from_numpy(weight[:, :, np.newaxis, np.newaxis]))
                layers[-1].bias.copy_(torch.from_numpy(bias))  # type: ignore[union-attr]
        gate: nn.Module = picture_modules().weighing(*layers)
        return gate

    def _tensor(self, name: str) -> NDArray[np.float32]:
        if name not in self._tensors:
            raise ConfigError(f"network: the weights hold no tensor {name}; they are not of EfficientAT")
        return np.asarray(self._tensors[name], dtype=np.float32)
