"""Damage in sound: what makes it, what measures it, how bad it is, and the model that finds it."""

from __future__ import annotations

from earmark.distortion.chain import Chain, Fault, distort
from earmark.distortion.effects import EFFECTS, Distorted, apply_effect
from earmark.distortion.report import Assessable, DistortionReport, Finding, Segment, Timeline, TypeAnswer
from earmark.distortion.severity import KINDS, TRACE, Kind, measure_severity
from earmark.distortion.validator import AudioDistortionValidator

__all__ = [
    "EFFECTS",
    "KINDS",
    "TRACE",
    "Assessable",
    "AudioDistortionValidator",
    "Chain",
    "Distorted",
    "DistortionReport",
    "Fault",
    "Finding",
    "Kind",
    "Segment",
    "Timeline",
    "TypeAnswer",
    "apply_effect",
    "distort",
    "measure_severity",
]
