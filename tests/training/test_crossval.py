"""Held-out scores are calibrated by other folds only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ModelError
from earmark.data.split import Fold, leave_one_group_out, make_folds
from earmark.models.calibrate import Calibration, choose_thresholds
from earmark.training import HeldOut, calibrate_across_folds, score_held_out, thresholds_across_folds

if TYPE_CHECKING:
    from typing import Any

    from earmark.training import Material, TrainingOptions


def test_every_clip_is_scored_by_the_model_of_its_fold(material: Material, options: TrainingOptions) -> None:
    folds = leave_one_group_out(material.own)
    held_out = score_held_out(material, folds, options)
    assert held_out.score_kind == "margin"
    assert held_out.scores.shape == (36, 3)
    for number, fold in enumerate(folds):
        assert held_out.clips[held_out.folds == number].tolist() == fold.test.tolist()


def test_a_fold_is_calibrated_by_the_others(
    material: Material, options: TrainingOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = score_held_out(material, leave_one_group_out(material.own), options)
    fitted: list[Any] = []

    def spy(scores: Any, targets: Any, task: Any, kind: Any) -> Calibration:
        fitted.append(scores)
        return Calibration(task, kind, (float(len(fitted)),) * 3, (0.0,) * 3, fitted=True)

    monkeypatch.setattr("earmark.training.crossval.fit_calibration", spy)
    probabilities = calibrate_across_folds(held_out, material)
    for number in range(6):
        mine = held_out.folds == number
        assert np.array_equal(fitted[number], held_out.scores[~mine])
        expected = Calibration("one", "margin", (number + 1.0,) * 3, (0.0,) * 3, fitted=True)(held_out.scores[mine])
        assert np.allclose(probabilities[mine], expected)


def test_a_single_fold_is_only_normalised(material: Material) -> None:
    scores = np.array([[0, 1, 2], [3, 0, 0]], np.float32)
    held_out = HeldOut(np.array([0, 1]), scores, np.zeros(2, np.intp), "margin")
    assert np.allclose(calibrate_across_folds(held_out, material), Calibration.identity("one", "margin", 3)(scores))


def test_a_fold_that_leaves_a_class_without_example_is_refused(material: Material, options: TrainingOptions) -> None:
    loud = np.flatnonzero(material.dataset.targets[:, 0])
    fold = Fold("no loud", np.setdiff1d(np.arange(36), loud), loud)
    with pytest.raises(ModelError, match="no example of loud among"):
        score_held_out(material, [fold], options)


def test_thresholds_of_a_fold_come_from_the_other_folds(material: Material, options: TrainingOptions) -> None:
    folds = make_folds(material.own, "grouped:3", np.random.default_rng(0))
    held_out = score_held_out(material, folds, options)
    probabilities = calibrate_across_folds(held_out, material)
    limits = thresholds_across_folds(held_out, material, probabilities, options)
    targets = material.dataset.targets[held_out.clips]
    for number in range(3):
        others = held_out.folds != number
        expected = choose_thresholds(targets[others], probabilities[others])
        assert np.allclose(limits[~others], expected)
    alone = replace(held_out, folds=np.zeros(len(held_out.clips), dtype=np.intp))
    assert (thresholds_across_folds(alone, material, probabilities, options) == 0.5).all()
