"""Answers: of a clip, and of a file, which may have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Prediction:
    """The answer for one clip.

    Attributes:
        label: The likeliest label.
        probability: Its calibrated probability.
        probabilities: Label to calibrated probability, in the bundle's order.
        accepted: Whether the probability reaches the label's threshold (in task "many", any label's) and the sound is
            known.
        accepted_labels: Every label that reaches its threshold, in task "one" at most the likeliest.
        duration_s: Duration of the audio.
        known: Whether the sound is like what the labels stand for; True where the bundle cannot tell.
        known_probability: The probability of that; None where the bundle cannot tell.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    accepted: bool
    accepted_labels: tuple[str, ...]
    duration_s: float
    known: bool = True
    known_probability: float | None = None


@dataclass(frozen=True)
class FileResult:
    """What became of one file: a prediction or an error, never both.

    Attributes:
        path: The file as it was named.
        prediction: The answer, or None.
        error: Why there is none, or None.
        latency_ms: Time from opening the file to the answer.
    """

    path: Path
    prediction: Prediction | None
    error: str | None
    latency_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that `earmark predict --json` prints."""
        if self.prediction is None:
            return {"path": str(self.path), "error": self.error}
        found = self.prediction
        return {
            "path": str(self.path),
            "label": found.label,
            "probability": found.probability,
            "scores": found.probabilities,
            "accepted": found.accepted,
            **({} if found.known_probability is None else {"known": found.known_probability}),
            "duration_s": found.duration_s,
            "latency_ms": self.latency_ms,
        }
