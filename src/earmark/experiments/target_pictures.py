"""The pictures of an experiment on targets: curves, target by target, field of scores, costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.evaluation.plots_heatmap import plot_costs, plot_heat_map
from earmark.evaluation.plots_models import plot_learning_curves
from earmark.evaluation.plots_targets import plot_targets
from earmark.evaluation.style import shorten
from earmark.experiments.by_target import MEAN

if TYPE_CHECKING:
    from earmark.evaluation.learning import LearningCurve
    from earmark.evaluation.style import Picture
    from earmark.experiments.by_target import TargetFindings
    from earmark.experiments.plan import Size

MAX_PANELS = 24
MAX_TITLE_CHARACTERS = 44


def draw_pictures(findings: TargetFindings) -> dict[str, Picture]:
    """Return the pictures by the name of their file without ending; only those that have something to show."""
    found: dict[str, Picture] = {}
    means = curves_on(findings, MEAN)
    mean_of = mean_title(findings)
    chance = 0.5 if findings.metric == "roc_auc" else None
    kind = findings.kind
    if means:
        found["learning_curves"] = plot_learning_curves(
            means,
            mean_of,
            chance=chance,
            scale=kind.scale,
            title=shorten(str(findings.journal.plan["name"]), MAX_TITLE_CHARACTERS),
            models=findings.models,
        )
    panels = {target: curves_on(findings, target) for target in hardest_first(findings)[:MAX_PANELS]}
    if any(panels.values()):
        title = f"{kind.title} by target"
        found["by_target"] = plot_targets(
            panels, kind.title, models=findings.models, chance=chance, scale=kind.scale, title=title
        )
    if means:
        found["heat_map"] = _heat_map(findings, mean_of)
        seconds = {curve.model: fit_seconds(findings, curve) for curve in means}
        found["costs"] = plot_costs(means, seconds, mean_of, models=findings.models, scale=kind.scale)
    return found


def mean_title(findings: TargetFindings) -> str:
    """Return what the mean over targets is called."""
    n_targets = len(findings.targets)
    return f"{findings.kind.title}, mean of {n_targets} targets" if n_targets > 1 else findings.kind.title


def curves_on(findings: TargetFindings, target: str) -> list[LearningCurve]:
    """Return the learning curves of all models that have one on a target, or on the mean."""
    found = (findings.curve(model, target) for model in findings.models)
    return [curve for curve in found if curve is not None]


def fit_seconds(findings: TargetFindings, curve: LearningCurve) -> list[float]:
    """Return the median time to fit at each size of a curve on the mean over targets; 0 for zero-shot."""
    seconds: dict[Size, list[float]] = {}
    for entry in findings.entries:
        if entry.done is not None and entry.trial.model == curve.model:
            seconds.setdefault(entry.trial.size, []).append(float(entry.done.facts["fit_s"]))
    by_n_train = {findings.n_train(MEAN, size): found for size, found in seconds.items()}
    return [0.0 if size == 0 else max(1e-4, float(np.median(by_n_train[size]))) for size in curve.sizes]


def hardest_first(findings: TargetFindings) -> list[str]:
    """Return the targets, those first whose best model scores lowest at the largest complete size.

    Where no size is complete on all targets, each counts at its own; targets without any come last.
    """
    sign = 1 if findings.kind.higher_is_better else -1
    best = {}
    for target in findings.targets:
        size = findings.best_size if findings.best_size is not None else findings.largest_complete(target)
        best[target] = None if size is None else findings.best_on(target, size)
    return sorted(findings.targets, key=lambda target: sign * point.value if (point := best[target]) else np.inf)


def size_name(size: Size) -> str:
    """Return a size as columns of tables call it."""
    return "zero-shot" if size == 0 else size if size == "all" else f"{size:,}"


def _heat_map(findings: TargetFindings, title: str) -> Picture:
    values = np.full((len(findings.models), len(findings.sizes)), np.nan)
    notes: dict[tuple[int, int], str] = {}
    for row, model in enumerate(findings.models):
        for column, size in enumerate(findings.sizes):
            point = findings.point(model, MEAN, size)
            if point is not None:
                values[row, column] = point.value
            elif findings.has_trials(model, size):
                n_missing, n_all = len(findings.missing_targets(model, size)), len(findings.journal.plan["targets"])
                notes[row, column] = f"{n_all - n_missing} of {n_all}"
    return plot_heat_map(
        values,
        findings.models,
        [size_name(size) for size in findings.sizes],
        title=title,
        notes=notes,
        higher_is_better=findings.kind.higher_is_better,
    )
