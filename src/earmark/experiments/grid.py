"""From a plan and its dataset to every trial, with the clips that each is trained and tested on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import ConfigError
from earmark.core.identity import fingerprint
from earmark.core.randomness import named_generator
from earmark.data.split import make_folds
from earmark.experiments.targets import questions_of
from earmark.experiments.trial import Job, Trial
from earmark.experiments.zero_shot import Contender, untrained
from earmark.features.measure import refuse_transforms
from earmark.features.store import default_store
from earmark.models.table import build_frontend
from earmark.training.augmentation import augmentations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from earmark.data.dataset import Dataset
    from earmark.data.split import Fold
    from earmark.experiments.plan import ExperimentConfig, ModelPlan, Size
    from earmark.experiments.targets import Question
    from earmark.models.base import Recipe


@dataclass(frozen=True, eq=False)
class Grid:
    """All trials of a plan.

    Attributes:
        jobs: In the order in which they are best done: small sizes first, so that a first picture comes early.
        folds: The splits, one test set each.
        leaks: Groups that stand on both sides of a fold, which only `allow_shared_groups` lets through.
        notes: What was done otherwise than asked, for people.
    """

    jobs: tuple[Job, ...]
    folds: tuple[Fold, ...]
    leaks: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the distinct trials, in order."""
        return tuple(dict.fromkeys(job.trial.key for job in self.jobs))


def make_grid(config: ExperimentConfig, dataset: Dataset) -> Grid:
    """Return every trial of the plan on this dataset.

    Raises:
        ConfigError: The folds, a model's options or all sizes do not fit.
        DataError: There are too few groups for the folds.
        LeakError: A given fold shares groups between train and test, and the plan gives no reason for that.
        StoreError: The feature store, which knows the content of files, cannot be written.
    """
    folds = tuple(
        make_folds(
            dataset,
            config.folds,
            named_generator(config.seed, "folds"),
            allow_shared_groups=config.allow_shared_groups,
        )
    )
    leaks = tuple(sorted({group for fold in folds for group in fold.leaks}))
    questions, notes = questions_of(config, dataset, folds)
    trained = [Contender(model.title, *_definition(model, config.seed)) for model in config.models]
    asked = {question.target: question.labels for question in questions if 0 in question.sizes}
    untaught, more = untrained(config, asked) if asked else ({}, ())
    jobs = [
        Job(
            Trial(
                contender.title,
                size,
                len(train),
                fold.name,
                seed,
                contender.definition,
                contender.frontend,
                dataset.fingerprint,
                split,
                question.target,
            ),
            train,
            fold.test,
            contender.columns,
        )
        for seed, size, question, fold, train, split in _points(config, dataset, questions)
        for contender in (untaught[question.target] if size == 0 else trained)
    ]
    if not jobs:
        raise ConfigError(f"training_sizes: nothing is left to do: {'; '.join((*notes, *more))}")
    return Grid(tuple(jobs), folds, leaks, (*notes, *more))


def shard_of(jobs: Sequence[Job], index: int, n_shards: int) -> list[Job]:
    """Return the part of the jobs that falls to one of several machines; every shard gets a like mix.

    Raises:
        ConfigError: The index is not in 0 ... n_shards - 1.
    """
    if not 0 <= index < n_shards:
        raise ConfigError(f"shard {index}/{n_shards}: expected k/n with k from 0 to n - 1, such as 0/4")
    # By key, so that models, sizes and folds do not line up with the number of shards.
    keys = sorted({job.trial.key for job in jobs})
    mine = set(keys[index::n_shards])
    return [job for job in jobs if job.trial.key in mine]


def distinct(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs without those whose trial has come already."""
    return list({job.trial.key: job for job in reversed(list(jobs))}.values())[::-1]


def canonical_positions(dataset: Dataset) -> NDArray[np.intp]:
    """Return each clip's position in the order of ids, (n_clips,): the order of the stored dataset."""
    order = np.argsort(np.array([clip.id for clip in dataset.clips]), kind="stable")
    positions = np.empty(len(order), dtype=np.intp)
    positions[order] = np.arange(len(order))
    return positions


def _points(
    config: ExperimentConfig, dataset: Dataset, questions: Sequence[Question]
) -> Iterator[tuple[int, Size, Question, Fold, NDArray[np.intp], str]]:
    """Yield seed, size, question and fold of every point with its training rows and the fingerprint of its clips."""
    names, positions = _clip_names(dataset), canonical_positions(dataset)

    tested = {fold.name: sorted(names[row] for row in fold.test) for question in questions for fold in question.folds}

    for seed in config.seeds:
        for size in config.training_sizes:
            for question in questions:
                for index, fold in enumerate(question.folds if size in question.sizes else ()):
                    rows = question.rows(seed, index, size)
                    train = rows[np.argsort(positions[rows])]  # a forest's numbers depend on the order of its examples
                    split = fingerprint({"train": [names[row] for row in train], "test": tested[fold.name]})
                    yield seed, size, question, fold, train, split


def _clip_names(dataset: Dataset) -> list[str]:
    """Return what tells clips apart in keys: id and sound, so that a file that was changed is a new clip.

    Files that cannot be read have no sound yet; computing their features will say why.
    """
    sounds, _ = default_store().audio_keys([clip.path for clip in dataset.clips])
    return [f"{clip.id}\n{sounds.get(clip.path, '')}" for clip in dataset.clips]


def _definition(model: ModelPlan, seed: int) -> tuple[str, str]:
    """Return the fingerprints of what the model is and of the features that it takes."""
    recipe = model.found_recipe()
    frontend = build_frontend(recipe.frontend, recipe.frontend_options | model.frontend)
    refuse_transforms(frontend, model.copies)
    definition = {
        "classifier": _classifier_name(recipe),
        "options": recipe.classifier_options | model.classifier,
        "aggregate": model.aggregate,
        # Copies are made once per experiment, from its own seed.
        "copies": [copy.fingerprint for copy in augmentations(model.augmentation, model.copies, seed)],
    }
    try:
        return fingerprint(definition), frontend.spec.fingerprint
    except TypeError as error:
        raise ConfigError(f'model "{model.title}": options must be JSON-like to be named ({error})') from error


def _classifier_name(recipe: Recipe) -> str:
    classifier = recipe.classifier
    if isinstance(classifier, str):
        return classifier
    if not hasattr(classifier, "__qualname__"):  # such as functools.partial, whose arguments no name would show
        raise ConfigError(
            f'recipe "{recipe.name}": its classifier {classifier!r} has no name to keep results under; give a class or '
            'function, or "module:name", and put arguments into classifier_options'
        )
    return f"{classifier.__module__}:{classifier.__qualname__}"
