"""The deep designs: pictures of middle and side under a fine-tuned tagger, and heads on frozen taggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.distortion.designs import bodies
from earmark.distortion.designs.network import MultiTaskNetwork
from earmark.distortion.designs.options import EmbeddingOptions, MidSideNetworkOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from earmark.distortion.designs.network import Spread

LEAST_SPREAD = 0.1  # of the mean spread: columns that hardly move are not blown up beyond it


class MidSideNetwork(MultiTaskNetwork):
    """EfficientAT mn04 (one of the PANN family), fine-tuned on pictures of middle and side to 22 kHz."""

    options: MidSideNetworkOptions

    def __init__(self, options: MidSideNetworkOptions | None = None) -> None:
        super().__init__("midside", "midside", options or MidSideNetworkOptions())

    def _spread(self, features: NDArray[np.float32]) -> Spread:
        told, levels_db = features[..., -1:].astype(np.float64), features[..., :-1]
        n_told = np.maximum(told.sum(axis=(0, 3)) * levels_db.shape[3], 1)
        mean = (levels_db * told).sum(axis=(0, 3)) / n_told
        spread = np.sqrt((np.square(levels_db - mean[..., np.newaxis]) * told).sum(axis=(0, 3)) / n_told)
        return mean.astype(np.float32), _at_least(spread)

    def _untrained(self, mean: NDArray[np.float32], spread: NDArray[np.float32], seed: int) -> tuple[nn.Module, int]:
        if not self.options.pretrained:
            return bodies.picture_body(_random_tensors(seed), mean, spread)
        from earmark.encoders.torch_file import read_state_dict
        from earmark.encoders.weights import weights_path

        return bodies.picture_body(read_state_dict(weights_path("mn04")), mean, spread)

    def _blank(self) -> tuple[nn.Module, int]:
        flat = np.ones(self._shape[:2], dtype=np.float32)
        return bodies.picture_body(_random_tensors(0), flat, flat)

    def _change(
        self, features: NDArray[np.float32], targets: NDArray[np.float32], options: Any, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return pictures begun elsewhere in time, and a part of each."""
        n_frames = features.shape[3] - 1
        furthest, n_kept = int(options.shift * n_frames), max(1, round(options.crop * n_frames))
        shifts = rng.integers(-furthest, furthest, len(features), endpoint=True)
        changed = np.empty((*features.shape[:3], n_kept + 1), dtype=np.float32)
        for row, shift in enumerate(shifts):
            changed[row, ..., :n_kept] = np.roll(features[row, ..., :n_frames], shift, axis=2)[..., :n_kept]
        changed[..., n_kept] = features[..., n_frames]
        return changed, targets


class EmbeddingNetwork(MultiTaskNetwork):
    """A head on frozen embeddings, such as those of `mn04_midside`."""

    options: EmbeddingOptions

    def __init__(self, frontend: str = "mn04_midside", options: EmbeddingOptions | None = None) -> None:
        super().__init__(frontend, frontend, options or EmbeddingOptions())

    def _spread(self, features: NDArray[np.float32]) -> Spread:
        mean = features.mean(axis=0, dtype=np.float64)
        return mean.astype(np.float32), _at_least(features.std(axis=0, dtype=np.float64))

    def _untrained(self, mean: NDArray[np.float32], spread: NDArray[np.float32], seed: int) -> tuple[nn.Module, int]:  # noqa: ARG002
        return bodies.vector_body(mean, spread, dropout=self.options.dropout)

    def _blank(self) -> tuple[nn.Module, int]:
        flat = np.ones(self._shape, dtype=np.float32)
        return bodies.vector_body(flat, flat, dropout=self.options.dropout)

    def _change(
        self,
        features: NDArray[np.float32],
        targets: NDArray[np.float32],
        options: Any,  # noqa: ARG002
        rng: np.random.Generator,  # noqa: ARG002
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return features, targets


def _at_least(spread: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.maximum(spread, max(LEAST_SPREAD * spread.mean(), 1e-6)).astype(np.float32)


def _random_tensors(seed: int) -> dict[str, NDArray[np.float32]]:
    from earmark.encoders.random_weights import efficientat_weights

    return efficientat_weights(np.random.default_rng(seed), width=0.4)
