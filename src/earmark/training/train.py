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
from earmark.training.watch import FINAL, KeepsHistory, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

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

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the final fit of a network could not do; empty for other classifiers."""
        return self.classifier.remarks if isinstance(self.classifier, KeepsHistory) else ()


def train(
    material: Material,
    options: TrainingOptions,
    mode: Mode = "cv",
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    progress: Progress = SILENT,
    checkpoints: Path | None = None,
    on_epoch: Callable[[str, int, dict[str, float]], None] | None = None,
) -> Trained:
    """Train and measure as the mode says (see the module).

    Args:
        material: Clips and features.
        options: Recipe and everything else.
        mode: How to measure and search.
        grid: Values to search, by option of the classifier; None takes the recipe's own.
        progress: Told of each stage, fold and epoch.
        checkpoints: Folder in which networks keep their state after each epoch; a run that was killed goes on from it.
        on_epoch: Called with the name of a network's fit ("final" or a fold's), the epoch from 1 and its figures.

    Raises:
        DataError: There are too few groups for the folds.
        LeakError: A given split has groups on both sides, and no reason allows it.
        ModelError: A class has no example in a fold.
        ConfigError: An option is not known, or mode, folds and grid contradict each other.
    """
    if grid and mode in ("train", "cv"):
        raise ConfigError(f'mode "{mode}" searches no grid; use mode "{"cvgrid" if mode == "cv" else "grid"}"')
    watch = Watch(progress, checkpoints, on_epoch)
    if mode in ("cv", "cvgrid"):
        return _by_folds(material, options, mode, grid, watch)
    return _by_parts(material, options, mode, grid, watch)


def _by_folds(
    material: Material,
    options: TrainingOptions,
    mode: Mode,
    grid: Mapping[str, Sequence[Any]] | None,
    watch: Watch,
) -> Trained:
    folds = _outer_folds(material, options, options.folds)
    if len(folds) == 1:
        one = "train" if mode == "cv" else "grid"
        raise ConfigError(f'mode "{mode}" needs several folds, but "{options.folds}" is one split; use mode "{one}"')
    everything = np.arange(material.n_own)
    if mode == "cv":
        searches: tuple[GridResult, ...] = ()
        measured_scores = held_out = score_held_out(material, folds, options, watch)
    else:
        searches = tuple(search_grid(material, fold.train, options, grid, watch) for fold in folds)
        tuned = [_with(options, search) for search in searches]
        parts = [score_held_out(material, [f], o, watch) for f, o in zip(folds, tuned, strict=True)]
        measured_scores = _joined(parts)
        searches = (*searches, search_grid(material, everything, options, grid, watch))
        options = _with(options, searches[-1])
        held_out = score_held_out(material, folds, options, watch)
    calibration, thresholds = _calibrated(held_out, material, options)
    classifier = _fit_final(material, everything, options, watch)
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
    watch: Watch,
) -> Trained:
    spec = options.folds if options.folds.partition(":")[0] in {"given", "parts"} else "parts:70/15/15"
    fold = _one_fold(material, options, spec)
    searches: tuple[GridResult, ...] = ()
    if mode == "grid":
        searches = (search_grid(material, fold.train, options, grid, watch),)
        options = _with(options, searches[0])
    inner = folds_within(material.own, fold.train, options.folds, named_generator(options.seed, "inner folds"))
    calibration, thresholds = _calibrated(score_held_out(material, inner, options, watch), material, options)
    classifier = _fit_final(material, fold.train, options, watch)
    probabilities = calibration(material.clip_scores(classifier, fold.test, options.aggregate))
    limits = np.tile(thresholds, (len(fold.test), 1))
    how = f"one split ({spec}), {fold.name} part"
    measured = _measured(material, fold.test, (probabilities, limits), how, fold.leaks)
    return Trained(options, mode, material, classifier, fold.train, calibration, thresholds, measured, searches)


def _fit_final(material: Material, clips: NDArray[np.intp], options: TrainingOptions, watch: Watch) -> Classifier:
    watch.progress.start(f"{options.recipe}: final fit", 1)
    context = watch.context(FINAL, options, clips)
    classifier = fit_clips(material, clips, options, named_generator(options.seed, "final"), context)
    watch.progress.advance()
    return classifier


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
