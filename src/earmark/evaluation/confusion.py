"""Which class is taken for which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError
from earmark.evaluation.checks import check_labels
from earmark.evaluation.metrics import check_scored
from earmark.evaluation.sums import count_terms, counts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Mistake:
    """Clips of label `true` that were decided as `decided`: how many, and the share of that label's clips."""

    true: str
    decided: str
    n_clips: int
    share: float


def confusion_matrix(targets: NDArray[Any], probabilities: NDArray[Any]) -> NDArray[np.int64]:
    """Return int64 (n_classes, n_classes) for task "one": rows are true classes, columns decided ones.

    Raises:
        DataError: The targets break the conventions; for task "many" use `class_counts`.
        ModelError: The probabilities do.
    """
    scored = check_scored(targets, probabilities, task="one")
    return (scored.targets.T @ scored.decided).round().astype(np.int64)


def class_counts(
    targets: NDArray[Any], probabilities: NDArray[Any], *, thresholds: Sequence[float] | NDArray[Any] | None = None
) -> NDArray[np.int64]:
    """Return int64 (n_classes, 2, 2) for task "many": per class, true no / yes (rows) by decided no / yes (columns).

    Raises:
        DataError: The targets break the conventions.
        ModelError: The probabilities or thresholds do.
    """
    scored = check_scored(targets, probabilities, task="many", thresholds=thresholds)
    hit, false, missed, rejected = counts_of(count_terms(scored).sum(axis=0))
    return np.stack([np.stack([rejected, false], axis=1), np.stack([missed, hit], axis=1)], axis=1).astype(np.int64)


def most_confused(matrix: NDArray[Any], labels: Sequence[str], *, n: int = 10) -> list[Mistake]:
    """Return the n most frequent mistakes of a confusion matrix, most clips first.

    Raises:
        DataError: The matrix is not (n_classes, n_classes) of counts.
    """
    counts = check_confusion(matrix, labels)
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:n]
    pairs = [(int(place) // len(counts), int(place) % len(counts)) for place in order]
    return [
        Mistake(labels[row], labels[column], int(wrong[row, column]), float(wrong[row, column] / counts[row].sum()))
        for row, column in pairs
        if wrong[row, column] > 0
    ]


def check_confusion(matrix: NDArray[Any], labels: Sequence[str]) -> NDArray[np.int64]:
    """Return a confusion matrix as int64. Raises DataError if it is not (n_labels, n_labels) of counts."""
    values = np.asarray(matrix)
    check_labels(tuple(labels), len(labels))
    if values.shape != (len(labels), len(labels)) or not len(labels):
        raise DataError(
            f"confusion matrix: shape {values.shape}, expected ({len(labels)}, {len(labels)}) for the labels"
        )
    counts = values.astype(np.int64)
    if (counts != values).any() or counts.min() < 0:
        raise DataError("confusion matrix: expected whole numbers of clips, 0 or more")
    return counts
