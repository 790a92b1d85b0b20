"""Detection of one target at a time: what a trial on a target is, which clips it learns from, how it is read back.

For readers of results (reports, figures, exports):

- `trial.target` names the one label that the trial detects; it is "" in a plan without `targets` (all labels at once).
- `trial.size` is the size that the plan asks for, `trial.n_train` the clips really learnt from: half of them have the
  target. `trial.size == 0` (and then `n_train == 0`) is zero-shot: the encoder's own classes, nothing learnt. The
  journal holds such a trial once for every seed, all with one key, so that averaging over seeds needs no exception.
- `done.predictions()` gives probabilities (n_test, 1) for a target; what they are compared with are the targets of
  `target_view(journal.dataset, trial.target)`, (n_clips, 1), at the positions that come with them.
- `done.metrics["roc_auc"]` is the ROC-AUC of the target on the fold's whole test set.
- Sizes that a target cannot give are not in `journal.trials`; `missing_targets(journal.plan, journal.trials)` says
  which targets a mean at a model and size lacks, and `journal.notes` why, in words.
- Folds that test no clip with the target, or only such, have no trial of it; that also stands in `journal.notes`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import ConfigError, did_you_mean
from earmark.core.randomness import named_generator
from earmark.data.dataset import Dataset
from earmark.data.subsets import detection_subsets, nested_subsets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from earmark.data.split import Fold
    from earmark.experiments.plan import ExperimentConfig, Size
    from earmark.experiments.trial import Trial

    Rows = NDArray[np.intp]


N_NAMED = 5


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of every model: which of all labels it is, or whether one target is heard.

    Attributes:
        target: The label to detect; empty for all labels at once.
        labels: Columns of the answers.
        folds: The splits that can ask it.
        sizes: Those of the plan's sizes that every one of these folds can give.
        rows: From seed, number of the fold and size to training rows, ascending.
    """

    target: str
    labels: tuple[str, ...]
    folds: tuple[Fold, ...]
    sizes: tuple[Size, ...]
    rows: Callable[[int, int, Size], Rows]


def questions_of(
    config: ExperimentConfig, dataset: Dataset, folds: Sequence[Fold]
) -> tuple[tuple[Question, ...], tuple[str, ...]]:
    """Return what the plan asks, and notes on folds and sizes that were left out.

    Raises:
        ConfigError: A target is not a label of the dataset, or no size is left.
    """
    if not config.targets:
        sizes, notes = _sizes_of_all(config, folds)
        rows = _rows_of_all(dataset, folds, _numbers(sizes))
        return (Question("", dataset.labels, tuple(folds), sizes, rows),), notes
    found = [_question(config, dataset, folds, target) for target in config.targets]
    questions = tuple(question for question, _ in found if question.folds and question.sizes)
    notes = tuple(note for _, about in found for note in about)
    if not questions:
        raise ConfigError(f"targets: nothing is left to do: {'; '.join(notes)}")
    return questions, notes


def target_view(dataset: Dataset, target: str) -> Dataset:
    """Return the clips with one label, the target, where they have it, else none: task "many"; "" is the dataset."""
    if not target:
        return dataset
    clips = tuple(replace(clip, labels=(target,) if target in clip.labels else ()) for clip in dataset.clips)
    return Dataset(dataset.name, clips, (target,), "many", dataset.source, dataset.licence)


def missing_targets(plan: Mapping[str, Any], trials: Iterable[Trial]) -> dict[tuple[str, Size], tuple[str, ...]]:
    """Return the plan's targets that have no trial at a model and size, by (model, size); only where some are missing.

    A model that has no trial at a size at all, such as one that must be trained at size 0, is not named there.
    """
    found: dict[tuple[str, Size], set[str]] = {}
    for trial in trials:
        found.setdefault((trial.model, trial.size), set()).add(trial.target)
    lacking = {
        place: tuple(target for target in plan.get("targets", ()) if target not in there)
        for place, there in found.items()
    }
    return {place: targets for place, targets in lacking.items() if targets}


def _question(
    config: ExperimentConfig, dataset: Dataset, folds: Sequence[Fold], target: str
) -> tuple[Question, list[str]]:
    if target not in dataset.labels:
        raise ConfigError(
            f'targets: dataset {dataset.name} has no label "{target}"{did_you_mean(target, dataset.labels)}'
            f"{_comma_hint(target, dataset.labels)}"
        )
    has = np.array([target in clip.labels for clip in dataset.clips], dtype=np.bool_)
    tested = tuple(fold for fold in folds if 0 < has[fold.test].sum() < len(fold.test))
    notes = []
    if len(tested) < len(folds):
        n_sides = tuple(len(np.unique(dataset.groups[side])) for side in (has, ~has))
        untested = [fold.name for fold in folds if fold not in tested]
        notes.append(_untested_note(target, untested, len(folds), n_sides))
    offers = [(int(has[fold.train].sum()), len(fold.train), fold.name) for fold in tested]
    n_having, n_clips, name = min(offers, key=lambda offer: min(offer[0], offer[1] - offer[0]), default=(0, 0, ""))
    limit = 2 * min(n_having, n_clips - n_having)
    sizes = tuple(size for size in config.training_sizes if size == 0 or (limit if size == "all" else size) <= limit)
    sizes = sizes if limit else tuple(size for size in sizes if size == 0)
    left_out = [str(size) for size in config.training_sizes if size not in sizes]
    if tested and left_out:
        clips = "training clip" if n_having == 1 else "training clips"
        notes.append(
            f'target "{target}": training sizes left out: {", ".join(left_out)}; fold "{name}" has {n_having} '
            f"{clips} with it and {n_clips - n_having} without, which makes {limit}"
        )
    return Question(target, (target,), tested, sizes, _rows_of_target(dataset, tested, target, _numbers(sizes))), notes


def _comma_hint(target: str, labels: Sequence[str]) -> str:
    """Say how a label with commas is typed, where the target is a piece of one."""
    whole = next((label for label in labels if target in [part.strip() for part in label.split(",")]), "")
    return f"; a label with commas needs quotes of its own: --targets '\"{whole}\"'" if whole else ""


def _untested_note(target: str, names: Sequence[str], n_folds: int, n_sides: tuple[int, ...]) -> str:
    """Say which folds do not ask for a target, and how many groups have clips with it and without."""
    shown = ", ".join(names[:N_NAMED]) + (f" and {len(names) - N_NAMED} more" if len(names) > N_NAMED else "")
    which = (
        f"{len(names)} of {n_folds} folds ({shown}) {'was' if len(names) == 1 else 'were'} left out"
        if len(names) < n_folds
        else "left out"
    )
    groups = f"{n_sides[0]} {'group' if n_sides[0] == 1 else 'groups'} with it, {n_sides[1]} without"
    return f'target "{target}": {which}: the test part has no clip with it, or none without; there are {groups}'


def _numbers(sizes: Sequence[Size]) -> list[int]:
    return [size for size in sizes if size != "all" and size > 0]


def _sizes_of_all(config: ExperimentConfig, folds: Sequence[Fold]) -> tuple[tuple[Size, ...], tuple[str, ...]]:
    """Return the sizes that every fold can give, and a note on those that one cannot.

    A curve whose points average different folds would bend where the folds change.
    """
    smallest = min(folds, key=lambda fold: len(fold.train))
    limit = len(smallest.train)
    kept = tuple(size for size in config.training_sizes if size == "all" or size <= limit)
    left_out = [str(size) for size in config.training_sizes if size not in kept]
    why = f'fold "{smallest.name}" has {limit} training clips'
    if not kept:
        raise ConfigError(f"training_sizes: found {', '.join(left_out)}, but {why}; ask for fewer")
    return kept, (f"training sizes {', '.join(left_out)} were left out: {why}",) if left_out else ()


def _rows_of_all(dataset: Dataset, folds: Sequence[Fold], numbers: Sequence[int]) -> Callable[[int, int, Size], Rows]:
    @cache
    def by_size(seed: int, index: int) -> dict[Size, Rows]:
        fold = folds[index]
        nested = nested_subsets(dataset, fold.train, numbers, named_generator(seed, "subsets", fold.name))
        found: dict[Size, Rows] = {subset.asked: subset.rows for subset in nested}
        return found | {"all": fold.train, 0: fold.train[:0]}

    return lambda seed, index, size: by_size(seed, index)[size]


def _rows_of_target(
    dataset: Dataset, folds: Sequence[Fold], target: str, numbers: Sequence[int]
) -> Callable[[int, int, Size], Rows]:
    """Return the function that draws balanced subsets; "all" is as many as the scarcer side of the fold allows."""

    @cache
    def by_size(seed: int, index: int) -> dict[Size, Rows]:
        fold = folds[index]
        most = 2 * max(1, len(fold.train))
        rng = named_generator(seed, "subsets", fold.name, target)
        nested = detection_subsets(dataset, fold.train, target, [*numbers, most], rng)
        found: dict[Size, Rows] = {subset.asked: subset.rows for subset in nested}
        return found | {"all": found[most], 0: fold.train[:0]}

    return lambda seed, index, size: by_size(seed, index)[size]
