"""Confidence intervals that respect groups: clips of one speaker, site or recording err together.

Two methods, both on whole groups:

- the cluster bootstrap: resample groups with replacement, take percentiles (Davison & Hinkley 1997, section 3.8;
  Field & Welsh 2007, Bootstrapping clustered data);
- the jackknife over groups with Student's t on n_groups - 1 degrees of freedom (Tukey 1958; with few clusters:
  MacKinnon, Nielsen & Webb 2023), on the logit scale for rates and the log scale for losses, so that it stays in range.

Percentile intervals are too narrow with few groups. Simulated coverage of nominal 95 % intervals of accuracy, lowest
and highest of six worlds (speakers' own accuracies beta-distributed around 0.6, 0.9 or 0.975; equal or unequal
numbers of clips), 1,000 trials each, as printed by `python tests/evaluation/test_coverage.py`:

    groups   jackknife, Student t   bootstrap, percentile
       3        0.966 - 0.994          0.665 - 0.752
       6        0.922 - 0.980          0.820 - 0.867
      12        0.924 - 0.946          0.854 - 0.913
      35        0.925 - 0.963          0.911 - 0.949
     100        0.935 - 0.949          0.917 - 0.939
     200        0.946 - 0.955          0.932 - 0.946
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError
from earmark.evaluation.checks import Groups, check_groups, check_level
from earmark.evaluation.metrics import Metric, Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.evaluation.columns import OfWeights

MANY_GROUPS = 100  # from here on percentiles are about as good, and assume less
MAX_WEIGHTS = 4_000_000  # group weights held at once: 32 MB
CLIPS_WHERE_UNKNOWN = 1000  # how near to 0 and 1 the logit scale reaches when the number of clips is not given

AnyMetric = Metric | Callable[["NDArray[Any]", "NDArray[Any]"], float | None]


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence limits; `n_groups` is the number of independent units behind it."""

    estimate: float
    low: float
    high: float
    n_groups: int
    method: str
    level: float = 0.95

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able dict."""
        return asdict(self)


def bootstrap_interval(
    metric: AnyMetric,
    targets: NDArray[Any],
    probabilities: NDArray[Any],
    groups: NDArray[Any],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
) -> Interval:
    """Return the interval of a metric over groups, by the method that covers best for their number.

    Below `MANY_GROUPS` groups, or where no resample differs, that is the jackknife with Student's t; else percentiles
    of the cluster bootstrap. Metrics from the table are computed for all resamples at once, other functions one by one.

    Args:
        metric: A `Metric`, or any function of targets and probabilities that returns a float, or None if undefined.
        targets: (n_clips, n_classes) of 0 and 1.
        probabilities: (n_clips, n_classes) in [0, 1].
        groups: (n_clips,) names; where clips are independent, give each its own.
        rng: Draws the resamples.
        level: Probability that the interval should cover the truth.
        n_resamples: Number of bootstrap resamples.

    Raises:
        DataError: Arrays break the conventions, there are fewer than 2 groups, or the metric is undefined without one.
        ModelError: The probabilities break the conventions.
    """
    many = check_groups(groups, len(targets))
    if many.n >= MANY_GROUPS:
        interval = percentile_interval(
            metric, targets, probabilities, groups, rng, level=level, n_resamples=n_resamples
        )
        if interval.low < interval.high:
            return interval
    return jackknife_interval(metric, targets, probabilities, groups, level=level)


def percentile_interval(
    metric: AnyMetric,
    targets: NDArray[Any],
    probabilities: NDArray[Any],
    groups: NDArray[Any],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
) -> Interval:
    """Return percentiles of the cluster bootstrap, whatever the number of groups: too narrow for few.

    Resamples in which the metric is undefined (a class drawn nowhere) are left out.

    Raises:
        DataError: Arrays break the conventions, there are fewer than 2 groups, or most resamples are undefined.
        ModelError: The probabilities break the conventions.
    """
    check_level(level)
    many = check_groups(groups, len(targets))
    of_weights = values_of_weights(metric, targets, probabilities, many)
    estimate = _defined_estimate(metric, of_weights, many)
    values = np.concatenate([of_weights(weights) for weights in resampled_weights(many.n, n_resamples, rng)])
    low, high = percentiles(values, level)
    return Interval(estimate, min(low, estimate), max(high, estimate), many.n, "cluster bootstrap, percentile", level)


def jackknife_interval(
    metric: AnyMetric,
    targets: NDArray[Any],
    probabilities: NDArray[Any],
    groups: NDArray[Any],
    *,
    level: float = 0.95,
) -> Interval:
    """Return Student's t interval over the estimates that leave one group out each.

    Raises:
        DataError: Arrays break the conventions, there are fewer than 2 groups, or the metric is undefined without one.
        ModelError: The probabilities break the conventions.
    """
    many = check_groups(groups, len(targets))
    of_weights = values_of_weights(metric, targets, probabilities, many)
    estimate = _defined_estimate(metric, of_weights, many)
    left_out = np.concatenate([of_weights(weights) for weights in leave_one_out_weights(many.n)])
    if np.isnan(left_out).any():
        missing = many.names[int(np.argmax(np.isnan(left_out)))]
        raise DataError(
            f'{name_of(metric)} is undefined without group "{missing}", the only one with clips of some class; '
            "add groups with that class, or report the value without an interval"
        )
    scale: Scale = metric.kind.scale if isinstance(metric, Metric) else "raw"
    low, high = student_limits(estimate, left_out, level=level, scale=scale, n_clips=len(targets))
    return Interval(estimate, low, high, many.n, "jackknife over groups, Student t", level)


def fold_interval(
    values: Sequence[float] | NDArray[Any], *, level: float = 0.95, scale: Scale = "rate", n_clips: int | None = None
) -> Interval:
    """Return Student's t interval of the mean of one value per fold, run or group.

    Args:
        values: (n_folds,) independent estimates. Folds of cross-validation share training clips, which no interval
            over folds can see (Bengio & Grandvalet 2004); their test groups at least must differ.
        level: Probability that the interval should cover the truth.
        scale: "rate" for values in [0, 1], "loss" for values of at least 0, "raw" for any.
        n_clips: Test clips of all folds together; with it, equal values do not give an interval of width 0.

    Raises:
        DataError: There are fewer than 2 values, or one is not finite or out of range.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or len(found) < 2:
        raise DataError(f"values: shape {found.shape}, expected at least 2 folds; one fold has no spread to measure")
    top = 1.0 if scale == "rate" else np.inf
    bottom = -np.inf if scale == "raw" else 0.0
    if not (np.isfinite(found) & (found >= bottom) & (found <= top)).all():
        raise DataError(f'values: {found.tolist()}, expected finite numbers from {bottom:g} to {top:g} ("{scale}")')
    left_out = (found.sum() - found) / (len(found) - 1)
    estimate = float(found.mean())
    low, high = student_limits(estimate, left_out, level=level, scale=scale, n_clips=n_clips)
    return Interval(estimate, low, high, len(found), "Student t over folds", level)


def student_limits(
    estimate: float, left_out: NDArray[np.float64], *, level: float, scale: Scale, n_clips: int | None
) -> tuple[float, float]:
    """Return the limits of the jackknife with Student's t, computed on the scale's own axis.

    Args:
        estimate: From all groups.
        left_out: (n_groups,) estimates, each without one group.
        level: Probability that the interval should cover the truth.
        scale: "rate" works on logits, "loss" on logarithms.
        n_clips: Bounds logits at half an error in n clips. A rate's standard error is never taken below that of
            independent clips, sqrt(p (1 - p) / n), so that a perfect score keeps an interval.
    """
    from scipy.special import expit, logit, stdtrit

    nearest = 0.5 / (n_clips or CLIPS_WHERE_UNKNOWN)
    quantile = float(stdtrit(len(left_out) - 1, (1 + check_level(level)) / 2))
    if scale == "rate":
        kept = float(np.clip(estimate, nearest, 1 - nearest))
        centre = float(logit(kept))
        least = 0.0 if n_clips is None else 1 / np.sqrt(n_clips * kept * (1 - kept))
        reach = quantile * max(_jackknife_error(centre, logit(np.clip(left_out, nearest, 1 - nearest))), least)
        low, high = float(expit(centre - reach)), float(expit(centre + reach))
    elif scale == "loss":
        centre = float(np.log(max(estimate, nearest)))
        reach = quantile * _jackknife_error(centre, np.log(np.maximum(left_out, nearest)))
        low, high = float(np.exp(centre - reach)), float(np.exp(centre + reach))
    else:
        reach = quantile * _jackknife_error(estimate, left_out)
        low, high = estimate - reach, estimate + reach
    return min(low, estimate), max(high, estimate)


def _jackknife_error(centre: float, left_out: NDArray[np.float64]) -> float:
    """Return the jackknife standard error about the estimate (Efron & Stein 1981)."""
    n_groups = len(left_out)
    return float(np.sqrt((n_groups - 1) / n_groups * ((left_out - centre) ** 2).sum()))


def values_of_weights(
    metric: AnyMetric, targets: NDArray[Any], probabilities: NDArray[Any], groups: Groups
) -> OfWeights:
    """Return the metric as a function of whole group weights, (n_resamples, n_groups) -> (n_resamples,)."""
    if isinstance(metric, Metric):
        return metric.of_weights(targets, probabilities, groups.rows, groups.n)
    clips = np.arange(len(targets))

    def one(weights: NDArray[np.float64]) -> float:
        chosen = np.repeat(clips, weights[groups.rows].astype(np.int64))
        value = metric(targets[chosen], probabilities[chosen])
        return float("nan") if value is None else float(value)

    return lambda weights: np.array([one(row) for row in weights], dtype=np.float64)


def resampled_weights(n_groups: int, n_resamples: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Yield how often each group is drawn, float64 (n_some, n_groups), `n_resamples` rows in all.

    Raises:
        DataError: There is no resample to draw.
    """
    if n_resamples < 1:
        raise DataError(f"n_resamples: {n_resamples}, expected at least 1, such as 1000")
    step = max(1, MAX_WEIGHTS // n_groups)
    for start in range(0, n_resamples, step):
        n_rows = min(step, n_resamples - start)
        drawn = rng.integers(n_groups, size=(n_rows, n_groups)) + n_groups * np.arange(n_rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=n_rows * n_groups).reshape(n_rows, n_groups).astype(np.float64)


def leave_one_out_weights(n_groups: int) -> Iterator[NDArray[np.float64]]:
    """Yield ones with a zero for one group each, float64 (n_some, n_groups), `n_groups` rows in all."""
    step = max(1, MAX_WEIGHTS // n_groups)
    for start in range(0, n_groups, step):
        left_out = np.arange(start, min(start + step, n_groups))
        weights = np.ones((len(left_out), n_groups))
        weights[np.arange(len(left_out)), left_out] = 0
        yield weights


def percentiles(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Return the limits that hold the middle `level` of the defined values. Raises DataError if half are undefined."""
    defined = values[~np.isnan(values)]
    if len(defined) * 2 < len(values):
        raise DataError(
            f"{len(values) - len(defined)} of {len(values)} resamples hold no clip of some class; "
            "add groups with that class, or report the value without an interval"
        )
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def name_of(metric: AnyMetric) -> str:
    """Return what to call a metric in a message."""
    return metric.name if isinstance(metric, Metric) else getattr(metric, "__name__", "the metric")


def _defined_estimate(metric: AnyMetric, of_weights: OfWeights, groups: Groups) -> float:
    estimate = float(of_weights(np.ones((1, groups.n)))[0])
    if np.isnan(estimate):
        raise DataError(f"{name_of(metric)} is undefined on these clips: no class has clips with and without it")
    return estimate
