"""From results to learning curves, final numbers and paired tests.

Folds are the independent units of the curves: seeds are averaged within their fold first. Paired tests of accuracy
compare the same clips, group by group; other metrics exist per test set only, and are compared fold by fold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.randomness import named_generator
from earmark.evaluation.compare import EXACT_GROUPS, Comparison, compare_paired, holm
from earmark.evaluation.learning import LearningCurve, LearningRow, learning_curves
from earmark.evaluation.metrics import METRICS, check_scored
from earmark.evaluation.sums import right_terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from earmark.data.dataset import Dataset
    from earmark.evaluation.metrics import Kind
    from earmark.experiments.journal import Journal
    from earmark.experiments.results import Done, ResultsStore
    from earmark.experiments.trial import Trial

LEVEL = 0.95


@dataclass(frozen=True)
class Pair:
    """Two models at one training size: how much higher A scores, and the p-value corrected for all pairs there.

    A is the better one.
    """

    n_train: int
    model_a: str
    model_b: str
    comparison: Comparison
    p_holm: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able dict."""
        names = {"n_train": self.n_train, "model_a": self.model_a, "model_b": self.model_b}
        return {**names, **self.comparison.to_dict(), "p_holm": self.p_holm}


@dataclass(frozen=True)
class Entry:
    """A point of the grid and its result, None while it is not done."""

    trial: Trial
    done: Done | None


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything that reports say about an experiment.

    Attributes:
        journal: The plan, its trials and its clips.
        entries: Every point of the grid with its result.
        metric: What is compared first.
        sizes: Training size (mean over folds, rounded) of each size that the plan asks for, ascending; a size that
            adds no clips to the one before is left out.
        right: For each model and training size, the share of seeds for which each clip is decided rightly,
            float64 (n_clips,), NaN where no result is in.
    """

    journal: Journal
    entries: tuple[Entry, ...]
    metric: str
    sizes: dict[str | int, int]
    right: dict[tuple[str, int], NDArray[np.float64]]

    @property
    def kind(self) -> Kind:
        """The metric's row in the table of metrics."""
        return METRICS[self.metric]

    @property
    def models(self) -> tuple[str, ...]:
        """Models in the order of the plan."""
        return tuple(dict.fromkeys(entry.trial.model for entry in self.entries))

    @property
    def n_missing(self) -> int:
        """Points of the grid without a result."""
        return sum(1 for entry in self.entries if entry.done is None)

    @cached_property
    def curves(self) -> tuple[LearningCurve, ...]:
        """One learning curve for each model that has a value, in the order of the plan."""
        return self.curves_of(self.metric)

    def curves_of(self, metric: str) -> tuple[LearningCurve, ...]:
        """Return the learning curves of another metric; empty where no result has a value of it."""
        rows = self._rows(metric)
        scale = METRICS[metric].scale
        found = {curve.model: curve for curve in learning_curves(rows, level=LEVEL, scale=scale)} if rows else {}
        return tuple(found[model] for model in self.models if model in found)

    def folds_done(self, model: str, n_train: int) -> tuple[int, int]:
        """Return how many folds of a point have all their seeds, and how many there are."""
        complete: dict[str, bool] = {}
        for entry in self._at(model, n_train):
            complete[entry.trial.fold] = complete.get(entry.trial.fold, True) and entry.done is not None
        return sum(complete.values()), len(complete)

    @cached_property
    def best(self) -> tuple[LearningCurve, int] | None:
        """The best curve and its index at the largest size at which every trial of every model is done."""
        curves = self.curves
        for n_train in sorted(self.sizes.values(), reverse=True):
            if all(done == n for model in self.models for done, n in [self.folds_done(model, n_train)]):
                points = [(curve, curve.sizes.index(n_train)) for curve in curves if n_train in curve.sizes]
                sign = 1 if self.kind.higher_is_better else -1
                return max(points, key=lambda point: sign * point[0].means[point[1]], default=None)
        return None

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Paired comparisons of all models at each size, the largest first; the resamples' seed is the plan's."""
        return tuple(pair for n_train in [*self.sizes.values()][::-1] for pair in self._pairs_at(n_train))

    def group_rates(self, n_train: int) -> list[tuple[str, int, dict[str, float | None]]]:
        """Return name, number of clips and accuracy of each model of every group, the hardest group first."""
        dataset = self.journal.dataset
        rows = []
        for group in np.unique(dataset.groups):
            mine = dataset.groups == group
            rates = {model: _mean(self.right.get((model, n_train)), mine) for model in self.models}
            rows.append((str(group), int(mine.sum()), rates))
        return sorted(rows, key=lambda row: np.mean([rate for rate in row[2].values() if rate is not None] or [2.0]))

    def predictions(self, model: str, n_train: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return targets and probabilities of all folds and seeds of a point, (n, n_classes) each.

        Raises:
            StoreError: A file of probabilities is damaged.
        """
        parts = [entry.done.predictions() for entry in self._at(model, n_train) if entry.done]
        n_classes = self.journal.dataset.n_classes
        clips = np.concatenate([np.zeros(0, dtype=np.intp), *(part[0] for part in parts)])
        probabilities = [np.zeros((0, n_classes), dtype=np.float32), *(part[1] for part in parts)]
        return self.journal.dataset.targets[clips], np.concatenate(probabilities)

    def _at(self, model: str, n_train: int) -> list[Entry]:
        return [
            entry
            for entry in self.entries
            if entry.trial.model == model and self.sizes.get(entry.trial.size) == n_train
        ]

    def _rows(self, metric: str) -> list[LearningRow]:
        return [
            LearningRow(trial.model, self.sizes[trial.size], trial.fold, trial.seed, value, entry.done.facts["n_test"])
            for entry in self.entries
            if entry.done and (trial := entry.trial).size in self.sizes
            if (value := entry.done.metrics.get(metric)) is not None
        ]

    def _pairs_at(self, n_train: int) -> list[Pair]:
        found: dict[str, tuple[str, str, Comparison]] = {}
        for model_a, model_b in combinations(self.models, 2):
            a, b, groups = self._paired_scores(model_a, model_b, n_train)
            if len(set(groups.tolist())) < 2:
                continue
            rng = named_generator(int(self.journal.plan["seed"]), "comparison", n_train, model_a, model_b)
            if (a.mean() < b.mean()) == self.kind.higher_is_better:
                model_a, model_b, a, b = model_b, model_a, b, a  # noqa: PLW2901
            found[f"{model_a}\n{model_b}"] = model_a, model_b, compare_paired(a, b, groups, rng, level=LEVEL)
        corrected = holm({name: comparison.p_value for name, (_, _, comparison) in found.items()})
        return [Pair(n_train, a, b, comparison, corrected[name]) for name, (a, b, comparison) in found.items()]

    def _paired_scores(
        self, model_a: str, model_b: str, n_train: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
        """Return scores of both models on what both were tested on, and the groups or folds of these."""
        if self.metric == "accuracy":
            empty = np.full(len(self.journal.dataset.clips), np.nan)
            a, b = (self.right.get((model, n_train), empty) for model in (model_a, model_b))
            both = ~(np.isnan(a) | np.isnan(b))
            return a[both], b[both], self.journal.dataset.groups[both]
        per_fold = [self._fold_means(model, n_train) for model in (model_a, model_b)]
        folds = [fold for fold in per_fold[0] if fold in per_fold[1]]
        a, b = (np.array([means[fold] for fold in folds]) for means in per_fold)
        return a, b, np.array(folds, dtype=np.str_)

    def _fold_means(self, model: str, n_train: int) -> dict[str, float]:
        values: dict[str, list[float]] = {}
        for row in self._rows(self.metric):
            if (row.model, row.n_train) == (model, n_train):
                values.setdefault(str(row.fold), []).append(row.value)
        return {fold: float(np.mean(found)) for fold, found in values.items()}


def find(journal: Journal, results: ResultsStore, *, metric: str | None = None) -> Findings:
    """Return what is known of an experiment so far.

    Raises:
        StoreError: Results cannot be read.
    """
    done = results.load_all(journal.keys)
    entries = tuple(Entry(trial, done.get(trial.key)) for trial in journal.trials)
    sizes = _sizes(journal)
    right = _right(entries, sizes, journal.dataset)
    return Findings(journal, entries, metric or str(journal.plan["metric"]), sizes, right)


def smallest_p(n_groups: int) -> float | None:
    """Return the smallest p-value that the exact sign-flip test can give, None where it is not exact."""
    return 2.0 / 2**n_groups if n_groups <= EXACT_GROUPS else None


def _sizes(journal: Journal) -> dict[str | int, int]:
    """Return the mean training size over folds of each size asked for, of all trials, so that it never moves."""
    real: dict[str | int, list[int]] = {}
    for trial in journal.trials:
        real.setdefault(trial.size, []).append(trial.n_train)
    means = {size: max(int(size != 0), round(float(np.mean(found)))) for size, found in real.items()}
    kept: dict[str | int, int] = {}
    for size, mean in sorted(means.items(), key=lambda item: item[1]):
        if mean not in kept.values():
            kept[size] = mean
    return kept


def _right(
    entries: tuple[Entry, ...], sizes: Mapping[str | int, int], dataset: Dataset
) -> dict[tuple[str, int], NDArray[np.float64]]:
    sums: dict[tuple[str, int], NDArray[np.float64]] = {}
    for entry in entries:
        if entry.done is None or entry.trial.size not in sizes:
            continue
        clips, probabilities = entry.done.predictions()
        scored = check_scored(dataset.targets[clips], probabilities, task=dataset.task)
        name = entry.trial.model, sizes[entry.trial.size]
        total = sums.setdefault(name, np.zeros((2, len(dataset.clips))))
        total[0, clips] += right_terms(scored)[:, 0]
        total[1, clips] += 1
    with np.errstate(invalid="ignore"):
        return {name: total[0] / total[1] for name, total in sums.items()}


def _mean(right: NDArray[np.float64] | None, mine: NDArray[np.bool_]) -> float | None:
    known = right[mine & ~np.isnan(right)] if right is not None else np.zeros(0)
    return float(known.mean()) if known.size else None
