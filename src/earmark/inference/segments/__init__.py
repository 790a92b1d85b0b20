"""Clips of detections for a person to check, and what that person says of them as a dataset."""

from earmark.inference.segments.choose import CHOOSERS, Choice, Detection, choose
from earmark.inference.segments.cut import Cut, CutOptions, Lost, cut_segments, find_recording
from earmark.inference.segments.review import Review, review_segments
from earmark.inference.segments.sheet import SHEET_NAME, Segment, read_sheet, write_sheet

__all__ = [
    "CHOOSERS",
    "SHEET_NAME",
    "Choice",
    "Cut",
    "CutOptions",
    "Detection",
    "Lost",
    "Review",
    "Segment",
    "choose",
    "cut_segments",
    "find_recording",
    "read_sheet",
    "review_segments",
    "write_sheet",
]
