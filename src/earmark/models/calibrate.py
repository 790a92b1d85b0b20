"""From scores to probabilities, and from probabilities to thresholds.

Task "one": temperature scaling (Guo et al., 2017, "On Calibration of Modern Neural Networks"): softmax(scale * score).
Task "many": Platt scaling per class (Platt, 1999): sigmoid(scale * score + offset).
Both use Platt's smoothed targets, so that scores which separate a small set perfectly do not claim certainty.
Probabilities that a classifier gives itself become logarithms (task "one") or logits (task "many") first.
Both are fitted on out-of-fold scores of groups that the scoring model never saw. Applying them needs numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from earmark.core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.data.dataset import Task
    from earmark.models.base import ScoreKind

SMALLEST_PROBABILITY = 1e-3  # a forest of some hundred trees cannot tell less from nothing
ThresholdRule = Literal["best_f1", "precision", "recall", "false_alarms"]


@dataclass(frozen=True)
class Calibration:
    """Turns scores into probabilities.

    Attributes:
        task: Decides between softmax and sigmoids.
        score_kind: The scale of the scores that it takes.
        scales: Factor of each class (n_classes,); all equal in task "one".
        offsets: Added after the factor (n_classes,); all 0 in task "one".
        fitted: False for the identity, whose probabilities promise nothing.
    """

    task: Task
    score_kind: ScoreKind
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    fitted: bool

    @classmethod
    def identity(cls, task: Task, score_kind: ScoreKind, n_classes: int) -> Calibration:
        """Return the calibration that only normalises."""
        return cls(task, score_kind, (1.0,) * n_classes, (0.0,) * n_classes, fitted=False)

    def __call__(self, scores: NDArray[np.float32], *, sharpness: float = 1.0) -> NDArray[np.float32]:
        """Return probabilities float32 (n, n_classes); rows sum to 1 in task "one".

        `sharpness` above 1 exaggerates and below 1 flattens the answer (a display choice; 1 is calibrated).
        """
        margins = _margins(scores, self.score_kind, self.task)
        scaled = sharpness * (margins * np.array(self.scales) + np.array(self.offsets))
        if self.task == "one":
            powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
            probabilities = powers / powers.sum(axis=1, keepdims=True)
        else:
            probabilities = 1 / (1 + np.exp(-np.clip(scaled, -60, 60)))
        return np.asarray(probabilities, dtype=np.float32)


def fit_calibration(
    scores: NDArray[np.float32], targets: NDArray[np.float32], task: Task, score_kind: ScoreKind
) -> Calibration:
    """Return the calibration that makes held-out scores likeliest.

    Args:
        scores: float32 (n_clips, n_classes), from models that never saw the clip's group.
        targets: float32 (n_clips, n_classes) of ones and zeros.
        task: The dataset's task.
        score_kind: The classifier's scale.

    Raises:
        ModelError: Shapes differ or there is nothing to fit on.
    """
    if scores.shape != targets.shape or not len(scores):
        raise ModelError(f"calibration: found scores {scores.shape} and targets {targets.shape}, expected equal shapes")
    margins = _margins(scores, score_kind, task)
    n_classes = scores.shape[1]
    if task == "one":
        scale = _best_temperature(margins, targets.argmax(axis=1))
        return Calibration(task, score_kind, (scale,) * n_classes, (0.0,) * n_classes, fitted=True)
    pairs = [_platt(margins[:, column], targets[:, column]) for column in range(n_classes)]
    return Calibration(task, score_kind, tuple(a for a, _ in pairs), tuple(b for _, b in pairs), fitted=True)


def choose_thresholds(
    targets: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    *,
    rule: ThresholdRule = "best_f1",
    goal: float = 0.95,
) -> tuple[float, ...]:
    """Return for each class the probability from which an answer counts.

    `best_f1` maximises F1; `precision` takes the lowest threshold whose precision reaches `goal`; `recall` the
    most precise one whose recall reaches it; `false_alarms` lets through that share of the clips without the class,
    such as 0.01. A class with no example gets 0.5; an unreachable goal gives the best
    there is.
    """
    columns = range(targets.shape[1])
    return tuple(_threshold(targets[:, c] > 0.5, probabilities[:, c], rule, goal) for c in columns)


def _margins(scores: NDArray[np.float32], kind: ScoreKind, task: Task) -> NDArray[np.float64]:
    values = scores.astype(np.float64)
    if kind == "margin":
        return values
    safe = np.clip(values, SMALLEST_PROBABILITY, 1.0 if task == "one" else 1 - SMALLEST_PROBABILITY)
    return np.log(safe) if task == "one" else np.log(safe / (1 - safe))


def _best_temperature(margins: NDArray[np.float64], answers: NDArray[np.intp]) -> float:
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    n_clips, n_classes = margins.shape
    # Platt's smoothing for several classes: n right answers in a row do not prove that the next one is right
    doubt = 1 / (n_clips + 2)
    goal = np.full_like(margins, doubt / max(n_classes - 1, 1))
    goal[np.arange(n_clips), answers] = 1 - doubt

    def loss(log_scale: float) -> float:
        scaled = np.exp(log_scale) * margins
        return float(np.mean(logsumexp(scaled, axis=1) - (goal * scaled).sum(axis=1)))

    return float(np.exp(minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded").x))


def _platt(margins: NDArray[np.float64], targets: NDArray[np.float32]) -> tuple[float, float]:
    from scipy.optimize import minimize

    positive = targets > 0.5
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    goal = np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    centre, spread = float(margins.mean()), float(margins.std()) or 1.0
    standard = (margins - centre) / spread

    def loss(pair: NDArray[np.float64]) -> float:
        logits = pair[0] * standard + pair[1]
        return float(np.mean(np.logaddexp(0, logits) - goal * logits))

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(1e-3, 50), (-50, 50)]).x
    return float(slope / spread), float(offset - slope * centre / spread)


def _threshold(
    positive: NDArray[np.bool_], probabilities: NDArray[np.float32], rule: ThresholdRule, goal: float
) -> float:
    n_positive = int(positive.sum())
    if not n_positive:
        return 0.5
    if rule == "false_alarms":
        return float(np.quantile(probabilities[~positive], 1 - goal)) if n_positive < positive.size else 0.5
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order].astype(np.float64)
    hits = np.cumsum(positive[order])
    last_of_value = np.append(ranked[1:] != ranked[:-1], True)
    precision, recall = hits / np.arange(1, len(ranked) + 1), hits / n_positive
    if rule == "best_f1":
        quality = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    else:
        reached, other = (precision, recall) if rule == "precision" else (recall, precision)
        quality = np.where(reached >= goal, 1 + other, reached)
    best = int(np.argmax(np.where(last_of_value, quality, -1.0)))
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)  # halfway to the next value: the widest margin on both sides
