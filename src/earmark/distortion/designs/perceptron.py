"""Perceptrons on the measures: several side by side, which see each measure by its rank among those of training.

Ranks make measures of any unit and tail alike, and far values harmless (as the quantile transform that Gorishniy et
al., NeurIPS 2021, put before networks on tables). A measure that cannot be told is the middle rank, beside its mask.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.distortion.designs.graph import halved
from earmark.distortion.designs.modules import vector_modules
from earmark.distortion.designs.network import MultiTaskNetwork
from earmark.distortion.designs.options import PerceptronOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from earmark.distortion.designs.network import Spread

# Of the range between the outer quantiles: values that are equal in training become a step that is not steeper.
LEAST_STEP = 1e-3


class MeasuresPerceptron(MultiTaskNetwork):
    """Perceptrons on values and masks of the measures, trained side by side; their mean logit is the answer."""

    options: PerceptronOptions
    half = True
    spread_rows = 20_000

    def __init__(self, options: PerceptronOptions | None = None) -> None:
        super().__init__("perceptron", "measures", options or PerceptronOptions())

    def to_onnx(self) -> bytes:
        """Return the graph: `features` (n_clips, 2 * n_measures) to `scores` and `severity` (n_clips, n_kinds).

        Raises:
            ModelError: It was not fitted.
            MissingExtraError: onnxscript is not installed.
        """
        return halved(super().to_onnx())

    def _spread(self, features: NDArray[np.float32]) -> Spread:
        """Return the quantiles of each measure (n_measures, n_knots), and one of each kind of masks (n_masks,)."""
        values, mask = np.split(features, 2, axis=1)
        told, shares = mask > 0.5, _shares(self.options.n_knots)
        knots = np.zeros((values.shape[1], len(shares)), dtype=np.float32)
        for column in np.flatnonzero(told.any(axis=0)):
            knots[column] = np.quantile(values[told[:, column], column], shares)
        _, kept = np.unique(told, axis=1, return_index=True)
        varied = [column for column in np.sort(kept) if not told[:, column].all()]
        return knots, np.array(varied, dtype=np.int64)

    def _untrained(self, mean: NDArray[Any], spread: NDArray[Any], seed: int) -> tuple[nn.Module, int]:  # noqa: ARG002
        import torch
        from scipy.special import ndtri

        knots, masks = mean, spread
        least = np.maximum(LEAST_STEP * (knots[:, -1:] - knots[:, :1]), 1e-6)
        heights = ndtri(_shares(self.options.n_knots)).astype(np.float32)
        parts = knots[:, :-1], np.maximum(np.diff(knots, axis=1), least), heights, masks
        return vector_modules().ranked(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts)), (
            len(knots) + len(masks)
        )

    def _blank(self) -> tuple[nn.Module, int]:
        knots = np.zeros((self._shape[0] // 2, self.options.n_knots), dtype=np.float32)
        return self._untrained(knots, (self._weights or {})["body.masks"], 0)

    def _headed(self, body: nn.Module, dim: int) -> nn.Module:
        sizes = (dim, *self.options.hidden, 2 * self._n_kinds)
        modules, n_members = vector_modules(), self.options.n_members
        layers = [modules.beside(n_members, *pair) for pair in itertools.pairwise(sizes)]
        network: nn.Module = modules.members(body, layers, n_members, self.options.dropout)
        return network

    def _change(
        self,
        features: NDArray[np.float32],
        targets: NDArray[np.float32],
        options: Any,  # noqa: ARG002
        rng: np.random.Generator,  # noqa: ARG002
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return features, targets


def _shares(n_knots: int) -> NDArray[np.float64]:
    """Return the shares of the rows that lie below each knot."""
    return (np.arange(n_knots) + 0.5) / n_knots
