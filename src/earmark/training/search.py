"""Grid search over a classifier's options, by grouped cross-validation inside the training clips."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.core.errors import ConfigError
from earmark.core.randomness import named_generator
from earmark.core.settings import settings
from earmark.data.split import Fold, make_folds
from earmark.evaluation.metrics import Metric
from earmark.models.table import find_recipe
from earmark.training.crossval import calibrate_across_folds, score_held_out
from earmark.training.watch import UNWATCHED, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from earmark.data.dataset import Dataset
    from earmark.training.material import Material
    from earmark.training.options import TrainingOptions


@dataclass(frozen=True)
class GridPoint:
    """One combination of options and what it scored on held-out groups."""

    options: dict[str, Any]
    score: float


@dataclass(frozen=True)
class GridResult:
    """All combinations, best first; `metric` names the score."""

    metric: str
    points: tuple[GridPoint, ...]

    @property
    def best(self) -> GridPoint:
        """The winner; of equals, the one that stands first in the grid."""
        return self.points[0]


def folds_within(dataset: Dataset, rows: NDArray[np.intp], spec: str, rng: np.random.Generator) -> list[Fold]:
    """Return folds of some clips of a dataset, as positions in the whole dataset.

    "given" and "parts" are for the outer split only and become grouped folds here; there are never more folds than
    groups.

    Raises:
        DataError: The clips have fewer than two groups.
    """
    part = dataset.take(rows)
    n_groups = len(set(part.groups.tolist()))
    kind, _, count = spec.partition(":")
    if kind != "leave-one-group-out":
        n_folds = int(count) if kind == "grouped" and count.isdecimal() else settings().default_cv_folds
        spec = f"grouped:{max(2, min(n_groups, n_folds))}"
    folds = make_folds(part, spec, rng)
    return [Fold(fold.name, rows[fold.train], rows[fold.test]) for fold in folds]


def expand_grid(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every combination of a grid's values, in order."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def search_grid(
    material: Material,
    rows: NDArray[np.intp],
    options: TrainingOptions,
    grid: Mapping[str, Sequence[Any]] | None = None,
    watch: Watch = UNWATCHED,
) -> GridResult:
    """Score every combination of classifier options on the same grouped folds of the given clips.

    Args:
        material: Clips and features.
        rows: The clips to use; nothing else is looked at.
        options: Everything but the options searched.
        grid: Values by option; None takes the recipe's own grid.
        watch: Told of each stage.

    Raises:
        ConfigError: There is no grid, or an option in it is not known.
        DataError: The clips have fewer than two groups.
    """
    wanted = dict(grid or find_recipe(options.recipe).grid)
    if not wanted or not all(wanted.values()):
        raise ConfigError(f'recipe "{options.recipe}" has no grid; name the values, such as --grid C=0.1,1,10')
    folds = folds_within(material.own, rows, options.folds, named_generator(options.seed, "grid folds"))
    task = material.dataset.task
    metric = Metric("balanced_accuracy" if task == "one" else "average_precision", task)
    points = []
    for combination in expand_grid(wanted):
        tried = options.model_copy(update={"classifier": options.classifier | combination})
        held_out = score_held_out(material, folds, tried, watch)
        probabilities = calibrate_across_folds(held_out, material)
        score = metric(material.dataset.targets[held_out.clips], probabilities)
        points.append(GridPoint(combination, float("-inf") if score is None else score))
    return GridResult(metric.name, tuple(sorted(points, key=lambda point: -point.score)))
