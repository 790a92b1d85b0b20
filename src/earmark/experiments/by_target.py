"""What an experiment on targets found: a point for every model, target and size, and for the mean over targets.

Seeds are averaged within their fold first, folds within their target, then targets. The mean over targets exists where
every target of the plan has all its trials: a curve whose points average different targets would bend where the
targets change.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.evaluation.detection import Cell, area_interval, group_interval
from earmark.evaluation.learning import LearningCurve
from earmark.evaluation.metrics import METRICS
from earmark.evaluation.sums import mean_defined
from earmark.experiments.curves import LEVEL, Entry
from earmark.experiments.target_areas import left_out_areas
from earmark.experiments.targets import target_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.evaluation.metrics import Kind
    from earmark.experiments.journal import Journal
    from earmark.experiments.plan import Size

MEAN = ""  # in place of a target: the mean over all targets


@dataclass(frozen=True)
class Point:
    """One model at one size on one target, or on the mean over targets.

    Attributes:
        model: What the plan calls it.
        target: A label, or `MEAN`.
        size: As the plan asks for it; 0 is zero-shot.
        n_train: Clips really learnt from, mean over folds.
        value: The metric, mean over folds.
        low: Lower limit, None without interval.
        high: Upper limit, None without interval.
        method: How the interval was made; "none" without.
        n_folds: Folds with a value.
        is_complete: Whether all its trials are done.
    """

    model: str
    target: str
    size: Size
    n_train: int
    value: float
    low: float | None
    high: float | None
    method: str
    n_folds: int
    is_complete: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able dict."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class TargetFindings:
    """Everything that reports say about an experiment on targets.

    Attributes:
        journal: The plan, its trials and its clips.
        entries: Every point of the grid with its result.
        metric: What is compared.
    """

    journal: Journal
    entries: tuple[Entry, ...]
    metric: str

    @property
    def kind(self) -> Kind:
        """The metric's row in the table of metrics."""
        return METRICS[self.metric]

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Models in the order of the plan."""
        return tuple(dict.fromkeys(str(model["name"] or model["recipe"]) for model in self.journal.plan["models"]))

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Targets that have trials, in the order of the plan."""
        found = {entry.trial.target for entry in self.entries}
        return tuple(target for target in self.journal.plan["targets"] if target in found)

    @cached_property
    def folds(self) -> tuple[str, ...]:
        """Names of the folds."""
        return tuple(dict.fromkeys(entry.trial.fold for entry in self.entries))

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """Sizes that have trials, ascending; one that adds no clips to the one before is left out."""
        asked = {entry.trial.size for entry in self.entries}
        order = sorted(asked, key=lambda size: (size == "all", size if size != "all" else 0))
        kept: dict[tuple[int | None, ...], Size] = {}
        for size in order:
            kept.setdefault(tuple(self._n_train.get((target, size)) for target in self.targets), size)
        return tuple(kept.values())

    @property
    def n_missing(self) -> int:
        """Points of the grid without a result."""
        return sum(1 for entry in self.entries if entry.done is None)

    @cached_property
    def n_groups(self) -> int:
        """Groups of the dataset."""
        return len(np.unique(self.journal.dataset.groups))

    @cached_property
    def cells(self) -> dict[tuple[str, str], tuple[Cell, NDArray[np.intp]]]:
        """The test clips of each target and fold with any result, and their positions, rising.

        Raises:
            StoreError: A file of probabilities is damaged.
        """
        _, groups = np.unique(self.journal.dataset.groups, return_inverse=True)
        found: dict[tuple[str, str], tuple[Cell, NDArray[np.intp]]] = {}
        for entry in self.entries:
            name = entry.trial.target, entry.trial.fold
            if entry.done is None or name in found:
                continue
            clips = np.sort(entry.done.predictions()[0])
            positive = target_view(self.journal.dataset, entry.trial.target).targets[clips, 0] == 1
            found[name] = Cell(positive, groups.reshape(-1)[clips].astype(np.int64)), clips
        return found

    def scores(self, model: str, target: str, size: Size, fold: str) -> list[NDArray[np.float64]]:
        """Return the probabilities of the cell's clips, (n_clips,) for each seed that is done.

        Raises:
            StoreError: A file of probabilities is damaged.
        """
        known: dict[str, NDArray[np.float64]] = {}  # zero-shot has one result for all seeds
        for entry in self._at.get((model, target, size, fold), ()):
            if entry.done is not None and entry.trial.key not in known:
                clips, probabilities = entry.done.predictions()
                known[entry.trial.key] = probabilities[np.argsort(clips), 0].astype(np.float64)
        return list(known.values())

    def values(self, model: str, size: Size, metric: str = "") -> NDArray[np.float64]:
        """Return the metric, float64 (n_targets, n_folds), seeds averaged; NaN where there is none."""
        table = np.full((len(self.targets), len(self.folds)), np.nan)
        for row, target in enumerate(self.targets):
            for column, fold in enumerate(self.folds):
                done = [entry.done for entry in self._at.get((model, target, size, fold), ()) if entry.done]
                seeds = [value for one in done if (value := one.metrics.get(metric or self.metric)) is not None]
                table[row, column] = np.mean(seeds) if seeds else np.nan
        return table

    def point(self, model: str, target: str, size: Size) -> Point | None:
        """Return a point, None where it has no value (yet)."""
        return self._points.get((model, target, size))

    def points(self, target: str, model: str | None = None) -> list[Point]:
        """Return the points of a target or of the mean, sizes ascending within each model."""
        mine = [point for (name, where, _), point in self._points.items() if where == target and model in (None, name)]
        return sorted(mine, key=lambda point: self.models.index(point.model))

    def n_train(self, target: str, size: Size) -> int | None:
        """Return the clips that a size of a target means, mean over folds; for `MEAN` over targets too."""
        if target != MEAN:
            return self._n_train.get((target, size))
        found = [n for (_, other), n in self._n_train.items() if other == size]
        return round(float(np.mean(found))) if found else None

    def missing_targets(self, model: str, size: Size) -> tuple[str, ...]:
        """Return the targets of the plan whose trials of this model and size are not all there and done."""
        return tuple(target for target in self.journal.plan["targets"] if not self._is_done(model, target, size))

    def has_trials(self, model: str, size: Size, target: str = MEAN) -> bool:
        """Return whether the plan trains (or asks) this model at this size on the target; `MEAN`: on any."""
        return any((model, name, size) in self._by_point for name in (self.targets if target == MEAN else (target,)))

    @cached_property
    def best_size(self) -> Size | None:
        """The largest size at which the mean over targets is known for every model that has trials there."""
        return self.largest_complete(MEAN)

    def largest_complete(self, target: str) -> Size | None:
        """Return the largest size at which every model that has trials of the target, or of any, has them all done."""
        for size in reversed(self.sizes):
            able = [model for model in self.models if self.has_trials(model, size, target)]
            points = [self.point(model, target, size) for model in able]
            if points and all(point is not None and point.is_complete for point in points):
                return size
        return None

    @property
    def best(self) -> tuple[LearningCurve, int] | None:
        """The best model's curve on the mean over targets and the index of the largest complete size on it."""
        point = None if self.best_size is None else self.best_on(MEAN, self.best_size)
        curve = None if point is None else self.curve(point.model, MEAN)
        return None if curve is None or point is None else (curve, curve.sizes.index(point.n_train))

    def curve(self, model: str, target: str) -> LearningCurve | None:
        """Return a model's learning curve on a target, or on the mean, at the clips really learnt from."""
        points = self.points(target, model)
        points = [point for at, point in enumerate(points) if at == 0 or point.n_train > points[at - 1].n_train]
        if not points:
            return None
        return LearningCurve(
            model,
            tuple(point.n_train for point in points),
            tuple(point.value for point in points),
            tuple(point.low for point in points),
            tuple(point.high for point in points),
            tuple(point.n_folds for point in points),
        )

    def best_on(self, target: str, size: Size) -> Point | None:
        """Return the best model's point at a size, None where no model has one."""
        found = [point for point in self.points(target) if point.size == size]
        sign = 1 if self.kind.higher_is_better else -1
        return max(found, key=lambda point: sign * point.value, default=None)

    @cached_property
    def _n_train(self) -> dict[tuple[str, Size], int]:
        found: dict[tuple[str, Size], list[int]] = {}
        for entry in self.entries:
            found.setdefault((entry.trial.target, entry.trial.size), []).append(entry.trial.n_train)
        return {name: round(float(np.mean(counts))) for name, counts in found.items()}

    @cached_property
    def _at(self) -> dict[tuple[str, str, Size, str], list[Entry]]:
        found: dict[tuple[str, str, Size, str], list[Entry]] = {}
        for entry in self.entries:
            trial = entry.trial
            found.setdefault((trial.model, trial.target, trial.size, trial.fold), []).append(entry)
        return found

    @cached_property
    def _by_point(self) -> dict[tuple[str, str, Size], list[Entry]]:
        found: dict[tuple[str, str, Size], list[Entry]] = {}
        for entry in self.entries:
            found.setdefault((entry.trial.model, entry.trial.target, entry.trial.size), []).append(entry)
        return found

    def _is_done(self, model: str, target: str, size: Size) -> bool:
        entries = self._by_point.get((model, target, size), [])
        return bool(entries) and all(entry.done is not None for entry in entries)

    @cached_property
    def _points(self) -> dict[tuple[str, str, Size], Point]:
        found: dict[tuple[str, str, Size], Point] = {}
        for model in self.models:
            for size in self.sizes:
                values = self.values(model, size)
                for row, target in enumerate(self.targets):
                    if not np.isnan(values[row]).all():
                        found[model, target, size] = self._make_point(model, target, size, values[row : row + 1])
                if not self.missing_targets(model, size) and not np.isnan(values).all(axis=1).any():
                    found[model, MEAN, size] = self._make_point(model, MEAN, size, values)
        return found

    def _make_point(self, model: str, name: str, size: Size, values: NDArray[np.float64]) -> Point:
        targets = self.targets if name == MEAN else (name,)
        cells = [cell for (target, _), (cell, _) in self.cells.items() if target in targets]
        n_independent = sum(cell.n_independent for cell in cells)
        interval = area_interval(values, n_independent=n_independent, level=LEVEL, scale=self.kind.scale)
        value = float(mean_defined(mean_defined(values)[None])[0])
        if interval is None and self.metric == "roc_auc":
            left_out = left_out_areas(self, model, targets, size)
            if np.isfinite(left_out).sum() > 1:
                interval = group_interval(value, left_out, n_independent=n_independent, level=LEVEL)
        return Point(
            model=model,
            target=name,
            size=size,
            n_train=self.n_train(name, size) or 0,
            value=value,
            low=None if interval is None else interval.low,
            high=None if interval is None else interval.high,
            method="none" if interval is None else interval.method,
            n_folds=int((~np.isnan(values)).any(axis=0).sum()),
            is_complete=all(self._is_done(model, target, size) for target in targets),
        )
