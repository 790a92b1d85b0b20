"""Learning curves from rows of results."""

from __future__ import annotations

import json

import pytest

from earmark.core.errors import DataError
from earmark.evaluation.intervals import fold_interval
from earmark.evaluation.learning import LearningCurve, LearningRow, learning_curves


def test_seeds_are_averaged_within_their_fold_before_folds_are_compared() -> None:
    rows = [
        LearningRow("svm", 10, fold, seed, value)
        for fold, values in {"a": (0.4, 0.6), "b": (0.7, 0.7), "c": (0.6, 0.6)}.items()
        for seed, value in enumerate(values)
    ]
    (curve,) = learning_curves(rows)
    expected = fold_interval([0.5, 0.7, 0.6])
    assert (curve.means, curve.lows, curve.highs) == ((expected.estimate,), (expected.low,), (expected.high,))
    assert curve.n_folds == (3,)


def test_curves_come_in_order_of_appearance_with_rising_sizes() -> None:
    rows = [LearningRow(model, size, 0, 0, 0.5) for model in ("svm", "cnn") for size in (100, 10, 50)]
    curves = learning_curves(rows)
    assert [curve.model for curve in curves] == ["svm", "cnn"]
    assert curves[0].sizes == (10, 50, 100)


def test_one_fold_has_a_mean_but_no_limits() -> None:
    (curve,) = learning_curves([LearningRow("svm", 10, "a", 0, 0.5), LearningRow("svm", 10, "a", 1, 0.7)])
    assert (curve.means, curve.lows, curve.highs) == ((0.6,), (None,), (None,))
    assert json.loads(json.dumps(curve.to_dict()))["lows"] == [None]


def test_perfect_folds_keep_an_interval_where_the_number_of_test_clips_is_known() -> None:
    rows = [LearningRow("svm", 10, fold, 0, 1.0, n_test=500) for fold in range(6)]
    (curve,) = learning_curves(rows)
    assert curve.lows[0] is not None
    assert 0.98 < curve.lows[0] < 1
    assert curve.highs == (1.0,)


def test_losses_have_their_own_scale() -> None:
    rows = [LearningRow("svm", 10, fold, 0, value) for fold, value in enumerate((0.5, 2.0, 1.5))]
    (curve,) = learning_curves(rows, scale="loss")
    assert curve.highs[0] is not None
    assert curve.highs[0] > 2
    with pytest.raises(DataError, match="from 0 to 1"):
        learning_curves(rows)


def test_garbage_is_refused_with_the_row() -> None:
    row = LearningRow("svm", 10, "a", 0, 0.5)
    with pytest.raises(DataError, match='model "svm", 10 clips, fold a, seed 0: stands twice'):
        learning_curves([row, row])
    with pytest.raises(DataError, match="value nan, expected a finite number; leave out trials that failed"):
        learning_curves([LearningRow("svm", 10, "a", 0, float("nan"))])
    with pytest.raises(DataError, match="no results to draw"):
        learning_curves([])


def test_curves_that_make_no_sense_are_refused() -> None:
    with pytest.raises(DataError, match="expected as many of each"):
        LearningCurve("svm", (10, 20), (0.5,), (None,), (None,))
    with pytest.raises(DataError, match="expected as many of each"):
        LearningCurve("svm", (), (), (), ())
    with pytest.raises(DataError, match="rising numbers"):
        LearningCurve("svm", (20, 10), (0.5, 0.6), (None, None), (None, None))
    with pytest.raises(DataError, match="rising numbers from 0"):
        LearningCurve("svm", (-1,), (0.5,), (None,), (None,))
