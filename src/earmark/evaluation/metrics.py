"""Metrics of classifiers: one table of names, each a function of targets and probabilities.

Conventions: targets are (n_clips, n_classes) of 0 and 1; probabilities are (n_clips, n_classes) in [0, 1]. Task
"one" decides for the class of highest probability, task "many" for every class at or above its threshold (0.5
unless given). Averages over classes leave out classes for which the value is undefined; a value that is undefined
for all is None, never NaN. Nothing is written and nothing is printed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from earmark.core.errors import ConfigError, did_you_mean
from earmark.evaluation import columns, sums
from earmark.evaluation.checks import check_labels, check_probabilities, check_targets, check_thresholds
from earmark.evaluation.columns import OfWeights
from earmark.evaluation.sums import Scored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.data.dataset import Task

Scale = Literal["rate", "loss", "raw"]  # in [0, 1]; at least 0; any number
Terms = Callable[[Scored], "NDArray[np.float64]"]
Finish = Callable[["NDArray[np.float64]", "Task"], "NDArray[np.float64]"]
PerColumn = Callable[["NDArray[np.float64]", "NDArray[np.float64]", "NDArray[np.int64]"], OfWeights]


@dataclass(frozen=True)
class SumsOverClips:
    """A metric made from sums: what each clip contributes, and the value of the sums."""

    terms: Terms
    finish: Finish = sums.quotient


@dataclass(frozen=True)
class MeanOverClasses:
    """A metric made class by class; `top_label` looks in task "one" at the decided class alone instead."""

    per_column: PerColumn
    top_label: bool = False


@dataclass(frozen=True)
class Kind:
    """A row of the table of metrics: what to call it, which way is up, and how it is computed."""

    title: str
    scale: Scale
    higher_is_better: bool
    formula: SumsOverClips | MeanOverClasses


def _counts(finish: Finish) -> SumsOverClips:
    return SumsOverClips(sums.count_terms, finish)


METRICS: dict[str, Kind] = {
    "accuracy": Kind("Accuracy", "rate", True, SumsOverClips(sums.right_terms)),
    "balanced_accuracy": Kind("Balanced accuracy", "rate", True, _counts(sums.balanced_accuracy)),
    "f1_macro": Kind("Macro F1", "rate", True, _counts(sums.f1_macro)),
    "f1_micro": Kind("Micro F1", "rate", True, _counts(sums.f1_micro)),
    "precision_macro": Kind("Macro precision", "rate", True, _counts(sums.precision_macro)),
    "recall_macro": Kind("Macro recall", "rate", True, _counts(sums.recall_macro)),
    "roc_auc": Kind("ROC-AUC", "rate", True, MeanOverClasses(columns.roc_auc_of)),
    "average_precision": Kind("Average precision", "rate", True, MeanOverClasses(columns.average_precision_of)),
    "log_loss": Kind("Log loss", "loss", False, SumsOverClips(sums.log_loss_terms)),
    "brier": Kind("Brier score", "loss", False, SumsOverClips(sums.brier_terms)),
    "calibration_error": Kind(
        "Calibration error", "loss", False, MeanOverClasses(columns.calibration_error_of, top_label=True)
    ),
}

PER_CLASS: dict[str, MeanOverClasses] = {
    "roc_auc": MeanOverClasses(columns.roc_auc_of),
    "average_precision": MeanOverClasses(columns.average_precision_of),
}


def as_number(value: float | np.floating[Any]) -> float | None:
    """Return a float, or None for the NaN that marks an undefined value."""
    return None if np.isnan(value) else float(value)


@dataclass(frozen=True)
class Metric:
    """A metric ready to use: `metric(targets, probabilities)` returns a float, or None where it is undefined.

    Attributes:
        name: Its key in `METRICS`.
        task: "one" or "many".
        thresholds: (n_classes,) or (n_clips, n_classes) for task "many", None for 0.5 each.

    Raises:
        ConfigError: The name is not in the table of metrics.
    """

    name: str
    task: Task = "one"
    thresholds: Sequence[float] | NDArray[Any] | None = None

    def __post_init__(self) -> None:
        if self.name not in METRICS:
            raise ConfigError(f'metric "{self.name}" is not known{did_you_mean(self.name, METRICS)}')

    @property
    def kind(self) -> Kind:
        """Its row in the table of metrics."""
        return METRICS[self.name]

    def __call__(self, targets: NDArray[Any], probabilities: NDArray[Any]) -> float | None:
        """Return the value. Raises DataError and ModelError for arrays that break the conventions."""
        of_weights = self.of_weights(targets, probabilities, np.zeros(len(targets), dtype=np.int64), 1)
        return as_number(of_weights(np.ones((1, 1)))[0])

    def of_weights(
        self, targets: NDArray[Any], probabilities: NDArray[Any], rows: NDArray[np.int64], n_groups: int
    ) -> OfWeights:
        """Return the value as a function of group weights, float64 (n_resamples, n_groups) -> (n_resamples,).

        Args:
            targets: (n_clips, n_classes).
            probabilities: (n_clips, n_classes).
            rows: The number of each clip's group, int64 (n_clips,).
            n_groups: Number of groups.

        Raises:
            DataError: The targets break the conventions.
            ModelError: The probabilities or thresholds do.
        """
        scored = check_scored(targets, probabilities, task=self.task, thresholds=self.thresholds)
        formula = self.kind.formula
        if isinstance(formula, SumsOverClips):
            totals = sums.group_sums(formula.terms(scored), rows, n_groups)
            return lambda weights: formula.finish(weights @ totals, self.task)
        of_columns = _columns_of(formula, scored, rows)
        return lambda weights: sums.mean_defined(np.stack([column(weights) for column in of_columns], axis=1))


def _columns_of(formula: MeanOverClasses, scored: Scored, rows: NDArray[np.int64]) -> list[OfWeights]:
    if formula.top_label and scored.task == "one":
        confidence, right = top_label_of(scored)
        return [formula.per_column(right, confidence, rows)]
    return [
        formula.per_column(scored.targets[:, column], scored.probabilities[:, column], rows)
        for column in range(scored.targets.shape[1])
    ]


def top_label_of(scored: Scored) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probability of the decided class and 1 where it is right, both float64 (n_clips,)."""
    return scored.probabilities.max(axis=1), scored.targets[scored.decided]


def check_scored(
    targets: NDArray[Any],
    probabilities: NDArray[Any],
    *,
    task: Task,
    thresholds: Sequence[float] | NDArray[Any] | None = None,
) -> Scored:
    """Return checked arrays with their decisions. Raises DataError and ModelError."""
    wanted = check_targets(targets, task=task)
    given = check_probabilities(probabilities, wanted, task=task)
    limits = check_thresholds(None if thresholds is None else np.asarray(thresholds), wanted.shape)
    return Scored(wanted, given, sums.decide(given, limits, task), task)


@dataclass(frozen=True)
class ClassRow:
    """One class of a summary; None where a value is undefined. `n_clips` counts the clips that have the label."""

    label: str
    n_clips: int
    precision: float | None
    recall: float | None
    f1: float | None
    roc_auc: float | None
    average_precision: float | None
    threshold: float | None


@dataclass(frozen=True)
class Summary:
    """Everything measured on one test set: metrics by name and a row per class, in label order."""

    task: Task
    n_clips: int
    metrics: dict[str, float | None]
    classes: tuple[ClassRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able dicts, lists, numbers and None."""
        return {**asdict(self), "classes": [asdict(row) for row in self.classes]}


def summarize(
    targets: NDArray[Any],
    probabilities: NDArray[Any],
    *,
    task: Task,
    labels: Sequence[str],
    thresholds: Sequence[float] | NDArray[Any] | None = None,
) -> Summary:
    """Measure every metric and every class.

    Args:
        targets: float32 (n_clips, n_classes), 0 or 1.
        probabilities: float32 (n_clips, n_classes) in [0, 1]; rows sum to 1 in task "one".
        task: "one" or "many".
        labels: (n_classes,) names in column order.
        thresholds: (n_classes,) in [0, 1]; they decide in task "many" and are only listed in task "one". Where they
            were chosen on these clips without each one's group: (n_clips, n_classes), and none is listed.

    Raises:
        DataError: Targets or labels break the conventions.
        ModelError: Probabilities or thresholds do.

    Example:
        >>> targets = np.array([[1, 0], [0, 1]], dtype=np.float32)
        >>> summarize(targets, targets, task="one", labels=["dog", "frog"]).metrics["accuracy"]
        1.0
    """
    scored = check_scored(targets, probabilities, task=task, thresholds=thresholds)
    names = check_labels(tuple(labels), scored.targets.shape[1])
    metrics = {name: Metric(name, task, thresholds)(targets, probabilities) for name in METRICS}
    return Summary(task, len(scored.targets), metrics, _class_rows(scored, names, thresholds))


def per_class(name: str, targets: NDArray[Any], probabilities: NDArray[Any], *, task: Task) -> list[float | None]:
    """Return "roc_auc" or "average_precision" of each class against the rest, None where the class is absent.

    Raises:
        ConfigError: The metric is another one.
        DataError: The targets break the conventions.
        ModelError: The probabilities do.
    """
    if name not in PER_CLASS:
        raise ConfigError(f'metric "{name}" has no value per class{did_you_mean(name, PER_CLASS)}')
    scored = check_scored(targets, probabilities, task=task)
    rows = np.zeros(len(scored.targets), dtype=np.int64)
    of_columns = _columns_of(PER_CLASS[name], scored, rows)
    return [as_number(column(np.ones((1, 1)))[0]) for column in of_columns]


def _class_rows(
    scored: Scored, labels: tuple[str, ...], thresholds: Sequence[float] | NDArray[Any] | None
) -> tuple[ClassRow, ...]:
    totals = sums.count_terms(scored).sum(axis=0)
    areas = {name: per_class(name, scored.targets, scored.probabilities, task=scored.task) for name in PER_CLASS}
    precision, recall, f1 = (
        [as_number(value) for value in of_class(totals)]
        for of_class in (sums.precision_per_class, sums.recall_per_class, sums.f1_per_class)
    )
    limits: Sequence[float | None] = [0.5 if scored.task == "many" else None] * len(labels)
    if thresholds is not None:
        limits = [float(value) for value in thresholds] if np.ndim(thresholds) == 1 else [None] * len(labels)
    return tuple(
        ClassRow(
            label=label,
            n_clips=int(scored.targets[:, i].sum()),
            precision=precision[i],
            recall=recall[i],
            f1=f1[i],
            roc_auc=areas["roc_auc"][i],
            average_precision=areas["average_precision"][i],
            threshold=limits[i],
        )
        for i, label in enumerate(labels)
    )
