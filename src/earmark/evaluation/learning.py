"""Learning curves: how a metric grows with the number of training clips, with intervals over folds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError
from earmark.evaluation.intervals import fold_interval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from earmark.evaluation.metrics import Scale


@dataclass(frozen=True)
class LearningRow:
    """One measured value: a model trained on `n_train` clips, tested on one fold, with one seed."""

    model: str
    n_train: int
    fold: str | int
    seed: int
    value: float
    n_test: int | None = None


@dataclass(frozen=True)
class LearningCurve:
    """The mean over folds at each training size, with limits; None where there is one fold only.

    Raises:
        DataError: The parts differ in length, or sizes do not rise.
    """

    model: str
    sizes: tuple[int, ...]
    means: tuple[float, ...]
    lows: tuple[float | None, ...]
    highs: tuple[float | None, ...]
    n_folds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        lengths = {len(self.sizes), len(self.means), len(self.lows), len(self.highs), len(self.n_folds or self.sizes)}
        if len(lengths) != 1 or not self.sizes:
            raise DataError(
                f'curve of "{self.model}": {sorted(lengths)} values, expected as many of each, at least one'
            )
        if min(self.sizes) < 0 or list(self.sizes) != sorted(set(self.sizes)):
            raise DataError(f'curve of "{self.model}": sizes {self.sizes}, expected rising numbers from 0 (zero-shot)')

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able dict."""
        return asdict(self)


def learning_curves(rows: Iterable[LearningRow], *, level: float = 0.95, scale: Scale = "rate") -> list[LearningCurve]:
    """Return one curve per model, in order of first appearance.

    Seeds are averaged within their fold first: they share the test clips, so only folds count as independent.

    Args:
        rows: Measured values, in any order.
        level: Probability that each interval should cover the truth.
        scale: "rate" for metrics in [0, 1], "loss" for those of at least 0.

    Raises:
        DataError: There is no row, one stands twice, or a value is not finite or out of range.
    """
    table: dict[str, dict[int, dict[str | int, dict[int, LearningRow]]]] = {}
    for row in rows:
        seeds = table.setdefault(row.model, {}).setdefault(row.n_train, {}).setdefault(row.fold, {})
        if row.seed in seeds:
            raise DataError(f"{_where(row)}: stands twice, expected once")
        if not np.isfinite(row.value):
            raise DataError(f"{_where(row)}: value {row.value}, expected a finite number; leave out trials that failed")
        seeds[row.seed] = row
    if not table:
        raise DataError("no results to draw a learning curve from; run the experiment first")
    return [_curve(model, by_size, level=level, scale=scale) for model, by_size in table.items()]


def _where(row: LearningRow) -> str:
    return f'model "{row.model}", {row.n_train} clips, fold {row.fold}, seed {row.seed}'


def _curve(
    model: str, by_size: dict[int, dict[str | int, dict[int, LearningRow]]], *, level: float, scale: Scale
) -> LearningCurve:
    columns: dict[str, list[Any]] = defaultdict(list)
    for size in sorted(by_size):
        folds = [list(seeds.values()) for seeds in by_size[size].values()]
        values = [float(np.mean([row.value for row in rows])) for rows in folds]
        columns["means"].append(float(np.mean(values)))
        limits: tuple[float | None, float | None] = (None, None)
        if len(values) > 1:
            tested = [rows[0].n_test for rows in folds]
            n_clips = sum(n for n in tested if n is not None) if None not in tested else None
            interval = fold_interval(values, level=level, scale=scale, n_clips=n_clips)
            limits = (interval.low, interval.high)
        columns["lows"].append(limits[0])
        columns["highs"].append(limits[1])
        columns["n_folds"].append(len(values))
    return LearningCurve(model, tuple(sorted(by_size)), **{name: tuple(part) for name, part in columns.items()})
