"""Intervals: they hold the estimate, respect groups, stay in range, and cost little."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.errors import DataError
from earmark.evaluation import intervals
from earmark.evaluation.intervals import (
    bootstrap_interval,
    fold_interval,
    jackknife_interval,
    percentile_interval,
)
from earmark.evaluation.metrics import METRICS, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .conftest import Simulate


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("n_groups", [6, 120])
def test_interval_of_every_metric_holds_its_estimate(
    one: Simulate, rng: np.random.Generator, name: str, n_groups: int
) -> None:
    made = one(360, 4, 1.5, n_groups=n_groups)
    interval = bootstrap_interval(Metric(name), made.targets, made.probabilities, made.groups, rng, n_resamples=200)
    assert interval.estimate == pytest.approx(Metric(name)(made.targets, made.probabilities))
    assert interval.low < interval.estimate < interval.high
    assert interval.low >= 0
    assert interval.high <= 1 or METRICS[name].scale == "loss"
    assert interval.n_groups == n_groups
    assert interval.method.startswith("jackknife" if n_groups == 6 else "cluster bootstrap")


def test_table_metrics_and_plain_functions_give_equal_intervals(one: Simulate) -> None:
    made = one(240, 3, 1.5, n_groups=100)
    arrays = made.targets, made.probabilities, made.groups
    metric = Metric("f1_macro")

    def by_hand(targets: NDArray[Any], probabilities: NDArray[Any]) -> float | None:
        return metric(targets, probabilities)

    found = [
        bootstrap_interval(which, *arrays, np.random.default_rng(4), n_resamples=50) for which in (metric, by_hand)
    ]
    assert found[0].low == pytest.approx(found[1].low)
    assert found[0].high == pytest.approx(found[1].high)


def test_plain_functions_work_with_few_groups_on_their_own_scale(one: Simulate, rng: np.random.Generator) -> None:
    made = one(60, 3, 1.5)

    def mean_margin(targets: NDArray[Any], probabilities: NDArray[Any]) -> float:
        return float((probabilities * (2 * targets - 1)).sum(axis=1).mean())

    interval = bootstrap_interval(mean_margin, made.targets, made.probabilities, made.groups, rng)
    assert interval.high - interval.estimate == pytest.approx(interval.estimate - interval.low)


def test_jackknife_of_equal_groups_on_the_raw_scale_is_the_t_interval_of_their_means() -> None:
    values = np.array([0.6, 0.7, 0.8, 0.9])
    interval = fold_interval(values, scale="raw")
    reach = 3.182446 * values.std(ddof=1) / 2  # t quantile of 3 degrees of freedom
    assert (interval.low, interval.high) == pytest.approx((0.75 - reach, 0.75 + reach))


def test_same_seed_gives_the_same_interval_and_groups_may_come_in_any_order(one: Simulate) -> None:
    made = one(300, 3, 1.5, n_groups=100)
    order = np.random.default_rng(0).permutation(300)
    found = [
        bootstrap_interval(
            Metric("accuracy"),
            made.targets[rows],
            made.probabilities[rows],
            made.groups[rows],
            np.random.default_rng(3),
        )
        for rows in (np.arange(300), order)
    ]
    assert found[0] == found[1]


def test_clips_that_err_together_widen_the_interval(rng: np.random.Generator) -> None:
    targets = np.tile([[1.0, 0.0]], (600, 1))
    right = np.repeat(rng.random(120) < 0.8, 5)  # all five clips of a recording right, or all wrong
    probabilities = np.stack([right, ~right], axis=1).astype(np.float32)
    recordings, clips = np.repeat(np.arange(120), 5).astype(np.str_), np.arange(600).astype(np.str_)
    widths = []
    for groups in (recordings, clips):
        interval = bootstrap_interval(Metric("accuracy"), targets, probabilities, groups, rng)
        widths.append(interval.high - interval.low)
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(5), rel=0.15)


@pytest.mark.parametrize("n_groups", [6, 200])
def test_a_perfect_score_keeps_an_interval(rng: np.random.Generator, n_groups: int) -> None:
    targets = np.eye(2)[np.arange(600) % 2]
    groups = (np.arange(600) % n_groups).astype(np.str_)
    interval = bootstrap_interval(Metric("accuracy"), targets, targets, groups, rng)
    assert interval.estimate == interval.high == 1.0
    assert 0.95 < interval.low < 0.995  # the exact binomial limit of 600 independent clips is 0.9939


def test_higher_levels_are_wider(one: Simulate) -> None:
    made = one(120, 3, 1.5)
    arrays = made.targets, made.probabilities, made.groups
    narrow, wide = (jackknife_interval(Metric("accuracy"), *arrays, level=level) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert wide.level == 0.99


def test_many_resamples_and_groups_are_computed_in_slices(one: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    made = one(120, 3, 1.5, n_groups=20)
    arrays = made.targets, made.probabilities, made.groups
    whole = percentile_interval(Metric("roc_auc"), *arrays, np.random.default_rng(1), n_resamples=64)
    left_out = jackknife_interval(Metric("roc_auc"), *arrays)
    monkeypatch.setattr(intervals, "MAX_WEIGHTS", 32 * 20)  # a multiple of the row keeps the stream of draws aligned
    monkeypatch.setattr("earmark.evaluation.columns.MAX_ELEMENTS", 1000)
    assert percentile_interval(Metric("roc_auc"), *arrays, np.random.default_rng(1), n_resamples=64) == whole
    monkeypatch.setattr(intervals, "MAX_WEIGHTS", 60)
    assert jackknife_interval(Metric("roc_auc"), *arrays) == left_out


def test_class_in_one_group_only_is_named_instead_of_giving_half_an_interval(rng: np.random.Generator) -> None:
    targets = np.array([[1.0], [0.0], [0.0], [0.0]])
    groups = np.array(["den", "lake", "lake", "wood"])
    with pytest.raises(DataError, match='roc_auc is undefined without group "den"'):
        bootstrap_interval(Metric("roc_auc", "many"), targets, targets, groups, rng)


def test_percentiles_leave_out_undefined_resamples_but_not_most_of_them() -> None:
    assert intervals.percentiles(np.array([0.5, np.nan, 0.5, 0.5]), 0.95) == (0.5, 0.5)
    with pytest.raises(DataError, match="2 of 3 resamples hold no clip of some class"):
        intervals.percentiles(np.array([0.5, np.nan, np.nan]), 0.95)


def test_undefined_metric_is_refused() -> None:
    zeros = np.zeros((4, 1))
    with pytest.raises(DataError, match="roc_auc is undefined on these clips"):
        jackknife_interval(Metric("roc_auc", "many"), zeros, zeros, np.array(["a", "a", "b", "b"]))


def test_garbage_is_refused(one: Simulate, rng: np.random.Generator) -> None:
    made = one(20, 2, 1.0)
    with pytest.raises(DataError, match="at least 2 groups"):
        bootstrap_interval(Metric("accuracy"), made.targets, made.probabilities, np.full(20, "a"), rng)
    with pytest.raises(DataError, match="n_resamples: 0"):
        percentile_interval(Metric("accuracy"), made.targets, made.probabilities, made.groups, rng, n_resamples=0)
    with pytest.raises(DataError, match="level"):
        bootstrap_interval(Metric("accuracy"), made.targets, made.probabilities, made.groups, rng, level=95)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.none() | st.integers(10, 5000))
def test_fold_interval_stays_in_range_and_holds_the_mean(values: list[float], n_clips: int | None) -> None:
    interval = fold_interval(values, n_clips=n_clips)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1
    assert json.loads(json.dumps(interval.to_dict()))["n_groups"] == len(values)


def test_equal_folds_have_a_width_only_if_the_number_of_clips_is_known() -> None:
    assert fold_interval([0.9, 0.9, 0.9]).low == pytest.approx(0.9)
    assert fold_interval([0.9, 0.9, 0.9], n_clips=300).low < 0.85
    assert fold_interval([1.0, 1.0, 1.0], n_clips=300).low < 0.99


def test_fold_interval_of_losses_stays_above_zero() -> None:
    interval = fold_interval([0.1, 2.5, 0.4], scale="loss")
    assert 0 < interval.low < 1 < interval.high
    assert fold_interval([0.0, 0.0], scale="loss").low == 0.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "expected at least 2 folds"),
        ([0.5], "one fold has no spread"),
        ([0.5, float("nan")], "expected finite numbers from 0 to 1"),
        ([0.5, 1.5], "expected finite numbers from 0 to 1"),
    ],
)
def test_fold_values_that_break_the_conventions_are_refused(values: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        fold_interval(values)
