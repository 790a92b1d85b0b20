"""Metrics that are functions of sums over clips, so that any reweighting of clips costs one matrix product.

Each metric is a pair: what each clip contributes, float64 (n_clips, n_terms), and how the sums of these, float64
(..., n_terms), become the value, float64 (...). A bootstrap resample only weights the sums per group. NaN marks an
undefined value inside this package and never leaves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.data.dataset import Task

SMALLEST = float(np.finfo(np.float32).eps)  # a float32 probability of 0 costs 15.9 nats, as in scikit-learn


@dataclass(frozen=True)
class Scored:
    """Checked arrays of one evaluation, all (n_clips, n_classes); `decided` is True where a label was given."""

    targets: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    decided: NDArray[np.bool_]
    task: Task


def decide(probabilities: NDArray[np.float64], thresholds: NDArray[np.float64], task: Task) -> NDArray[np.bool_]:
    """Return bool (n_clips, n_classes): the argmax in task "one", all at or above their threshold in "many"."""
    if task == "many":
        return probabilities >= thresholds
    decided = np.zeros(probabilities.shape, dtype=np.bool_)
    decided[np.arange(len(decided)), probabilities.argmax(axis=1)] = True
    return decided


def ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quotient, NaN where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    undefined = np.full(numerator.shape, np.nan)
    return np.asarray(np.divide(numerator, denominator, out=undefined, where=denominator > 0))


def mean_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the last axis of what is not NaN, NaN where all is."""
    defined = ~np.isnan(values)
    return ratio(np.sum(values, axis=-1, where=defined), defined.sum(axis=-1).astype(np.float64))


def quotient(sums: NDArray[np.float64], _task: Task) -> NDArray[np.float64]:
    """Finish a mean: the first sum over the second."""
    return ratio(sums[..., 0], sums[..., 1])


def group_sums(terms: NDArray[np.float64], rows: NDArray[np.int64], n_groups: int) -> NDArray[np.float64]:
    """Return the sums of the terms of each group's clips, (n_groups, n_terms)."""
    order = np.argsort(rows, kind="stable")
    sums = np.zeros((n_groups, terms.shape[1]))
    present, starts = np.unique(rows[order], return_index=True)
    sums[present] = np.add.reduceat(terms[order], starts, axis=0)
    return sums


def _mean_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([values, np.ones(len(values))], axis=1)


def right_terms(scored: Scored) -> NDArray[np.float64]:
    """Contribute to accuracy: 1 where every label of the clip is decided rightly."""
    return _mean_of((scored.decided == (scored.targets == 1)).all(axis=1).astype(np.float64))


def log_loss_terms(scored: Scored) -> NDArray[np.float64]:
    """Contribute to log loss in nats: categorical in task "one", the mean of the binary ones in "many"."""
    kept = np.clip(scored.probabilities, SMALLEST, 1 - SMALLEST)
    if scored.task == "one":
        kept = kept / kept.sum(axis=1, keepdims=True)
        return _mean_of(-np.log(kept[scored.targets == 1]))
    return _mean_of(-np.log(np.where(scored.targets == 1, kept, 1 - kept)).mean(axis=1))


def brier_terms(scored: Scored) -> NDArray[np.float64]:
    """Contribute to the Brier score: squared errors, summed over classes in task "one" (0 to 2), else their mean.

    Brier 1950, Verification of forecasts expressed in terms of probability.
    """
    squared = (scored.probabilities - scored.targets) ** 2
    return _mean_of(squared.sum(axis=1) if scored.task == "one" else squared.mean(axis=1))


def count_terms(scored: Scored) -> NDArray[np.float64]:
    """Contribute to true positives, false positives, false negatives, true negatives: (n_clips, 4 * n_classes)."""
    wanted = scored.targets == 1
    decided = scored.decided
    return np.hstack([wanted & decided, ~wanted & decided, wanted & ~decided, ~wanted & ~decided]).astype(np.float64)


def counts_of(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return true positives, false positives, false negatives and true negatives, each (..., n_classes)."""
    n_classes = sums.shape[-1] // 4
    return tuple(sums[..., part * n_classes : (part + 1) * n_classes] for part in range(4))


def precision_per_class(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., n_classes), NaN for a class that was never decided."""
    hit, false, _, _ = counts_of(sums)
    return ratio(hit, hit + false)


def recall_per_class(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., n_classes), NaN for a class without clips."""
    hit, _, missed, _ = counts_of(sums)
    return ratio(hit, hit + missed)


def f1_per_class(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., n_classes), NaN for a class that neither has clips nor was decided."""
    hit, false, missed, _ = counts_of(sums)
    return ratio(2 * hit, 2 * hit + false + missed)


def precision_macro(sums: NDArray[np.float64], _task: Task) -> NDArray[np.float64]:
    """Return the mean precision; a class that has clips but was never decided counts as 0, as in scikit-learn."""
    precision = precision_per_class(sums)
    never = np.isnan(precision) & ~np.isnan(recall_per_class(sums))
    return mean_defined(np.where(never, 0.0, precision))


def recall_macro(sums: NDArray[np.float64], _task: Task) -> NDArray[np.float64]:
    """Return the mean recall of the classes that have clips."""
    return mean_defined(recall_per_class(sums))


def f1_macro(sums: NDArray[np.float64], _task: Task) -> NDArray[np.float64]:
    """Return the mean F1 of the classes that have clips or were decided."""
    return mean_defined(f1_per_class(sums))


def f1_micro(sums: NDArray[np.float64], _task: Task) -> NDArray[np.float64]:
    """Return F1 of all decisions pooled; equal to accuracy in task "one"."""
    hit, false, missed, _ = (count.sum(axis=-1) for count in counts_of(sums))
    return ratio(2 * hit, 2 * hit + false + missed)


def balanced_accuracy(sums: NDArray[np.float64], task: Task) -> NDArray[np.float64]:
    """Return the mean recall in task "one"; in "many" the mean over classes of (recall + specificity) / 2."""
    if task == "one":
        return recall_macro(sums, task)
    _, false, _, rejected = counts_of(sums)
    return mean_defined((recall_per_class(sums) + ratio(rejected, rejected + false)) / 2)
