"""Is one model really better than another? Paired tests on the same clips, group by group.

The p-value comes from swapping the two models' outputs for whole groups at random (sign-flip permutation: exact up
to 12 groups, 5,000 random swaps above; Phipson & Smyth 2010 for the +1). With six groups it cannot fall below
2/64 = 0.031. Where every clip is its own group and scores are right or wrong, the same test has a closed form:
McNemar's exact test. The interval of the difference follows `intervals`: jackknife with Student's t for few groups,
cluster bootstrap for many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError
from earmark.evaluation.checks import Groups, check_groups, check_level
from earmark.evaluation.intervals import (
    MANY_GROUPS,
    MAX_WEIGHTS,
    leave_one_out_weights,
    percentiles,
    resampled_weights,
    student_limits,
)
from earmark.evaluation.sums import group_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.evaluation.metrics import Metric

EXACT_GROUPS = 12
N_SWAPS = 5_000
TIE = 1e-12  # differences nearer than this are equal: swaps of exact ties must not depend on rounding

Difference = Callable[["NDArray[np.float64]", "NDArray[np.float64]"], "NDArray[np.float64]"]


@dataclass(frozen=True)
class Comparison:
    """How much better A scores than B (above 0: A is higher), with limits and a two-sided p-value."""

    difference: float
    low: float
    high: float
    p_value: float
    n_groups: int
    method: str
    level: float = 0.95

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able dict."""
        return asdict(self)


def compare_paired(
    scores_a: NDArray[Any],
    scores_b: NDArray[Any],
    groups: NDArray[Any],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
) -> Comparison:
    """Compare two models by a score per clip (or per fold), such as 1 where right and 0 where wrong.

    Args:
        scores_a: (n_clips,) of model A.
        scores_b: (n_clips,) of model B on the same clips.
        groups: (n_clips,) names; folds are groups too.
        rng: Draws swaps and resamples.
        level: Probability that the interval should cover the true difference.
        n_resamples: Number of bootstrap resamples.

    Raises:
        DataError: Lengths differ, a score is not finite, or there are fewer than 2 groups.
    """
    a, b = np.asarray(scores_a, dtype=np.float64), np.asarray(scores_b, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise DataError(f"scores: shapes {a.shape} and {b.shape}, expected (n_clips,) of the same clips")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise DataError("scores: found NaN or infinity, expected a finite score for each clip")
    many = check_groups(groups, len(a))
    totals = group_sums(np.stack([a, b, np.ones(len(a))], axis=1), many.rows, many.n)

    def difference(weights: NDArray[np.float64], swapped: NDArray[np.float64]) -> NDArray[np.float64]:
        apart = totals[:, 0] - totals[:, 1]
        return np.asarray(((weights * (1 - 2 * swapped)) @ apart) / (weights @ totals[:, 2]))

    compared = _compare(difference, many, rng, level=level, n_resamples=n_resamples)
    if many.n == len(a) > EXACT_GROUPS and np.isin([a, b], [0, 1]).all():
        return _with_mcnemar(compared, a, b)
    return compared


def compare_metric(
    metric: Metric,
    targets: NDArray[Any],
    probabilities: tuple[NDArray[Any], NDArray[Any]],
    groups: NDArray[Any],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
) -> Comparison:
    """Compare two models by a metric of whole test sets, such as ROC-AUC or macro F1.

    Args:
        metric: From the table of metrics.
        targets: (n_clips, n_classes) of 0 and 1.
        probabilities: Of model A and of model B, (n_clips, n_classes) each.
        groups: (n_clips,) names.
        rng: Draws swaps and resamples.
        level: Probability that the interval should cover the true difference.
        n_resamples: Number of bootstrap resamples.

    Raises:
        DataError: Arrays break the conventions, there are fewer than 2 groups, or the metric is undefined without one.
        ModelError: The probabilities break the conventions.
    """
    many = check_groups(groups, len(targets))
    a, b = probabilities
    # Both models stand one below the other, as groups 0 ... n-1 and n ... 2n-1: a swap is then a matter of weights.
    of_weights = metric.of_weights(
        np.concatenate([targets, targets]), np.concatenate([a, b]), np.r_[many.rows, many.rows + many.n], 2 * many.n
    )

    def difference(weights: NDArray[np.float64], swapped: NDArray[np.float64]) -> NDArray[np.float64]:
        first = np.hstack([weights * (1 - swapped), weights * swapped])
        second = np.hstack([weights * swapped, weights * (1 - swapped)])
        return np.asarray(of_weights(first) - of_weights(second))

    return _compare(difference, many, rng, level=level, n_resamples=n_resamples)


def _compare(
    difference: Difference, groups: Groups, rng: np.random.Generator, *, level: float, n_resamples: int
) -> Comparison:
    check_level(level)
    found = float(_straight(difference, np.ones((1, groups.n)))[0])
    if np.isnan(found):
        raise DataError("the metric is undefined on these clips: no class has clips with and without it")
    p_value, test = _swap_test(difference, found, groups.n, rng)
    if groups.n >= MANY_GROUPS:
        drawn = [_straight(difference, weights) for weights in resampled_weights(groups.n, n_resamples, rng)]
        low, high = percentiles(np.concatenate(drawn), level)
        how = "cluster bootstrap"
    else:
        left_out = np.concatenate([_straight(difference, weights) for weights in leave_one_out_weights(groups.n)])
        if np.isnan(left_out).any():
            missing = groups.names[int(np.argmax(np.isnan(left_out)))]
            raise DataError(
                f'the metric is undefined without group "{missing}", the only one with clips of some class; '
                "add groups with that class"
            )
        low, high = student_limits(found, left_out, level=level, scale="raw", n_clips=None)
        how = "jackknife over groups, Student t"
    return Comparison(found, min(low, found), max(high, found), p_value, groups.n, f"{test}; {how}", level)


def _straight(difference: Difference, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return difference(weights, np.zeros_like(weights))


def _swap_test(difference: Difference, found: float, n_groups: int, rng: np.random.Generator) -> tuple[float, str]:
    """Return the share of swaps that part the models at least as far as found, and the name of the test."""
    exact = n_groups <= EXACT_GROUPS
    n_far = n_tried = 0
    for swapped in _all_swaps(n_groups) if exact else _random_swaps(n_groups, rng):
        values = difference(np.ones_like(swapped), swapped)
        defined = values[~np.isnan(values)]
        n_far += int((abs(defined) >= abs(found) - TIE).sum())
        n_tried += len(defined)
    if exact:
        return n_far / n_tried, "exact sign-flip test over groups"
    return (n_far + 1) / (n_tried + 1), "sign-flip test over groups"


def _all_swaps(n_groups: int) -> Iterator[NDArray[np.float64]]:
    """Yield all swaps that leave the last group as it is: the others mirror them and part the models as far."""
    numbers = np.arange(2 ** (n_groups - 1))[:, None]
    yield ((numbers >> np.arange(n_groups)) & 1).astype(np.float64)


def _random_swaps(n_groups: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    step = max(1, MAX_WEIGHTS // (2 * n_groups))
    for start in range(0, N_SWAPS, step):
        yield rng.integers(2, size=(min(step, N_SWAPS - start), n_groups)).astype(np.float64)


def _with_mcnemar(compared: Comparison, a: NDArray[np.float64], b: NDArray[np.float64]) -> Comparison:
    """Return the comparison with the p-value of McNemar's exact test (1947) on independent clips."""
    from scipy.special import bdtr

    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    p_value = min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))
    method = f"McNemar exact test; {compared.method.partition('; ')[2]}"
    return Comparison(**{**asdict(compared), "p_value": p_value, "method": method})


def sign_flip_tests(contributions: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return two-sided p-values of differences that are sums over groups, float64 (n_differences,).

    Args:
        contributions: (n_groups, n_differences); a group that is swapped adds the opposite. Groups that add nothing
            anywhere do not count.
        rng: Draws the swaps, the same for all differences.

    Raises:
        DataError: A contribution is not finite.
    """
    given = np.asarray(contributions, dtype=np.float64)
    if given.ndim != 2 or not np.isfinite(given).all():
        raise DataError(f"contributions: shape {given.shape}, expected finite numbers (n_groups, n_differences)")
    parts = given[(given != 0).any(axis=1)]
    found, n_far, n_tried = abs(parts.sum(axis=0)) - TIE, np.zeros(given.shape[1]), 0
    if not len(parts):
        return np.ones(given.shape[1])
    exact = len(parts) <= EXACT_GROUPS
    for swapped in _all_swaps(len(parts)) if exact else _random_swaps(len(parts), rng):
        n_far += (abs((1 - 2 * swapped) @ parts) >= found).sum(axis=0)
        n_tried += len(swapped)
    return np.asarray(n_far / n_tried if exact else (n_far + 1) / (n_tried + 1))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values adjusted for testing them all (Holm 1979), in the order given.

    Raises:
        DataError: One is NaN or outside [0, 1].
    """
    for name, p_value in p_values.items():
        if not 0 <= p_value <= 1:
            raise DataError(f'p-value of "{name}": {p_value:g}, expected 0 to 1')
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}
