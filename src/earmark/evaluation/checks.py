"""What evaluation refuses before it computes: wrong shapes, NaN, values out of range, nothing at all.

Everywhere in this package targets are (n_clips, n_classes) of 0 and 1, probabilities are (n_clips, n_classes) in
[0, 1] and groups are (n_clips,) names. Task "one" has exactly one 1 per row and probabilities that sum to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError, ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.data.dataset import Task

SUM_TOLERANCE = 1e-2  # float16 networks and chained float32 normalisation stay well inside


@dataclass(frozen=True)
class Groups:
    """Groups by number: `names` (n_groups,), and the number of each clip's group, `rows` int64 (n_clips,)."""

    names: NDArray[np.str_]
    rows: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of groups."""
        return len(self.names)


def _first_bad(bad: NDArray[np.bool_]) -> str:
    """Return "row 3, column 1" for the first True."""
    place = np.argwhere(bad)[0]
    return ", ".join(f"{axis} {int(index)}" for axis, index in zip(("row", "column"), place, strict=False))


def check_targets(targets: NDArray[Any], *, task: Task) -> NDArray[np.float64]:
    """Return targets as float64 (n_clips, n_classes).

    Raises:
        DataError: They are empty, not two-dimensional, not 0 or 1, or (task "one") not one 1 per row.
    """
    values = np.asarray(targets, dtype=np.float64)
    if values.ndim != 2:
        raise DataError(f"targets: shape {values.shape}, expected (n_clips, n_classes) with one column per label")
    if values.size == 0:
        raise DataError(f"targets: shape {values.shape} holds nothing to evaluate; check the split or the filter")
    bad = (values != 0) & (values != 1)
    if bad.any():
        raise DataError(f"targets: {_first_bad(bad)} is {values[bad][0]:g}, expected 0 or 1")
    per_row = values.sum(axis=1)
    if task == "one" and (per_row != 1).any():
        row = int(np.argmax(per_row != 1))
        raise DataError(
            f'targets: row {row} has {per_row[row]:g} labels, expected 1; use task "many" for none or several'
        )
    return values


def check_probabilities(probabilities: NDArray[Any], targets: NDArray[np.float64], *, task: Task) -> NDArray[Any]:
    """Return probabilities as float64 with the shape of the targets.

    Raises:
        ModelError: Their shape differs, one is NaN or outside [0, 1], or (task "one") a row does not sum to 1.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.shape != targets.shape:
        raise ModelError(f"probabilities: shape {values.shape}, expected {targets.shape} like the targets")
    bad = ~((values >= 0) & (values <= 1))
    if bad.any():
        found = values[bad][0]
        raise ModelError(
            f"probabilities: {_first_bad(bad)} is {found:g}, expected 0 to 1; calibrate the scores of the model first"
        )
    totals = values.sum(axis=1)
    if task == "one" and (abs(totals - 1) > SUM_TOLERANCE).any():
        row = int(np.argmax(abs(totals - 1) > SUM_TOLERANCE))
        raise ModelError(
            f'probabilities: row {row} sums to {totals[row]:.4g}, expected 1 in task "one"; '
            'normalise the rows or use task "many"'
        )
    return values


def check_thresholds(thresholds: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return thresholds as float64, one per class or one per clip and class, 0.5 each where None is given.

    Args:
        thresholds: (n_classes,) or (n_clips, n_classes).
        shape: (n_clips, n_classes) of the targets.

    Raises:
        ModelError: They are of another shape, or one is NaN or outside [0, 1].
    """
    n_classes = shape[-1]
    if thresholds is None:
        return np.full(n_classes, 0.5)
    values = np.asarray(thresholds, dtype=np.float64)
    if values.shape not in {(n_classes,), shape}:
        raise ModelError(f"thresholds: shape {values.shape}, expected ({n_classes},), one per class")
    bad = ~((values >= 0) & (values <= 1))
    if bad.any():
        raise ModelError(f"thresholds: {_first_bad(bad)} is {values[bad][0]:g}, expected 0 to 1")
    return values


def check_labels(labels: tuple[str, ...] | list[str], n_classes: int) -> tuple[str, ...]:
    """Return labels as a tuple.

    Raises:
        DataError: There is not one per class, or two are equal.
    """
    if len(labels) != n_classes:
        raise DataError(f"labels: {len(labels)} names, expected {n_classes}, one per column")
    if len(set(labels)) != n_classes:
        raise DataError(f"labels: names repeat: {', '.join(labels)}")
    return tuple(labels)


def check_groups(groups: NDArray[Any], n_clips: int) -> Groups:
    """Return groups by number, in sorted order of their names.

    Raises:
        DataError: There is not one group per clip, or fewer than two different ones.
    """
    values = np.asarray(groups).astype(np.str_)
    if values.shape != (n_clips,):
        raise DataError(f"groups: shape {values.shape}, expected ({n_clips},), one per clip")
    names, rows = np.unique(values, return_inverse=True)
    if len(names) < 2:
        raise DataError(
            f'groups: all {n_clips} clips belong to group "{names[0] if len(names) else ""}", expected at least 2 '
            "groups; an interval measures how results differ between groups, so evaluate on more of them"
        )
    return Groups(names, rows.reshape(-1).astype(np.int64))


def check_level(level: float) -> float:
    """Return a confidence level. Raises DataError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise DataError(f"level: {level:g}, expected between 0 and 1, such as 0.95")
    return level
