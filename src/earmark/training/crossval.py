"""Scores of clips by models that never saw the clip's group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.progress import track
from earmark.core.randomness import named_generator
from earmark.models.calibrate import Calibration, choose_thresholds, fit_calibration
from earmark.training.material import fit_clips
from earmark.training.watch import UNWATCHED, Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.data.split import Fold
    from earmark.models.base import ScoreKind
    from earmark.training.material import Material
    from earmark.training.options import TrainingOptions


@dataclass(frozen=True)
class HeldOut:
    """Scores of clips, each by the model of a fold in which it was held out.

    Attributes:
        clips: Positions of the scored clips in the dataset (n_scored,).
        scores: float32 (n_scored, n_classes), uncalibrated.
        folds: Which fold scored it (n_scored,).
        score_kind: The scale of the scores.
    """

    clips: NDArray[np.intp]
    scores: NDArray[np.float32]
    folds: NDArray[np.intp]
    score_kind: ScoreKind


def score_held_out(
    material: Material, folds: Sequence[Fold], options: TrainingOptions, watch: Watch = UNWATCHED
) -> HeldOut:
    """Fit once per fold and score the fold's test clips.

    Raises:
        ModelError: A fold leaves a class without a training example.
    """
    clips, scores, numbers = [], [], []
    kind: ScoreKind = "margin"
    for number, fold in enumerate(track(folds, f"{options.recipe}: cross-validation", len(folds), watch.progress)):
        rng = named_generator(options.seed, "fold", fold.name)
        context = watch.context(fold.name, options, fold.train)
        classifier = fit_clips(material, fold.train, options, rng, context)
        clips.append(fold.test)
        scores.append(material.clip_scores(classifier, fold.test, options.aggregate))
        numbers.append(np.full(len(fold.test), number))
        kind = classifier.score_kind
    return HeldOut(np.concatenate(clips), np.concatenate(scores), np.concatenate(numbers), kind)


def calibrate_across_folds(held_out: HeldOut, material: Material) -> NDArray[np.float32]:
    """Return calibrated probabilities (n_scored, n_classes), each fold's calibration fitted on the other folds only.

    With a single fold there is nothing else to fit on, and the calibration is the identity's.
    """
    task = material.dataset.task
    targets = material.dataset.targets[held_out.clips]
    probabilities = np.empty_like(held_out.scores)
    for number in np.unique(held_out.folds):
        mine, others = held_out.folds == number, held_out.folds != number
        if others.any():
            calibration = fit_calibration(held_out.scores[others], targets[others], task, held_out.score_kind)
        else:
            calibration = Calibration.identity(task, held_out.score_kind, targets.shape[1])
        probabilities[mine] = calibration(held_out.scores[mine])
    return probabilities


def thresholds_across_folds(
    held_out: HeldOut, material: Material, probabilities: NDArray[np.float32], options: TrainingOptions
) -> NDArray[np.float64]:
    """Return thresholds (n_scored, n_classes), each fold's chosen on the other folds only.

    Thresholds that were chosen on the clips that they are measured on flatter precision, recall and F1: of a label on
    one clip in twenty, pure noise then has twice the F1 that it has on new clips.
    """
    targets = material.dataset.targets[held_out.clips]
    thresholds = np.full(probabilities.shape, 0.5)
    for number in np.unique(held_out.folds):
        mine, others = held_out.folds == number, held_out.folds != number
        if others.any():
            rule, goal = options.threshold_rule, options.threshold_goal
            thresholds[mine] = choose_thresholds(targets[others], probabilities[others], rule=rule, goal=goal)
    return thresholds
