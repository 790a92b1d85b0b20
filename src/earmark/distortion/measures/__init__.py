"""Measurements that a person can read: what is in a sound, each with its unit and source."""

from __future__ import annotations

from earmark.distortion.measures.measure import measure, measure_blocks, measure_stream
from earmark.distortion.measures.measurements import Evidence, Measurements
from earmark.distortion.measures.table import LINE, LINE_NAMES, MEASURES, NAMES, VERSION, Measure

__all__ = [
    "LINE",
    "LINE_NAMES",
    "MEASURES",
    "NAMES",
    "VERSION",
    "Evidence",
    "Measure",
    "Measurements",
    "measure",
    "measure_blocks",
    "measure_stream",
]
