"""What people say about answers: kept with consent, made into data to train on."""

from __future__ import annotations

from earmark.service.feedback.entries import Deleted, Entry, Wanted, delete_feedback, find_old, list_feedback
from earmark.service.feedback.export import Exported, ExportOptions, export_feedback
from earmark.service.feedback.said import Correction, parse_correction
from earmark.service.feedback.shelf import SoundShelf
from earmark.service.feedback.store import FeedbackStore, Stored

__all__ = [
    "Correction",
    "Deleted",
    "Entry",
    "ExportOptions",
    "Exported",
    "FeedbackStore",
    "SoundShelf",
    "Stored",
    "Wanted",
    "delete_feedback",
    "export_feedback",
    "find_old",
    "list_feedback",
    "parse_correction",
]
