"""Features of a dataset and of its augmented copies, ready to train on and to score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import LeakError, ModelError
from earmark.core.progress import SILENT
from earmark.features.extract import extract_features
from earmark.features.measure import refuse_transforms
from earmark.models.aggregate import Aggregate, aggregate_windows
from earmark.models.base import FitContext, TakesContext
from earmark.models.table import build_classifier, build_frontend, find_recipe
from earmark.training.augmentation import augmentations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.core.progress import Progress
    from earmark.data.dataset import Dataset
    from earmark.features.base import Frontend
    from earmark.features.extract import FeatureTable
    from earmark.features.store import FeatureStore
    from earmark.models.base import Classifier
    from earmark.training.options import TrainingOptions


@dataclass(frozen=True)
class Material:
    """A dataset with its features.

    Attributes:
        dataset: The clips; those after the first `n_own` come from an extra source and are only trained on.
        n_own: Number of clips that may be tested on.
        frontend: What made the features.
        table: Features of every clip as it is.
        copies: Features of augmented copies of every clip, only ever trained on.
        extra: The extra source, if there is one.
    """

    dataset: Dataset
    n_own: int
    frontend: Frontend
    table: FeatureTable
    copies: tuple[FeatureTable, ...] = ()
    extra: Dataset | None = None

    @property
    def own(self) -> Dataset:
        """The clips that may be tested on."""
        return self.dataset.take(np.arange(self.n_own))

    def examples(self, clips: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the training rows of some own clips, of the extra clips, and of their augmented copies.

        Extra clips of a group that has own clips, but none among these, are left out: that group may be tested.

        Returns:
            Features float32 (n_rows, *shape) and targets float32 (n_rows, n_classes).
        """
        parts = self._training_rows(clips)
        targets = [self.dataset.targets[table.clip_rows[rows]] for table, rows in parts]
        if not self.copies:
            return np.asarray(self.table.features[parts[0][1]]), targets[0]
        # One block, filled table by table: features of copies are the largest thing in memory, once is enough.
        features = np.empty((sum(len(rows) for _, rows in parts), *self.table.features.shape[1:]), dtype=np.float32)
        start = 0
        for table, rows in parts:
            features[start : start + len(rows)] = table.features[rows]
            start += len(rows)
        return features, np.concatenate(targets)

    def example_groups(self, clips: NDArray[np.intp]) -> NDArray[np.str_]:
        """Return the group of each row that `examples` returns for these clips (n_rows,)."""
        groups = self.dataset.groups
        return np.concatenate([groups[table.clip_rows[rows]] for table, rows in self._training_rows(clips)])

    def _training_rows(self, clips: NDArray[np.intp]) -> list[tuple[FeatureTable, NDArray[np.int64]]]:
        groups = self.dataset.groups
        held_out = np.setdiff1d(groups[: self.n_own], groups[clips])
        extra = np.arange(self.n_own, len(groups))
        wanted = np.concatenate([clips, extra[~np.isin(groups[extra], held_out)]]).astype(np.intp)
        return [(table, table.rows_of(wanted)) for table in (self.table, *self.copies)]

    def clip_scores(self, classifier: Classifier, clips: NDArray[np.intp], aggregate: Aggregate) -> NDArray[np.float32]:
        """Return the classifier's scores of clips as they are, float32 (n_clips, n_classes), in the given order."""
        order = np.argsort(clips, kind="stable")
        rows = self.table.rows_of(clips[order])
        scores = classifier.scores(np.asarray(self.table.features[rows]))
        per_clip = aggregate_windows(scores, self.table.clip_rows[rows], self.table.levels_db[rows], aggregate)
        result = np.empty_like(per_clip)
        result[order] = per_clip
        return result


def prepare(
    dataset: Dataset,
    options: TrainingOptions,
    *,
    extra: Dataset | None = None,
    store: FeatureStore | None = None,
    progress: Progress = SILENT,
) -> Material:
    """Compute, or take from the store, all features that training with these options needs.

    Args:
        dataset: Clips to train and test on.
        options: Recipe, augmentation, seed and workers.
        extra: More clips with the same labels that are only ever trained on.
        store: Where features are kept.
        progress: Told of each stage.

    Raises:
        AudioError: Clips cannot be read.
        ConfigError: The recipe or an option is not known, or copies are asked for of a native frontend.
        DataError: The extra clips have labels that the dataset does not have.
        LeakError: A file of the dataset is among the extra clips, in another group.
    """
    recipe = find_recipe(options.recipe)
    frontend = build_frontend(recipe.frontend, recipe.frontend_options | options.frontend)
    refuse_transforms(frontend, options.copies)
    merged = dataset if extra is None else _merged(dataset, extra)
    tables = [
        extract_features(merged, frontend, store=store, workers=options.workers, progress=progress, transform=transform)
        for transform in (None, *augmentations(options.augmentation, options.copies, options.seed))
    ]
    return Material(merged, len(dataset.clips), frontend, tables[0], tuple(tables[1:]), extra)


def fit_clips(
    material: Material,
    clips: NDArray[np.intp],
    options: TrainingOptions,
    rng: np.random.Generator,
    context: FitContext | None = None,
) -> Classifier:
    """Return the recipe's classifier, fitted on some clips of the material.

    A classifier that takes a context gets this one, completed by the groups of the rows.

    Raises:
        ModelError: A class has no example, or the classifier refuses the value of an option.
        ConfigError: An option is not known.
    """
    classifier = build_classifier(find_recipe(options.recipe), material.dataset.task, options.classifier)
    features, targets = material.examples(clips)
    absent = [label for label, n in zip(material.dataset.labels, targets.sum(axis=0), strict=True) if not n]
    if absent:
        raise ModelError(
            f"training data: no example of {', '.join(absent)} among {len(clips)} clips; add clips of more groups with "
            "it, use fewer folds, or drop the label"
        )
    if isinstance(classifier, TakesContext):
        classifier.context = replace(context or FitContext(), groups=material.example_groups(clips))
    try:
        classifier.fit(features, targets, rng)
    except (ValueError, TypeError) as error:  # scikit-learn looks at the values of options only now
        raise ModelError(
            f'recipe "{options.recipe}" cannot be fitted with the options {options.classifier}: {error}'
        ) from error
    return classifier


def _merged(dataset: Dataset, extra: Dataset) -> Dataset:
    group_of = {clip.path.resolve(): clip.group for clip in dataset.clips}
    for clip in extra.clips:
        own = group_of.get(clip.path.resolve(), clip.group)
        if own != clip.group:
            raise LeakError(
                f'{clip.path}: is of group "{own}" in dataset {dataset.name}, but of "{clip.group}" in {extra.name}, '
                "which is only trained on; give it the same group in both"
            )
    return dataset.with_clips([*dataset.clips, *(replace(c, id=f"{extra.name}/{c.id}") for c in extra.clips)])
