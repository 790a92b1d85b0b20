"""What a network is trained towards: a loss for each batch, and figures of the validation part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from earmark.evaluation.metrics import Metric
from earmark.models.calibrate import Calibration
from earmark.models.mixing import class_weights

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from earmark.data.dataset import Task


class Objective(Protocol):
    """Judges what a network says."""

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of a batch, a scalar; outputs and targets have n_rows as their first axis."""
        ...

    def figures(self, outputs: NDArray[np.float32], targets: NDArray[np.float32]) -> dict[str, float]:
        """Return figures of the validation part for people, `validation_f1` among them."""
        ...


class ClassObjective:
    """Cross-entropy against soft targets, or a binary one per class; classes weighted by how rare they are.

    Args:
        task: Decides the loss.
        targets: Of the training rows, float32 (n_rows, n_classes).
        balanced: Whether rare classes count as much as frequent ones.
    """

    def __init__(self, task: Task, targets: NDArray[np.float32], *, balanced: bool) -> None:
        import torch

        even = np.ones(targets.shape[1], dtype=np.float32)
        self._task = task
        self._weights = torch.from_numpy(class_weights(targets, task) if balanced else even)

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of logits."""
        from torch.nn import functional

        weights = self._weights.to(outputs.device)
        if self._task == "one":
            weighted = targets * weights
            return -(weighted * functional.log_softmax(outputs, dim=1)).sum() / weighted.sum()
        return functional.binary_cross_entropy_with_logits(outputs, targets, pos_weight=weights)

    def figures(self, outputs: NDArray[np.float32], targets: NDArray[np.float32]) -> dict[str, float]:
        """Return the macro F1."""
        probabilities = Calibration.identity(self._task, "margin", outputs.shape[1])(outputs)
        f1 = Metric("f1_macro", self._task)(targets, probabilities)
        return {"validation_f1": 0.0 if f1 is None else f1}
