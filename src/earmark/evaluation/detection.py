"""How well one target is told from everything else, fold by fold: intervals and paired tests of ROC-AUC.

A cell is one target in one fold: its test clips, which have the target or not, and their groups. Scores of different
folds come from different models and are never pooled: an area is computed within a cell, and cells are averaged, first
over the folds of a target, then over targets. Targets are fixed, not sampled: nothing is said about other targets.

Intervals (`area_interval`) count folds, because both the training clips and the test groups differ from fold to fold:
jackknife over folds with Student's t on the logit scale, but never shorter than the normal interval of a rate measured
on `n_independent` clips, twice the smaller number of groups with and without the target (the variance of Hanley &
McNeil 1982 for as many of either is about that of a rate). Without that floor five folds that happen to agree, such as
in five perfect areas, would pass for certainty. Simulated coverage of nominal 95 %, worlds with few positive groups, as
printed by `python tests/evaluation/test_detection.py`:

    folds  positive groups each   over folds, floor   jackknife over groups
      3            7                0.986 - 0.998        0.361 - 0.980
      5            2                0.964 - 0.994        0.091 - 0.992
      5            7                0.959 - 0.996        0.558 - 0.983
     10            7                0.965 - 0.998        0.773 - 0.990

The jackknife over groups knows nothing of the choice of training clips, and of perfect areas nothing at all. It serves
where there is a single fold, with the same floor.

Paired tests swap the outputs of two models for whole groups, as `compare` does, but swap the ranks that the clips have
within their cell (Bandos, Rockette & Gur 2005): scores of different models are on different scales. The difference
of areas is then linear in the swaps, so that a test costs one product of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError
from earmark.evaluation.intervals import CLIPS_WHERE_UNKNOWN, Interval, student_limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.evaluation.metrics import Scale

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cell:
    """One target in one fold.

    Attributes:
        positive: Whether each test clip has the target, bool (n_clips,).
        groups: The number of each clip's group, int64 (n_clips,); numbers are shared by all cells.

    Raises:
        DataError: There is not one group per clip.
    """

    positive: NDArray[np.bool_]
    groups: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.positive.ndim != 1 or self.positive.shape != self.groups.shape:
            raise DataError(
                f"cell: {self.positive.shape} clips and {self.groups.shape} groups, expected (n_clips,) each"
            )

    @property
    def n_independent(self) -> int:
        """Twice the smaller number of groups with and without the target; 0 where the area is undefined."""
        sides = (self.groups[self.positive], self.groups[~self.positive])
        return 2 * min(len(np.unique(side)) for side in sides)


@dataclass(frozen=True, eq=False)
class Area:
    """The area of one model in a cell, and what it would be without each group.

    Attributes:
        value: ROC-AUC, ties counting half.
        groups: Numbers of the groups of the cell, int64 (n_groups,).
        left_out: float64 (n_groups,), NaN where no clip would be left on one side.
    """

    value: float
    groups: NDArray[np.int64]
    left_out: Floats


def area_of(cell: Cell, scores: NDArray[Any]) -> Area | None:
    """Return the area of scores (n_clips,), None where the cell has no clip on one side.

    Raises:
        DataError: There is not one finite score per clip.
    """
    values = _checked(cell, scores)
    if cell.n_independent == 0:
        return None
    names, rows = np.unique(cell.groups, return_inverse=True)
    n_groups = len(names)
    above, below = _placements(values[cell.positive], values[~cell.positive])
    positive_rows, negative_rows = rows[cell.positive], rows[~cell.positive]
    lost = np.bincount(positive_rows, above, n_groups) + np.bincount(negative_rows, below, n_groups)
    for group in np.intersect1d(positive_rows, negative_rows):  # pairs within a group were taken away twice
        mine = rows == group
        lost[group] -= _placements(values[mine & cell.positive], values[mine & ~cell.positive])[0].sum()
    n_positive = cell.positive.sum() - np.bincount(positive_rows, minlength=n_groups)
    n_negative = (~cell.positive).sum() - np.bincount(negative_rows, minlength=n_groups)
    n_pairs = (n_positive * n_negative).astype(np.float64)
    left_out = np.divide(above.sum() - lost, n_pairs, out=np.full(n_groups, np.nan), where=n_pairs > 0)
    return Area(float(above.sum() / (len(above) * len(below))), names.astype(np.int64), left_out)


def ranks(cell: Cell, scores: NDArray[Any]) -> Floats:
    """Return the mean rank of each clip in its cell, from 0 to 1, float64 (n_clips,); ties share theirs."""
    from scipy.stats import rankdata

    values = _checked(cell, scores)
    return np.asarray(rankdata(values) - 0.5) / len(values)


def swap_contributions(cell: Cell, ranks_a: Floats, ranks_b: Floats, n_groups: int) -> Floats:
    """Return what each group adds to area A - area B; a group whose outputs are swapped adds the opposite.

    Args:
        cell: One with clips on both sides.
        ranks_a: (n_clips,) of model A, see `ranks`.
        ranks_b: (n_clips,) of model B.
        n_groups: Groups of all cells.

    Returns:
        float64 (n_groups,), 0 for groups that are not in the cell. With signs s, the difference of areas after
        swapping the groups of s = -1 is s @ contributions.
    """
    yes, no = cell.positive, ~cell.positive
    (aa, aa_), (ab, ab_) = _placements(ranks_a[yes], ranks_a[no]), _placements(ranks_a[yes], ranks_b[no])
    (ba, ba_), (bb, bb_) = _placements(ranks_b[yes], ranks_a[no]), _placements(ranks_b[yes], ranks_b[no])
    of_positives, of_negatives = aa + ab - ba - bb, aa_ - ab_ + ba_ - bb_
    total = np.bincount(cell.groups[yes], of_positives, n_groups) + np.bincount(cell.groups[no], of_negatives, n_groups)
    return np.asarray(total / (2 * yes.sum() * no.sum()))


def area_interval(
    values: NDArray[Any], *, n_independent: int, level: float = 0.95, scale: Scale = "rate"
) -> Interval | None:
    """Return the mean over targets and its interval over folds, None where a single fold has values.

    Args:
        values: (n_targets, n_folds), NaN where undefined; seeds averaged.
        n_independent: Of all cells together.
        level: Probability that the interval should cover the truth for these targets.
        scale: "loss" for values of at least 0.

    Raises:
        DataError: A target has no value at all.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.size == 0 or np.isnan(table).all(axis=1).any():
        raise DataError(f"values: shape {table.shape}, expected (n_targets, n_folds) with a value for every target")
    estimate = float(np.nanmean(table, axis=1).mean())
    defined = np.flatnonzero(~np.isnan(table).all(axis=0))
    if len(defined) < 2:
        return None
    left_out = np.array([_mean_without(table, int(fold)) for fold in defined])
    low, high = _limits(estimate, left_out, n_independent, level=level, scale=scale)
    return Interval(estimate, low, high, len(defined), "Student t over folds", level)


def group_interval(estimate: float, left_out: Floats, *, n_independent: int, level: float = 0.95) -> Interval:
    """Return the interval of an area over its groups: for a single fold, whose training clips are taken as given.

    Args:
        estimate: The area, or the mean of several.
        left_out: (n_groups,) the same without each group; NaN where that is undefined.
        n_independent: Of all cells together.
        level: Probability that the interval should cover the truth.

    Raises:
        DataError: There are fewer than 2 groups.
    """
    known = left_out[~np.isnan(left_out)]
    if len(known) < 2:
        raise DataError(f"area: {len(known)} groups, expected at least 2; test on more recordings of the target")
    low, high = _limits(estimate, known, n_independent, level=level, scale="rate")
    return Interval(estimate, low, high, len(known), "jackknife over groups, Student t", level)


def _limits(
    estimate: float, left_out: Floats, n_independent: int, *, level: float, scale: Scale
) -> tuple[float, float]:
    if scale != "rate":
        return student_limits(estimate, left_out, level=level, scale=scale, n_clips=None)
    from scipy.special import expit, logit, ndtri

    n_clips = min(max(n_independent, 1), CLIPS_WHERE_UNKNOWN)
    nearest = 0.5 / n_clips
    kept = float(np.clip(estimate, nearest, 1 - nearest))
    inside = np.clip(left_out, nearest, 1 - nearest)
    low, high = student_limits(kept, inside, level=level, scale="rate", n_clips=None)
    least = float(ndtri((1 + level) / 2)) / np.sqrt(max(n_independent, 1) * kept * (1 - kept))
    low, high = min(low, float(expit(logit(kept) - least))), max(high, float(expit(logit(kept) + least)))
    return min(low, estimate), max(high, estimate)


def _mean_without(table: Floats, fold: int) -> float:
    kept = np.delete(table, fold, axis=1)
    kept = kept[~np.isnan(kept).all(axis=1)]  # a target of this fold alone drops out with it
    return float(np.nanmean(kept, axis=1).mean()) if kept.size else float(np.nanmean(table))


def _placements(positives: Floats, negatives: Floats) -> tuple[Floats, Floats]:
    """Return how many negatives lie below each positive, and how many positives above each negative (DeLong 1988)."""
    sorted_negatives, sorted_positives = np.sort(negatives), np.sort(positives)
    above = np.searchsorted(sorted_negatives, positives, "left") + np.searchsorted(sorted_negatives, positives, "right")
    under = np.searchsorted(sorted_positives, negatives, "left") + np.searchsorted(sorted_positives, negatives, "right")
    return above / 2, len(positives) - under / 2


def _checked(cell: Cell, scores: NDArray[Any]) -> Floats:
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != cell.positive.shape or not np.isfinite(values).all():
        raise DataError(f"scores: shape {values.shape}, expected {cell.positive.shape}, one finite score per test clip")
    return values
