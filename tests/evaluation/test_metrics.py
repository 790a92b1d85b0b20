"""Metrics on arrays small enough to check by hand, and the properties they keep on any arrays."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from earmark.core.errors import ConfigError, DataError, EarmarkError, ModelError
from earmark.evaluation.metrics import METRICS, Metric, per_class, summarize

if TYPE_CHECKING:
    from earmark.data.dataset import Task

    from .conftest import Simulate

Floats = NDArray[np.float64]
seeds = st.integers(0, 2**32 - 1)
names = st.sampled_from(sorted(METRICS))


def arrays(seed: int, task: Task) -> tuple[Floats, Floats]:
    """Return small random arrays with ties and now and then an absent class."""
    rng = np.random.default_rng(seed)
    n_clips, n_classes = int(rng.integers(2, 30)), int(rng.integers(2, 6))
    if task == "many":
        targets = (rng.random((n_clips, n_classes)) < 0.4).astype(np.float64)
        return targets, rng.integers(9, size=(n_clips, n_classes)) / 8
    targets = np.eye(n_classes)[rng.integers(n_classes, size=n_clips)]
    odds = rng.integers(1, 9, size=(n_clips, n_classes)) + 3.0 * targets * rng.integers(2, size=(n_clips, 1))
    return targets, odds / odds.sum(axis=1, keepdims=True)


@given(seeds, names, st.sampled_from(["one", "many"]))
def test_order_of_clips_and_of_labels_does_not_matter(seed: int, name: str, task: Task) -> None:
    targets, probabilities = arrays(seed, task)
    rng = np.random.default_rng(seed + 1)
    clips, labels = rng.permutation(len(targets)), rng.permutation(targets.shape[1])
    if task == "one":  # ties of the two highest are decided for the first label, so order matters there by design
        probabilities = probabilities + np.arange(targets.shape[1]) * 1e-6
    metric = Metric(name, task)
    assert metric(targets[clips], probabilities[clips]) == pytest.approx(metric(targets, probabilities), abs=1e-9)
    if task == "many":
        shuffled = metric(targets[:, labels], probabilities[:, labels])
        assert shuffled == pytest.approx(metric(targets, probabilities), abs=1e-9)


@given(seeds, names, st.sampled_from(["one", "many"]))
def test_values_are_numbers_in_range_or_none(seed: int, name: str, task: Task) -> None:
    value = Metric(name, task)(*arrays(seed, task))
    assert value is None or 0 <= value <= (1 if METRICS[name].scale == "rate" else math.inf)


@given(seeds, st.sampled_from(["roc_auc", "average_precision"]))
def test_rank_metrics_keep_their_value_under_rising_transforms(seed: int, name: str) -> None:
    targets, probabilities = arrays(seed, "many")
    metric = Metric(name, "many")
    assert metric(targets, probabilities**3 * 0.7 + 0.1) == metric(targets, probabilities)


@given(seeds)
def test_roc_auc_of_the_opposite_scores_is_the_rest(seed: int) -> None:
    targets, probabilities = arrays(seed, "many")
    for area, opposite in zip(
        per_class("roc_auc", targets, probabilities, task="many"),
        per_class("roc_auc", targets, 1 - probabilities, task="many"),
        strict=True,
    ):
        assert area is None if opposite is None else area == pytest.approx(1 - opposite)


@settings(max_examples=60)
@given(seeds, names, st.sampled_from(["one", "many"]))
def test_weighting_groups_equals_repeating_their_clips(seed: int, name: str, task: Task) -> None:
    targets, probabilities = arrays(seed, task)
    rng = np.random.default_rng(seed + 2)
    rows = rng.integers(4, size=len(targets))
    weights = rng.integers(4, size=(5, 4)).astype(np.float64)
    metric = Metric(name, task)
    values = metric.of_weights(targets, probabilities, rows, 4)(weights)
    for row, value in zip(weights, values, strict=True):
        chosen = np.repeat(np.arange(len(targets)), row[rows].astype(np.int64))
        expected = metric(targets[chosen], probabilities[chosen]) if len(chosen) else None
        assert np.isnan(value) if expected is None else value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("task", ["one", "many"])
def test_perfect_probabilities_reach_the_best_value_of_every_metric(task: Task) -> None:
    targets = np.eye(4)[[0, 1, 2, 3, 0, 1]]
    for name, kind in METRICS.items():
        value = Metric(name, task)(targets, targets)
        assert value == pytest.approx(1 if kind.higher_is_better else 0, abs=1e-6)


def test_thresholds_decide_in_task_many() -> None:
    targets, probabilities = np.array([[1, 0], [0, 1]]), np.array([[0.3, 0.2], [0.1, 0.9]])
    assert Metric("accuracy", "many")(targets, probabilities) == 0.5
    assert Metric("accuracy", "many", (0.3, 0.5))(targets, probabilities) == 1.0


def test_argmax_decides_in_task_one_whatever_the_thresholds() -> None:
    targets, probabilities = np.array([[1, 0], [0, 1]]), np.array([[0.6, 0.4], [0.3, 0.7]])
    assert Metric("accuracy", "one", (0.99, 0.99))(targets, probabilities) == 1.0


def test_a_class_without_clips_has_no_recall_and_no_area_but_spoils_nothing() -> None:
    targets = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1]])
    summary = summarize(targets, probabilities, task="one", labels=["dog", "frog", "owl"])
    owl = summary.classes[2]
    assert (owl.n_clips, owl.precision, owl.recall, owl.f1, owl.roc_auc, owl.average_precision) == (0, *[None] * 5)
    assert summary.metrics["recall_macro"] == summary.metrics["balanced_accuracy"] == 0.75
    assert summary.metrics["roc_auc"] == pytest.approx(1.0)


def test_a_class_never_decided_has_no_precision_and_counts_as_zero_in_the_average() -> None:
    targets, probabilities = np.array([[1, 0], [0, 1]]), np.array([[0.9, 0.1], [0.6, 0.4]])
    summary = summarize(targets, probabilities, task="one", labels=["dog", "frog"])
    assert summary.classes[1].precision is None
    assert summary.metrics["precision_macro"] == 0.25


def test_ranking_is_undefined_where_all_clips_have_the_label() -> None:
    ones = np.ones((3, 1))
    assert Metric("roc_auc", "many")(ones, ones * 0.4) is None
    assert Metric("average_precision", "many")(ones * 0, ones * 0.4) is None


def test_a_certain_mistake_costs_a_finite_log_loss() -> None:
    loss = Metric("log_loss")(np.array([[1, 0]]), np.array([[0.0, 1.0]]))
    assert loss == pytest.approx(-math.log(np.finfo(np.float32).eps), rel=1e-6)


def test_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    targets = np.eye(2)[[0] * 6 + [1] * 4]
    probabilities = np.tile([0.9, 0.1], (10, 1))
    assert Metric("calibration_error")(targets, probabilities) == pytest.approx(0.3)


def test_summary_is_plain_json(one: Simulate) -> None:
    made = one(60, 4, 1.5)
    summary = summarize(made.targets, made.probabilities, task="one", labels=["a", "b", "c", "d"])
    found = json.loads(json.dumps(summary.to_dict(), allow_nan=False))
    assert found["n_clips"] == 60
    assert set(found["metrics"]) == set(METRICS)
    assert found["classes"][0]["label"] == "a"
    assert found["classes"][0]["threshold"] is None


def test_summary_lists_the_thresholds_used(many: Simulate) -> None:
    made = many(40, 2, 2.0)
    rows = summarize(made.targets, made.probabilities, task="many", labels=["a", "b"], thresholds=[0.25, 0.75]).classes
    assert [row.threshold for row in rows] == [0.25, 0.75]
    rows = summarize(made.targets, made.probabilities, task="many", labels=["a", "b"]).classes
    assert [row.threshold for row in rows] == [0.5, 0.5]


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match='metric "acuracy" is not known; did you mean "accuracy"'):
        Metric("acuracy")
    with pytest.raises(ConfigError, match='metric "brier" has no value per class'):
        per_class("brier", np.eye(2), np.eye(2), task="one")


def test_garbage_is_refused_before_anything_is_computed() -> None:
    eye = np.eye(3)
    for targets, probabilities in (
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (eye, eye[:2]),
        (eye, eye * np.nan),
        (eye, eye * 5),
        (eye * 2, eye),
        (np.zeros((2, 3, 4)), np.zeros((2, 3, 4))),
    ):
        with pytest.raises(EarmarkError):
            summarize(targets, probabilities, task="many", labels=["a", "b", "c"])


def test_wrong_labels_and_thresholds_are_refused() -> None:
    eye = np.eye(2)
    with pytest.raises(DataError, match="labels: 3 names, expected 2"):
        summarize(eye, eye, task="one", labels=["a", "b", "c"])
    with pytest.raises(ModelError, match="thresholds"):
        summarize(eye, eye, task="many", labels=["a", "b"], thresholds=[0.5])


def test_thresholds_of_each_clip_decide_but_are_not_listed() -> None:
    targets = np.array([[1, 0], [0, 1]])
    probabilities = np.array([[0.4, 0.4], [0.4, 0.4]])
    limits = np.array([[0.3, 0.5], [0.5, 0.3]])
    found = summarize(targets, probabilities, task="many", labels=["dog", "frog"], thresholds=limits)
    assert found.metrics["f1_macro"] == 1.0
    assert [row.threshold for row in found.classes] == [None, None]
