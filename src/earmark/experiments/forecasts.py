"""How many training clips each model needs for a goal, on each target and on the mean over targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.evaluation.forecast import Forecast, forecast
from earmark.evaluation.sums import mean_defined
from earmark.experiments.by_target import MEAN
from earmark.experiments.curves import LEVEL

if TYPE_CHECKING:
    from earmark.experiments.by_target import TargetFindings

GOAL = 0.95


@dataclass(frozen=True)
class Need:
    """What a model needs on a target, or on the mean over targets."""

    model: str
    target: str
    forecast: Forecast

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able dict."""
        return {"model": self.model, "target": self.target, "text": str(self.forecast), **self.forecast.to_dict()}


def needs(findings: TargetFindings, *, goal: float = GOAL) -> list[Need]:
    """Return the forecasts, models in the order of the plan, the mean before the targets.

    Zero-shot is not on a curve and plays no part; a metric that is not a rate, or where less is better, has none.
    """
    if findings.kind.scale != "rate" or not findings.kind.higher_is_better:
        return []
    found = []
    for model in findings.models:
        places = (MEAN, *findings.targets) if len(findings.targets) > 1 else (MEAN,)
        for place in places:
            told = _forecast(findings, model, place, goal)
            if told is not None:
                found.append(Need(model, place, told))
    return found


def _forecast(findings: TargetFindings, model: str, place: str, goal: float) -> Forecast | None:
    columns: dict[int, Any] = {}
    for point in findings.points(place, model):
        if point.n_train > 0 and point.n_train > max(columns, default=0):
            values = findings.values(model, point.size)
            if place == MEAN and np.isnan(values).any():  # its mean over targets is not the one that the table shows
                return None
            columns[point.n_train] = values if place == MEAN else values[[findings.targets.index(place)]]
    if not columns:
        return None
    table = np.stack([mean_defined(values.T) for values in columns.values()], axis=1)  # (n_folds, n_sizes)
    whole = table[~np.isnan(table).any(axis=1)]
    return forecast(tuple(columns), whole, goal=goal, level=LEVEL) if len(whole) else None
