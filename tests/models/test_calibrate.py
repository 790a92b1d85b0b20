"""Calibration makes probabilities mean what they say; thresholds keep their promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.errors import ModelError
from earmark.models.calibrate import Calibration, choose_thresholds, fit_calibration


def softmax(
    margins: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def test_temperature_undoes_an_exaggeration(rng: np.random.Generator) -> None:
    honest = rng.normal(size=(20000, 4))
    answers = (softmax(honest).cumsum(axis=1) > rng.random((20000, 1))).argmax(axis=1)
    targets = np.eye(4, dtype=np.float32)[answers]
    calibration = fit_calibration((5 * honest).astype(np.float32), targets, "one", "margin")
    assert calibration.scales[0] == pytest.approx(0.2, rel=0.05)
    assert calibration.fitted


def test_platt_recovers_slope_and_offset_of_each_class(rng: np.random.Generator) -> None:
    scores = rng.normal(size=(30000, 2))
    truth = 1 / (1 + np.exp(-(scores * [3.0, 0.5] + [-1.0, 2.0])))
    targets = (rng.random(truth.shape) < truth).astype(np.float32)
    calibration = fit_calibration(scores.astype(np.float32), targets, "many", "margin")
    assert calibration.scales == pytest.approx((3.0, 0.5), rel=0.1)
    assert calibration.offsets == pytest.approx((-1.0, 2.0), rel=0.1)


def test_separable_scores_do_not_claim_certainty() -> None:
    targets = np.eye(2, dtype=np.float32)[[0, 1] * 20]
    calibration = fit_calibration(targets * 2 - 1, targets, "many", "margin")
    assert 0.9 < calibration(np.array([[1, -1]], np.float32))[0, 0] < 0.9999


@pytest.mark.parametrize("task", ["one", "many"])
def test_identity_gives_probabilities_back(task: str, rng: np.random.Generator) -> None:
    shares = rng.dirichlet(np.ones(3), size=10).clip(0.01, 0.98).astype(np.float32)
    shares /= shares.sum(axis=1, keepdims=True)
    identity = Calibration.identity("one" if task == "one" else "many", "probability", 3)
    assert np.allclose(identity(shares), shares, atol=1e-5)
    assert not identity.fitted


def test_probabilities_of_nothing_stay_finite() -> None:
    identity = Calibration.identity("many", "probability", 2)
    assert np.isfinite(identity(np.array([[0.0, 1.0]], np.float32))).all()


def test_sharpness_changes_confidence_and_not_the_answer(rng: np.random.Generator) -> None:
    scores = rng.normal(size=(50, 5)).astype(np.float32)
    identity = Calibration.identity("one", "margin", 5)
    plain, sharp = identity(scores), identity(scores, sharpness=4.0)
    assert (plain.argmax(axis=1) == sharp.argmax(axis=1)).all()
    assert (sharp.max(axis=1) > plain.max(axis=1)).all()


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_rows_of_task_one_always_sum_to_one(first: float, second: float) -> None:
    row = Calibration.identity("one", "margin", 2)(np.array([[first, second]], np.float32))
    assert row.sum() == pytest.approx(1, abs=1e-5)


def test_unequal_shapes_are_refused() -> None:
    with pytest.raises(ModelError, match=r"found scores \(2, 3\) and targets \(2, 2\)"):
        fit_calibration(np.zeros((2, 3), np.float32), np.zeros((2, 2), np.float32), "one", "margin")


class TestThresholds:
    targets = np.array([[1], [1], [1], [0], [1], [0], [0], [0]], np.float32)
    probabilities = np.array([[0.9], [0.8], [0.7], [0.6], [0.5], [0.4], [0.3], [0.2]], np.float32)

    def test_best_f1_lies_halfway_between_the_last_hit_and_the_next_value(self) -> None:
        (threshold,) = choose_thresholds(self.targets, self.probabilities)
        assert threshold == pytest.approx(0.45)

    def test_precision_goal_is_reached_with_the_most_recall(self) -> None:
        (threshold,) = choose_thresholds(self.targets, self.probabilities, rule="precision", goal=1.0)
        assert threshold == pytest.approx(0.65)

    def test_recall_goal_is_reached_with_the_most_precision(self) -> None:
        (threshold,) = choose_thresholds(self.targets, self.probabilities, rule="recall", goal=0.75)
        assert threshold == pytest.approx(0.65)

    def test_unreachable_goal_gives_the_best_there_is(self) -> None:
        (threshold,) = choose_thresholds(1 - self.targets, self.probabilities, rule="precision", goal=0.99)
        reached = (1 - self.targets)[self.probabilities >= threshold].mean()
        assert reached == pytest.approx(0.5)

    def test_class_without_examples_gets_one_half(self) -> None:
        assert choose_thresholds(np.zeros((3, 1), np.float32), np.ones((3, 1), np.float32)) == (0.5,)

    def test_equal_probabilities_are_never_split(self) -> None:
        tied = np.full((8, 1), 0.5, np.float32)
        (threshold,) = choose_thresholds(self.targets, tied)
        assert threshold < 0.5
