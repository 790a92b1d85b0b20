"""Metrics that look at one class at a time: areas under curves and calibration errors, for any weights of groups.

Each maker takes the column of a class once (sorting, binning) and returns a function of group weights, float64
(n_resamples, n_groups) -> (n_resamples,), NaN where the value is undefined for these weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from earmark.evaluation.sums import ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"
OfWeights = Callable[["Floats"], "Floats"]
Binning = Literal["width", "mass"]

N_BINS = 15  # Guo et al. 2017, On Calibration of Modern Neural Networks, section 4
MAX_ELEMENTS = 2_000_000  # floats per temporary array: 16 MB


def in_slices(of_weights: OfWeights, weights: Floats, n_elements: int) -> Floats:
    """Return `of_weights(weights)` computed in slices of rows that hold `n_elements` each."""
    step = max(1, MAX_ELEMENTS // max(1, n_elements))
    return np.concatenate([of_weights(weights[start : start + step]) for start in range(0, len(weights), step)])


class _Ranked:
    """The clips of one class by falling score, and where the ties of each positive clip begin and end."""

    def __init__(self, target: Floats, score: Floats, rows: NDArray[np.int64]) -> None:
        order = np.argsort(-score, kind="stable")
        falling = -score[order]
        self.groups = rows[order]
        self.positives = np.flatnonzero(target[order])
        self.starts = np.searchsorted(falling, falling[self.positives], side="left")
        self.ends = np.searchsorted(falling, falling[self.positives], side="right")
        self.positive_starts = np.searchsorted(self.positives, self.starts)
        self.positive_ends = np.searchsorted(self.positives, self.ends)

    def cumulated(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """Return positive weights, and the weights above each place: of positives and of all clips."""
        clips = weights[:, self.groups]  # (n_resamples, n_clips)
        positives = clips[:, self.positives]
        return positives, _above(positives), _above(clips)


def _above(weights: Floats) -> Floats:
    """Return the sums of all columns before each, with the total at the end: one column more."""
    above = np.zeros((weights.shape[0], weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=above[:, 1:])
    return above


def roc_auc_of(target: Floats, score: Floats, rows: NDArray[np.int64]) -> OfWeights:
    """Return weights -> area under the ROC curve, ties counting half (Hanley & McNeil 1982)."""
    ranked = _Ranked(target, score, rows)

    def area(weights: Floats) -> Floats:
        positives, hits, decided = ranked.cumulated(weights)
        better = decided[:, ranked.starts] - hits[:, ranked.positive_starts]  # negatives that score higher
        no_worse = decided[:, ranked.ends] - hits[:, ranked.positive_ends]
        n_positive, n_negative = hits[:, -1], decided[:, -1] - hits[:, -1]
        lost = (positives * (better + no_worse)).sum(axis=1) / 2
        return ratio(n_positive * n_negative - lost, n_positive * n_negative)

    return lambda weights: in_slices(area, weights, len(target))


def average_precision_of(target: Floats, score: Floats, rows: NDArray[np.int64]) -> OfWeights:
    """Return weights -> average precision: precision at each score, weighted by the recall gained there."""
    ranked = _Ranked(target, score, rows)

    def area(weights: Floats) -> Floats:
        positives, hits, decided = ranked.cumulated(weights)
        found, tried = hits[:, ranked.positive_ends], decided[:, ranked.ends]
        precision = np.divide(found, tried, out=np.zeros_like(found), where=tried > 0)
        return ratio((positives * precision).sum(axis=1), hits[:, -1])

    return lambda weights: in_slices(area, weights, len(target))


def bin_edges(confidence: Floats, binning: Binning, n_bins: int = N_BINS) -> Floats:
    """Return the edges of bins, float64 (n_bins + 1,) from 0 to 1: of equal width, or of equal numbers of clips.

    Equal mass: Nguyen & O'Connor 2015; where many confidences are equal, bins merge and fewer edges come back.
    """
    if binning == "width":
        return np.linspace(0, 1, n_bins + 1)
    inner = np.quantile(confidence, np.arange(1, n_bins) / n_bins, method="inverted_cdf")
    return np.unique(np.r_[0.0, inner, 1.0])


def bin_numbers(confidence: Floats, edges: Floats) -> NDArray[np.int64]:
    """Return the bin of each confidence, int64 (n_clips,); bins are closed on the right, the first on both sides."""
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2).astype(np.int64)


def bin_sums(confidence: Floats, right: Floats, edges: Floats, rows: NDArray[np.int64], n_groups: int) -> Floats:
    """Return the number of clips, the sum of confidences and of hits, float64 (n_groups, 3, n_bins)."""
    n_bins = len(edges) - 1
    cells = rows * n_bins + bin_numbers(confidence, edges)
    parts = [np.bincount(cells, weights=part, minlength=n_groups * n_bins) for part in (None, confidence, right)]
    return np.stack([part.reshape(n_groups, n_bins) for part in parts], axis=1).astype(np.float64)


def calibration_error_of(right: Floats, confidence: Floats, rows: NDArray[np.int64]) -> OfWeights:
    """Return weights -> expected calibration error over 15 bins of equal width.

    Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning; Guo et al. 2017, equation 3.
    """
    edges = bin_edges(confidence, "width")

    def error(weights: Floats) -> Floats:
        sums = bin_sums(confidence, right, edges, rows, weights.shape[1])
        totals = np.tensordot(weights, sums, axes=1)  # (n_resamples, 3, n_bins)
        return ratio(abs(totals[:, 1] - totals[:, 2]).sum(axis=1), totals[:, 0].sum(axis=1))

    return error
