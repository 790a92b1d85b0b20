"""Losses over faults of which not all is known: what is unknown or a trace is neither rewarded nor punished."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import ModelError
from earmark.evaluation.metrics import Metric

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

MOST_WEIGHT = 10.0
SMOOTH_BELOW = 0.1  # errors of severity below it count squared, those above in proportion


def pack_targets(presence: NDArray[np.float32], severity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what is known of rows without NaN, float32 (n_rows, 4 * n_kinds).

    Presence, whether it is known, severity, whether it is known: all of n_kinds columns, 0 where unknown.
    """
    parts = []
    for values in (presence, severity):
        known = np.isfinite(values)
        parts += [np.where(known, values, 0), known]
    return np.concatenate(parts, axis=1, dtype=np.float32)


class MultiTaskObjective:
    """Binary cross-entropy of presence plus smooth L1 (Huber) of severity, over what is known of each.

    Within each kind rows with it count as much as rows without, up to a factor of 10.

    Args:
        targets: Of the training rows, as `pack_targets` makes them.
        severity_weight: Factor of the second loss.
        absent_weight: What a row without a kind counts in it: that severity is 0 is true but easy, and all such rows
            together would drown those with it.
        smoothing: Share of presence that is spread over yes and no.
        balanced: Whether rare kinds count as much as frequent ones.
    """

    def __init__(
        self,
        targets: NDArray[np.float32],
        *,
        severity_weight: float,
        absent_weight: float = 0.2,
        smoothing: float = 0.0,
        balanced: bool = True,
    ) -> None:
        import torch

        there, known = np.split(targets, 4, axis=1)[:2]
        n_there = np.maximum((there * known).sum(axis=0), 1)
        n_absent = np.maximum(((1 - there) * known).sum(axis=0), 1)
        weights = np.clip(n_absent / n_there, 1 / MOST_WEIGHT, MOST_WEIGHT) if balanced else np.ones_like(n_there)
        self._weights = torch.from_numpy(weights.astype(np.float32))
        self._severity_weight, self._absent_weight = severity_weight, absent_weight
        self._smoothing = smoothing

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of outputs (n_rows, 2 * n_kinds): logits of presence, then severities 0..1.

        Of several networks side by side the outputs follow on each other; each is judged by the same targets.
        """
        import torch
        from torch.nn import functional

        logits, severities = outputs.chunk(2, dim=1)
        there, known, severity, measured = targets.repeat(len(outputs) // len(targets), 1).chunk(4, dim=1)
        smooth = there * (1 - self._smoothing) + self._smoothing / 2
        each = functional.binary_cross_entropy_with_logits(
            logits, smooth, pos_weight=self._weights.to(logits.device), reduction="none"
        )
        presence_loss = (each * known).sum() / known.sum().clamp(min=1)
        weights = measured * torch.where(severity > 0, 1.0, self._absent_weight)
        errors = functional.smooth_l1_loss(severities, severity, beta=SMOOTH_BELOW, reduction="none")
        severity_loss = (errors * weights).sum() / weights.sum().clamp(min=1)
        return presence_loss + self._severity_weight * severity_loss

    def figures(self, outputs: NDArray[np.float32], targets: NDArray[np.float32]) -> dict[str, float]:
        """Return the mean F1 over kinds at a probability of one half, and the mean error of known severities above 0.

        Either is left out where nothing is known; the F1 counts as 0 then.
        """
        logits, severities = np.split(outputs, 2, axis=1)
        there, known, severity, measured = np.split(targets, 4, axis=1)
        f1s = [
            Metric("f1_macro", "many")(there[rows, kind, np.newaxis], 1.0 * (logits[rows, kind, np.newaxis] > 0))
            for kind, rows in enumerate(known.T.astype(bool))
            if rows.any()
        ]
        found = {"validation_f1": float(np.mean([f1 or 0.0 for f1 in f1s])) if f1s else 0.0}
        graded = (measured > 0) & (severity > 0)
        if graded.any():
            found["validation_severity_error"] = float(np.abs(severities - severity)[graded].mean())
        return found


def check_finite(features: NDArray[np.float32]) -> None:
    """Raise ModelError for features that are not finite, a thousand rows at a time."""
    for start in range(0, len(features), 1000):
        if not np.isfinite(features[start : start + 1000]).all():
            raise ModelError(f"training data: rows {start} to {start + 1000} hold NaN or infinite features")
