"""Events as files: written in the formats of other programs, and read back."""

from earmark.inference.formats.base import Format
from earmark.inference.formats.reading import event_files, read_events, recognise
from earmark.inference.formats.table import FORMATS, format_named
from earmark.inference.formats.writing import EventWriter, open_writers

__all__ = [
    "FORMATS",
    "EventWriter",
    "Format",
    "event_files",
    "format_named",
    "open_writers",
    "read_events",
    "recognise",
]
