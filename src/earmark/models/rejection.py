"""Refusing what is none of the labels: the probability that a sound is any of them at all.

A classifier must give every sound one of its labels. Whether the sound is like any of them is told by a second one: the
same recipe with one more class, "none of them", learned from other sounds (outlier exposure: Hendrycks et al., 2019,
arXiv:1812.04606). Its best label's margin over that class, on a logistic scale, is the probability told here. On spoken
digits of unseen speakers it lets through a fifth of the other words that the classifier's own entropy or energy do
(`python -m benchmarks.digits_refusal`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.models.calibrate import SMALLEST_PROBABILITY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.models.base import ScoreKind


@dataclass(frozen=True)
class Rejection:
    """Turns scores of the labels and of "none of them" into the probability that a sound is one of the labels.

    Attributes:
        score_kind: The scale of the scores.
        scale: Factor of the margin.
        offset: Added after the factor.
        threshold: Probability below which a sound is refused.
    """

    score_kind: ScoreKind
    scale: float
    offset: float
    threshold: float

    def __call__(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities float32 (n,) for scores (n, n_classes + 1), whose last column is "none of them"."""
        logits = np.clip(self.scale * known_margins(scores, self.score_kind) + self.offset, -60, 60)
        return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)


def known_margins(scores: NDArray[np.float32], kind: ScoreKind) -> NDArray[np.float64]:
    """Return how far the best label stands over "none of them", the last of n_classes + 1 columns: float64 (n,)."""
    values = scores.astype(np.float64)
    if kind == "probability":
        values = np.log(np.clip(values, SMALLEST_PROBABILITY, 1.0))
    return np.asarray(values[:, :-1].max(axis=1) - values[:, -1])
