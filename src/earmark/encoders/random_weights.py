"""Random weights of the official shapes and names, for tests where the real ones are not at hand.

They are scaled so that signals neither die nor grow on their way through the network, as real weights do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.encoders.efficientat_graph import STRIDES

if TYPE_CHECKING:
    from numpy.typing import NDArray

Tensors = dict[str, "NDArray[np.float32]"]

# Kernel, channels inside, channels out and whether it squeezes, of each block of MobileNetV3-Large at width 1.
_BLOCKS = (
    (3, 16, 16, False), (3, 64, 24, False), (3, 72, 24, False), (5, 72, 40, True), (5, 120, 40, True),
    (5, 120, 40, True), (3, 240, 80, False), (3, 200, 80, False), (3, 184, 80, False), (3, 184, 80, False),
    (3, 480, 112, True), (3, 672, 112, True), (5, 672, 160, True), (5, 960, 160, True), (5, 960, 160, True),
)  # fmt: skip
_PANNS_CHANNELS = {
    "cnn14": (64, 128, 256, 512, 1024, 2048),
    "cnn10": (64, 128, 256, 512),
    "cnn6": (64, 128, 256, 512),
    "mobilenetv1": (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024),
}
N_CLASSES = 527


def efficientat_weights(rng: np.random.Generator, *, width: float) -> Tensors:
    """Return the state dict of EfficientAT's network of this width (0.4 is mn04, 1.0 is mn10), head "mlp"."""
    made = _Maker(rng)
    n_in = _rounded(16 * width)
    made.conv("features.0.0", (n_in, 1, 3, 3))
    made.norm("features.0.1", n_in)
    for number, (kernel, wide, out, squeezes) in enumerate(_BLOCKS, start=1):
        n_wide, n_out, prefix, part = _rounded(wide * width), _rounded(out * width), f"features.{number}.block", 0
        if n_wide != n_in:
            made.conv_norm(f"{prefix}.{part}", (n_wide, n_in, 1, 1))
            part += 1
        made.conv_norm(f"{prefix}.{part}", (n_wide, 1, kernel, kernel))
        if squeezes:
            part += 1
            n_squeezed = _rounded(n_wide // 4)
            made.dense(f"{prefix}.{part}.conc_se_layers.0.fc1", n_squeezed, n_wide)
            made.dense(f"{prefix}.{part}.conc_se_layers.0.fc2", n_wide, n_squeezed)
        made.conv_norm(f"{prefix}.{part + 1}", (n_out, n_wide, 1, 1), gain=0.1)  # its result is added to what came in
        n_in = n_out
    last = len(STRIDES) + 1
    made.conv_norm(f"features.{last}", (6 * n_in, n_in, 1, 1))
    n_hidden = _rounded(1280 * width)
    made.dense("classifier.2", n_hidden, 6 * n_in)
    made.dense("classifier.5", N_CLASSES, n_hidden)
    return made.tensors


def panns_weights(rng: np.random.Generator, name: str, *, narrower: int = 1) -> Tensors:
    """Return the state dict of a PANNs network ("cnn14", "cnn10", "cnn6", "mobilenetv1").

    `narrower` divides the number of channels, for tests that have no time for 80 million weights.
    """
    made = _Maker(rng)
    made.norm("bn0", 64)
    made.tensors["bn0.running_mean"] -= np.float32(40)  # what comes in are decibels
    made.tensors["bn0.running_var"] *= np.float32(400)
    n_in = 1
    for number, channels in enumerate(_PANNS_CHANNELS[name]):
        n_out = channels // narrower
        if name == "mobilenetv1":
            first = n_out if number == 0 else n_in
            made.conv(f"features.{number}.0", (first, 1, 3, 3))
            made.norm(f"features.{number}.2", first)
            if number:
                made.conv(f"features.{number}.4", (n_out, n_in, 1, 1))
                made.norm(f"features.{number}.5", n_out)
        else:
            kernel, n_layers = (5, 1) if name == "cnn6" else (3, 2)
            for layer in range(1, n_layers + 1):
                made.conv(f"conv_block{number + 1}.conv{layer}", (n_out, n_in if layer == 1 else n_out, kernel, kernel))
                made.norm(f"conv_block{number + 1}.bn{layer}", n_out)
        n_in = n_out
    made.dense("fc1", n_in, n_in)
    made.dense("fc_audioset", N_CLASSES, n_in)
    return made.tensors


def _rounded(n_channels: float) -> int:
    """Return the nearest multiple of 8 that is at least 0.9 times as much (Howard et al., 2017: MobileNets)."""
    nearest = max(8, int(n_channels + 4) // 8 * 8)
    return nearest + 8 * (nearest < 0.9 * n_channels)


class _Maker:
    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.tensors: Tensors = {}

    def conv(self, name: str, shape: tuple[int, int, int, int], gain: float = 2) -> None:
        spread = np.float32(np.sqrt(gain / np.prod(shape[1:])))
        self.tensors[f"{name}.weight"] = spread * self._rng.standard_normal(shape, dtype=np.float32)

    def norm(self, name: str, n_channels: int) -> None:
        values = self._rng.random((4, n_channels), dtype=np.float32)
        for part, row, low in zip(
            ("weight", "bias", "running_mean", "running_var"), values, (0.5, -0.5, -0.5, 0.5), strict=True
        ):
            self.tensors[f"{name}.{part}"] = row + np.float32(low)

    def conv_norm(self, prefix: str, shape: tuple[int, int, int, int], gain: float = 2) -> None:
        self.conv(f"{prefix}.0", shape, gain)
        self.norm(f"{prefix}.1", shape[0])

    def dense(self, name: str, n_out: int, n_in: int) -> None:
        spread = np.float32(1 / np.sqrt(n_in))
        self.tensors[f"{name}.weight"] = spread * self._rng.standard_normal((n_out, n_in), dtype=np.float32)
        self.tensors[f"{name}.bias"] = spread * self._rng.standard_normal(n_out, dtype=np.float32)
