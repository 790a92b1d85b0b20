"""Write a split into the clips themselves, so that a manifest carries it to others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.data.split import make_folds

if TYPE_CHECKING:
    from earmark.data.dataset import Dataset


def assign_folds(dataset: Dataset, spec: str, rng: np.random.Generator) -> Dataset:
    """Return the dataset with the fold of every clip set to the part in which it is tested.

    A single split names its parts train, validation and test; several folds name each clip after the fold that tests
    it. `spec` is as for `make_folds`.

    Raises:
        ConfigError: The spec is not known.
        DataError: The dataset does not allow it.
        LeakError: Groups would stand on both sides.
    """
    folds = make_folds(dataset, spec, rng)
    names = np.full(len(dataset.clips), "train", dtype=object)
    for fold in folds:
        names[fold.test] = fold.name
        names[fold.validation] = "validation"
    return dataset.with_clips([replace(clip, fold=str(name)) for clip, name in zip(dataset.clips, names, strict=True)])
