"""What listening says: answers, each with when it was said and when it was known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Occasion = Literal["speech", "window", "capture"]


@dataclass(frozen=True)
class Emission:
    """An answer about a stretch of the stream.

    Attributes:
        occasion: "speech" for a whole stretch of speech, "window" for one of regular windows, "capture" for a window
            that was asked for.
        start_s: Where the stretch begins, in seconds from the start of the stream.
        end_s: Where it ends: the end of the speech, without the pause by which the end was known.
        decided_s: How much of the stream had been heard when it was judged.
        label: The likeliest label.
        probability: Its probability, at the temperature asked for.
        probabilities: Label to probability, in the model's order.
        accepted: Whether it reaches its threshold and is like anything that the model knows.
        known: Probability that the sound is any of the labels at all; None where the model cannot tell.
        compute_ms: Time that judging it took.
    """

    occasion: Occasion
    start_s: float
    end_s: float
    decided_s: float
    label: str
    probability: float
    probabilities: dict[str, float]
    accepted: bool
    known: float | None
    compute_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of it."""
        return {
            "event": "emission",
            "occasion": self.occasion,
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "label": self.label,
            "probability": self.probability,
            "scores": self.probabilities,
            "accepted": self.accepted,
            "known": self.known,
            "compute_ms": round(self.compute_ms, 2),
        }


@dataclass(frozen=True)
class Status:
    """What a display shows between answers.

    Attributes:
        heard_s: Length of the stream so far.
        level_db: Level of the last block, dB of full scale.
        speech: Probability of speech in the last frame.
        speaking: Whether a stretch of speech is under way.
        hearing: Whether sound is judged at all: False while a toggle is off.
        capturing: Whether a window that was asked for is being recorded.
    """

    heard_s: float
    level_db: float
    speech: float
    speaking: bool
    hearing: bool
    capturing: bool
