"""Curves: their areas are the metrics, their points are in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.errors import DataError, ModelError
from earmark.evaluation.curves import (
    macro_roc_curve,
    precision_recall_curve,
    reliability_curve,
    roc_curve,
)
from earmark.evaluation.metrics import Metric, per_class

if TYPE_CHECKING:
    from .conftest import Simulate


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=40))
def test_areas_below_the_curves_are_the_metrics(clips: list[tuple[bool, int]]) -> None:
    target = np.array([float(wanted) for wanted, _ in clips])
    score = np.array([value / 6 for _, value in clips])
    columns = target[:, None], score[:, None]
    roc, recall = roc_curve(target, score), precision_recall_curve(target, score)
    assert (None if roc is None else pytest.approx(roc.area)) == per_class("roc_auc", *columns, task="many")[0]
    expected = per_class("average_precision", *columns, task="many")[0]
    assert (None if recall is None else pytest.approx(recall.area)) == expected
    for curve in (roc, recall):
        if curve is not None:
            assert (np.diff(curve.x) >= 0).all()
            assert len(curve.x) == len(curve.y) == len(curve.thresholds)


def test_roc_leaves_out_points_on_straight_lines() -> None:
    curve = roc_curve(np.array([1, 1, 1, 0, 0, 0]), np.array([0.9, 0.8, 0.7, 0.3, 0.2, 0.1]))
    assert curve is not None
    assert list(zip(curve.x, curve.y, strict=True)) == [(0, 0), (0, 1), (1, 1)]
    assert curve.thresholds[0] == np.inf


def test_curves_of_a_class_without_clips_are_none() -> None:
    assert roc_curve(np.zeros(4), np.full(4, 0.5)) is None
    assert precision_recall_curve(np.zeros(4), np.full(4, 0.5)) is None
    assert roc_curve(np.ones(4), np.full(4, 0.5)) is None
    assert macro_roc_curve(np.ones((4, 1)), np.ones((4, 1)), task="many") is None


def test_macro_roc_starts_and_ends_in_the_corners_and_has_the_mean_area(one: Simulate) -> None:
    made = one(200, 5, 1.5)
    mean = macro_roc_curve(made.targets, made.probabilities, task="one")
    assert mean is not None
    assert (mean.x[0], mean.y[0], mean.x[-1], mean.y[-1]) == (0, 0, 1, 1)
    assert mean.area == pytest.approx(Metric("roc_auc")(made.targets, made.probabilities))
    assert np.trapezoid(mean.y, mean.x) == pytest.approx(mean.area)


def test_reliability_agrees_with_the_calibration_error(one: Simulate, many: Simulate) -> None:
    made = one(300, 4, 1.0)
    curve = reliability_curve(made.targets, made.probabilities, task="one")
    assert curve.error == pytest.approx(Metric("calibration_error")(made.targets, made.probabilities))
    assert curve.counts.sum() == 300
    assert ((curve.edges[:, 0] <= curve.confidence) & (curve.confidence <= curve.edges[:, 1])).all()
    made = many(300, 3, 1.0)
    pooled = reliability_curve(made.targets, made.probabilities, task="many")
    assert pooled.counts.sum() == 900
    errors = [
        reliability_curve(made.targets, made.probabilities, task="many", column=column).error for column in range(3)
    ]
    assert np.mean(errors) == pytest.approx(Metric("calibration_error", "many")(made.targets, made.probabilities))


def test_bins_of_equal_mass_hold_as_many_clips_each(one: Simulate) -> None:
    made = one(300, 4, 1.0)
    counts = reliability_curve(made.targets, made.probabilities, task="one", binning="mass", n_bins=10).counts
    assert counts.sum() == 300
    assert set(counts.tolist()) == {30}


def test_equal_confidences_merge_bins_of_equal_mass() -> None:
    targets = np.eye(2)[[0, 1, 0, 1]]
    curve = reliability_curve(targets, np.full((4, 2), 0.5), task="one", binning="mass")
    assert (curve.counts.tolist(), curve.error) == ([4], 0.0)


def test_calibrated_probabilities_have_a_small_error() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random((20_000, 1))
    targets = (rng.random((20_000, 1)) < probabilities).astype(np.float32)
    assert reliability_curve(targets, probabilities, task="many").error < 0.02


def test_garbage_is_refused() -> None:
    with pytest.raises(DataError, match="column 2: expected 0 to 1"):
        reliability_curve(np.eye(2), np.eye(2), task="one", column=2)
    with pytest.raises(ModelError, match="like the targets"):
        roc_curve(np.array([0, 1]), np.array([0.5]))
    with pytest.raises(DataError, match="nothing to evaluate"):
        precision_recall_curve(np.empty(0), np.empty(0))
