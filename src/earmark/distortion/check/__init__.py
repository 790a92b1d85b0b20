"""Checks of whole catalogues: find, analyse in parallel, keep, tell."""

from __future__ import annotations

from earmark.data.find import AudioFile, Count, Unreadable, count_files, find_audio
from earmark.distortion.check.analyst import Answer, model_seal
from earmark.distortion.check.catalogue import Checked, Run, check
from earmark.distortion.check.journal import Journal, journal_path
from earmark.distortion.check.limits import Limits, parse_limits
from earmark.distortion.check.tally import Tally

__all__ = [
    "Answer",
    "AudioFile",
    "Checked",
    "Count",
    "Journal",
    "Limits",
    "Run",
    "Tally",
    "Unreadable",
    "check",
    "count_files",
    "find_audio",
    "journal_path",
    "model_seal",
    "parse_limits",
]
