"""Train a recipe, measure it on groups it never saw, and make a bundle of it.

    train    one grouped split (70/15/15, or the given one): fit on train and validation, measure on test
    cv       measure by grouped cross-validation, then fit on everything
    grid     like train, with the classifier's options searched inside the training part first
    cvgrid   like cv, with the search inside each fold (nested cross-validation) and once more for the final fit

Calibration and thresholds always come from out-of-fold scores of the clips that the final model was fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import ConfigError
from earmark.core.progress import SILENT
from earmark.core.randomness import named_generator
from earmark.data.split import Fold, make_folds
from earmark.models.calibrate import Calibration, choose_thresholds, fit_calibration
from earmark.training.crossval import HeldOut, calibrate_across_folds, score_held_out, thresholds_across_folds
from earmark.training.material import fit_clips
from earmark.training.search import GridResult, folds_within, search_grid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from earmark.core.progress import Progress
    from earmark.models.base import Classifier
    from earmark.training.material import Material
    from earmark.training.options import Mode, TrainingOptions


@dataclass(frozen=True)
class Measured:
    """Clips that a model never saw, and what it said of them.

    Attributes:
        clips: Positions in the dataset (n_clips,).
        targets: float32 (n_clips, n_classes).
        probabilities: float32 (n_clips, n_classes), calibrated without these clips' groups.
        thresholds: float64 (n_clips, n_classes), chosen without these clips' groups.
        groups: (n_clips,) str.
        how: The split in words.
        leaks: Groups that a given split has on both sides, which flatters the numbers.
    """

    clips: NDArray[np.intp]
    targets: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    thresholds: NDArray[np.float64]
    groups: NDArray[np.str_]
    how: str
    leaks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trained:
    """A fitted classifier with its calibration, its thresholds and its measurements."""

    options: TrainingOptions
    mode: Mode
    material: Material
    classifier: Classifier
    fitted_on: NDArray[np.intp]
    calibration: Calibration
    thresholds: tuple[float, ...]
    measured: Measured
    searches: tuple[GridResult, ...] = ()


def train(
    material: Material,
    options: TrainingOptions,
    mode: Mode = "cv",
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    progress: Progress = SILENT,
) -> Trained:
    """Train and measure as the mode says (see the module).

    Raises:
        DataError: There are too few groups for the folds.
        LeakError: A given split has groups on both sides, and no reason allows it.
        ModelError: A class has no example in a fold.
        ConfigError: An option is not known, or mode, folds and grid contradict each other.
    """
    if grid and mode in ("train", "cv"):
        raise ConfigError(f'mode "{mode}" searches no grid; use mode "{"cvgrid" if mode == "cv" else "grid"}"')
    if mode in ("cv", "cvgrid"):
        return _by_folds(material, options, mode, grid, progress)
    return _by_parts(material, options, mode, grid, progress)


def _by_folds(
    material: Material,
    options: TrainingOptions,
    mode: Mode,
    grid: Mapping[str, Sequence[Any]] | None,
    progress: Progress,
) -> Trained:
    folds = _outer_folds(material, options, options.folds)
    if len(folds) == 1:
        one = "train" if mode == "cv" else "grid"
        raise ConfigError(f'mode "{mode}" needs several folds, but "{options.folds}" is one split; use mode "{one}"')
    everything = np.arange(material.n_own)
    if mode == "cv":
        searches: tuple[GridResult, ...] = ()
        measured_scores = held_out = score_held_out(material, folds, options, progress)
    else:
        searches = tuple(search_grid(material, fold.train, options, grid, progress) for fold in folds)
        tuned = [_with(options, search) for search in searches]
        parts = [score_held_out(material, [f], o, progress) for f, o in zip(folds, tuned, strict=True)]
        measured_scores = _joined(parts)
        searches = (*searches, search_grid(material, everything, options, grid, progress))
        options = _with(options, searches[-1])
        held_out = score_held_out(material, folds, options, progress)
    calibration, thresholds = _calibrated(held_out, material, options)
    classifier = fit_clips(material, everything, options, named_generator(options.seed, "final"))
    leaks = tuple(sorted({group for fold in folds for group in fold.leaks}))
    probabilities = calibrate_across_folds(measured_scores, material)
    limits = thresholds_across_folds(measured_scores, material, probabilities, options)
    how = f"{options.folds}, {len(folds)} folds"
    measured = _measured(material, measured_scores.clips, (probabilities, limits), how, leaks)
    return Trained(options, mode, material, classifier, everything, calibration, thresholds, measured, searches)


def _by_parts(
    material: Material,
    options: TrainingOptions,
    mode: Mode,
    grid: Mapping[str, Sequence[Any]] | None,
    progress: Progress,
) -> Trained:
    spec = options.folds if options.folds.partition(":")[0] in {"given", "parts"} else "parts:70/15/15"
    fold = _one_fold(material, options, spec)
    searches: tuple[GridResult, ...] = ()
    if mode == "grid":
        searches = (search_grid(material, fold.train, options, grid, progress),)
        options = _with(options, searches[0])
    inner = folds_within(material.own, fold.train, options.folds, named_generator(options.seed, "inner folds"))
    calibration, thresholds = _calibrated(score_held_out(material, inner, options, progress), material, options)
    classifier = fit_clips(material, fold.train, options, named_generator(options.seed, "final"))
    probabilities = calibration(material.clip_scores(classifier, fold.test, options.aggregate))
    limits = np.tile(thresholds, (len(fold.test), 1))
    how = f"one split ({spec}), {fold.name} part"
    measured = _measured(material, fold.test, (probabilities, limits), how, fold.leaks)
    return Trained(options, mode, material, classifier, fold.train, calibration, thresholds, measured, searches)


def _outer_folds(material: Material, options: TrainingOptions, spec: str) -> list[Fold]:
    rng = named_generator(options.seed, "folds")
    return make_folds(material.own, spec, rng, allow_shared_groups=options.allow_shared_groups)


def _one_fold(material: Material, options: TrainingOptions, spec: str) -> Fold:
    """Return the split to measure on once; its validation clips are trained on too."""
    fold = _outer_folds(material, options, spec)[0]
    return replace(fold, train=np.union1d(fold.train, fold.validation), validation=fold.validation[:0])


def _calibrated(
    held_out: HeldOut, material: Material, options: TrainingOptions
) -> tuple[Calibration, tuple[float, ...]]:
    targets = material.dataset.targets[held_out.clips]
    calibration = fit_calibration(held_out.scores, targets, material.dataset.task, held_out.score_kind)
    probabilities = calibrate_across_folds(held_out, material)
    thresholds = choose_thresholds(targets, probabilities, rule=options.threshold_rule, goal=options.threshold_goal)
    return calibration, thresholds


def _measured(
    material: Material,
    clips: NDArray[np.intp],
    said: tuple[NDArray[np.float32], NDArray[np.float64]],
    how: str,
    leaks: tuple[str, ...],
) -> Measured:
    dataset = material.dataset
    return Measured(clips, dataset.targets[clips], *said, dataset.groups[clips], how, leaks)


def _with(options: TrainingOptions, search: GridResult) -> TrainingOptions:
    return options.model_copy(update={"classifier": options.classifier | search.best.options})


def _joined(parts: Sequence[HeldOut]) -> HeldOut:
    numbers = [np.full(len(part.clips), number) for number, part in enumerate(parts)]
    return HeldOut(
        np.concatenate([part.clips for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate(numbers),
        parts[0].score_kind,
    )
