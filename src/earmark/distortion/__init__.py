"""Damage in sound: what makes it, what measures it, how bad it is."""

from __future__ import annotations

from earmark.distortion.chain import Chain, Fault, distort
from earmark.distortion.effects import EFFECTS, Distorted, apply_effect
from earmark.distortion.severity import KINDS, TRACE, Kind, measure_severity

__all__ = [
    "EFFECTS",
    "KINDS",
    "TRACE",
    "Chain",
    "Distorted",
    "Fault",
    "Kind",
    "apply_effect",
    "distort",
    "measure_severity",
]
