"""Points of the curves that reports draw: ROC, precision-recall and reliability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError
from earmark.evaluation.checks import check_probabilities, check_targets
from earmark.evaluation.columns import N_BINS, Binning, bin_edges, bin_sums
from earmark.evaluation.metrics import check_scored, per_class, top_label_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.data.dataset import Task


@dataclass(frozen=True)
class Curve:
    """Points of one curve: `x`, `y` and the threshold at each, float64 (n_points,), and the area below them."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    area: float


@dataclass(frozen=True)
class Reliability:
    """How often decisions of each confidence are right; bins without clips are left out.

    Attributes:
        confidence: Mean probability in each bin, float64 (n_bins,).
        frequency: Share of hits in each bin, float64 (n_bins,).
        counts: Clips in each bin, int64 (n_bins,).
        edges: Lower and upper edge of each bin, float64 (n_bins, 2).
    """

    confidence: NDArray[np.float64]
    frequency: NDArray[np.float64]
    counts: NDArray[np.int64]
    edges: NDArray[np.float64]

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of frequency and confidence, weighted by clips."""
        return float((abs(self.frequency - self.confidence) * self.counts).sum() / self.counts.sum())


def _column(target: NDArray[Any], score: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    wanted = check_targets(np.asarray(target)[:, None], task="many")
    given = check_probabilities(np.asarray(score)[:, None], wanted, task="many")
    return wanted[:, 0], given[:, 0]


def _cumulated(target: NDArray[np.float64], score: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return hits, false alarms and the score at each distinct score, highest first."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    hits = np.cumsum(target[order])[last]
    return hits, last + 1 - hits, score[order][last]


def roc_curve(target: NDArray[Any], score: NDArray[Any]) -> Curve | None:
    """Return false positive rate (x) against true positive rate (y), or None if one side has no clips.

    Args:
        target: (n_clips,) of 0 and 1: one column of targets.
        score: (n_clips,) in [0, 1]: the same column of probabilities.

    Points on a straight line between their neighbours are left out. The first threshold is infinite: nothing decided.

    Raises:
        DataError: The target is empty or not 0 or 1.
        ModelError: The score has another shape, is NaN or outside [0, 1].
    """
    wanted, given = _column(target, score)
    if wanted.min() == wanted.max():
        return None
    hits, alarms, at = _cumulated(wanted, given)
    alarms, hits, at = np.r_[0, alarms], np.r_[0, hits], np.r_[np.inf, at]
    right, up = np.diff(alarms), np.diff(hits)
    kept = np.flatnonzero(np.r_[True, right[1:] * up[:-1] != right[:-1] * up[1:], True])
    x, y = alarms[kept] / alarms[-1], hits[kept] / hits[-1]
    return Curve(x, y, at[kept], float(np.trapezoid(y, x)))


def precision_recall_curve(target: NDArray[Any], score: NDArray[Any]) -> Curve | None:
    """Return recall (x) against precision (y), or None if no clip has the label; `area` is average precision.

    Args:
        target: (n_clips,) of 0 and 1: one column of targets.
        score: (n_clips,) in [0, 1]: the same column of probabilities.

    Raises:
        DataError: The target is empty or not 0 or 1.
        ModelError: The score has another shape, is NaN or outside [0, 1].
    """
    wanted, given = _column(target, score)
    if wanted.max() == 0:
        return None
    hits, alarms, at = _cumulated(wanted, given)
    recall = hits / hits[-1]
    precision = hits / (hits + alarms)
    area = float((np.diff(recall, prepend=0) * precision).sum())
    return Curve(np.r_[0, recall], np.r_[precision[0], precision], np.r_[np.inf, at], area)


def macro_roc_curve(targets: NDArray[Any], probabilities: NDArray[Any], *, task: Task) -> Curve | None:
    """Return the mean ROC curve of all classes that have clips on both sides, None if there is none.

    `area` is the mean of their areas; `thresholds` is empty, for each class has its own.

    Raises:
        DataError: The targets break the conventions.
        ModelError: The probabilities do.
    """
    areas = [area for area in per_class("roc_auc", targets, probabilities, task=task) if area is not None]
    found = [roc_curve(targets[:, column], probabilities[:, column]) for column in range(targets.shape[1])]
    defined = [curve for curve in found if curve is not None]
    if not defined:
        return None
    x = np.unique(np.concatenate([curve.x for curve in defined]))
    y = np.mean([_both_ends(curve, x) for curve in defined], axis=0)  # (n_x, 2)
    return Curve(np.repeat(x, 2), y.ravel(), np.empty(0), float(np.mean(areas)))


def _both_ends(curve: Curve, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate a curve: the lower and the upper end of its vertical step at each x, float64 (n_x, 2)."""
    upper = np.interp(x, curve.x, curve.y)  # of points with equal x, numpy takes the last
    lower = np.interp(-x, -curve.x[::-1], curve.y[::-1])
    return np.stack([lower, upper], axis=1)


def reliability_curve(
    targets: NDArray[Any],
    probabilities: NDArray[Any],
    *,
    task: Task,
    column: int | None = None,
    binning: Binning = "width",
    n_bins: int = N_BINS,
) -> Reliability:
    """Return how often decisions of each confidence are right.

    Args:
        targets: (n_clips, n_classes).
        probabilities: (n_clips, n_classes).
        task: "one" or "many".
        column: The class to look at; None for the decided class (task "one") or all classes pooled (task "many").
        binning: Bins of equal "width" or of equal "mass" (numbers of clips).
        n_bins: Number of bins at most.

    Raises:
        DataError: The targets break the conventions, or there is no such column.
        ModelError: The probabilities break the conventions.
    """
    scored = check_scored(targets, probabilities, task=task)
    if column is not None:
        if not 0 <= column < scored.targets.shape[1]:
            raise DataError(f"column {column}: expected 0 to {scored.targets.shape[1] - 1}, one per class")
        confidence, right = scored.probabilities[:, column], scored.targets[:, column]
    elif task == "one":
        confidence, right = top_label_of(scored)
    else:
        confidence, right = scored.probabilities.ravel(), scored.targets.ravel()
    edges = bin_edges(confidence, binning, n_bins)
    counts, confidences, hits = bin_sums(confidence, right, edges, np.zeros(len(right), dtype=np.int64), 1)[0]
    kept = counts > 0
    both = np.stack([edges[:-1], edges[1:]], axis=1)[kept]
    return Reliability(confidences[kept] / counts[kept], hits[kept] / counts[kept], counts[kept].astype(np.int64), both)
