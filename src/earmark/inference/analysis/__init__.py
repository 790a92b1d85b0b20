"""Analyses of recordings of any length and number: find, hear in parallel, keep, merge into events."""

from earmark.inference.analysis.journal import Journal, journal_path
from earmark.inference.analysis.listener import Listener
from earmark.inference.analysis.recordings import Recording, expand, find_recordings
from earmark.inference.analysis.run import Analysed, Run, analyse, open_listener
from earmark.inference.analysis.task import Hearing, Place

__all__ = [
    "Analysed",
    "Hearing",
    "Journal",
    "Listener",
    "Place",
    "Recording",
    "Run",
    "analyse",
    "expand",
    "find_recordings",
    "journal_path",
    "open_listener",
]
