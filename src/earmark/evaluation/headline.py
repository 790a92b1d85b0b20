"""The one number that a measurement is quoted by, with its interval or the reason why it has none."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from earmark.core.errors import DataError
from earmark.evaluation.intervals import bootstrap_interval
from earmark.evaluation.metrics import Metric
from earmark.evaluation.report import format_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from earmark.data.dataset import Task


@dataclass(frozen=True)
class Headline:
    """Accuracy in task "one", average precision in task "many", with an interval over groups.

    Attributes:
        metric: Its name in `METRICS`.
        value: None where it is undefined.
        low: Lower limit, None without interval.
        high: Upper limit, None without interval.
        level: Probability that the interval should cover the truth, None without interval.
        method: How the interval was computed, or "none" with the reason.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    level: float | None
    method: str

    def __str__(self) -> str:
        """Return ``accuracy 0.987 [0.905, 0.998]``."""
        shown = "undefined" if self.value is None else format_interval(self.value, self.low, self.high)
        return f"{self.metric} {shown}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able dict."""
        return asdict(self)


def headline(
    targets: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    groups: NDArray[np.str_],
    rng: np.random.Generator,
    *,
    task: Task,
    thresholds: Sequence[float] | NDArray[Any] | None = None,
) -> Headline:
    """Return the headline of held-out predictions.

    Args:
        targets: float32 (n_clips, n_classes) of ones and zeros.
        probabilities: float32 (n_clips, n_classes).
        groups: (n_clips,) names.
        rng: Draws the resamples of the interval.
        task: Decides which metric.
        thresholds: (n_classes,) or (n_clips, n_classes) for task "many".

    Raises:
        DataError: The arrays break the conventions.
        ModelError: The probabilities do.
    """
    name = "accuracy" if task == "one" else "average_precision"
    metric = Metric(name, task, thresholds)
    value = metric(targets, probabilities)
    try:
        found = bootstrap_interval(metric, targets, probabilities, groups, rng)
    except DataError as error:  # a single group, or a class that only one group has
        return Headline(name, value, None, None, None, f"none ({error})")
    return Headline(name, value, found.low, found.high, found.level, found.method)
