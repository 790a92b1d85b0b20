r"""Audacity labels, in the extended format: a line ``start<tab>end<tab>label``, a line ``\<tab>low<tab>high`` below it.

The probability stands at the end of the second line, which Audacity and other readers pass over. A label track is of
one recording, which it does not name. Tabs, line breaks and backslashes in a label are written as ``\t``, ``\n``,
``\\``, https://manual.audacityteam.org/man/importing_and_exporting_labels.html.
"""

from __future__ import annotations

import io
import math
import re
from typing import TYPE_CHECKING, Any

from earmark.core.errors import DataError
from earmark.data.annotation_tables import parse_audacity, table_kind
from earmark.data.tables import read_text
from earmark.inference.events import Event, FileEvents
from earmark.inference.formats.base import TextSheet, decimal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_UNSAFE = re.compile("[\\\\\t\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")  # whatever some reader breaks a line at
_ESCAPED = re.compile(r"\\(?:([\\tnr])|u([0-9a-f]{4}))")
_SHORT = {"\\": "\\", "\t": "t", "\n": "n", "\r": "r"}
_LONG = {letter: character for character, letter in _SHORT.items()}


class AudacitySheet(TextSheet):
    """A label track that is being written."""

    def lines(self, file: FileEvents) -> Iterator[str]:
        """Yield two lines for each event."""
        high_hz = decimal(file.rate_hz / 2) if file.rate_hz else "-1"  # -1 is what Audacity writes where there is none
        low_hz = "0.0" if file.rate_hz else "-1"
        for event in file.events:
            yield f"{event.start_s:.6f}\t{event.end_s:.6f}\t{_UNSAFE.sub(_escape, event.label)}\n"
            yield f"\\\t{low_hz}\t{high_hz}\t{decimal(event.probability)}\n"


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return f"\\{_SHORT[character]}" if character in _SHORT else f"\\u{ord(character):04x}"


def _unescape(found: re.Match[str]) -> str:
    return _LONG[found[1]] if found[1] else chr(int(found[2], 16))


def open_audacity(path: Path, about: Mapping[str, Any]) -> AudacitySheet:  # noqa: ARG001
    """Open a label track for writing."""
    return AudacitySheet(path)


def is_audacity(beginning: bytes) -> bool:
    """Return whether a file begins with a label, or is empty: a track without labels."""
    text = beginning.decode("utf-8-sig", "replace")
    return not text.strip() or table_kind(text) == "audacity"


def read_audacity(path: Path, recording: str) -> list[FileEvents]:
    """Return the labels of a track as the events of one recording.

    What has no probability was typed by a person and counts as certain (1).

    Raises:
        DataError: It cannot be read, or a line is not a label.
    """
    text = read_text(path)
    lines = [line.rstrip("\n") for line in io.StringIO(text, newline=None)]  # as parse_audacity counts them
    events = []
    for found in parse_audacity(path, text):
        annotation = found.annotation
        n_line = int(annotation.where.rpartition(":")[2])  # from 1, so this is the index of the line below
        probability = _probability(lines[n_line] if n_line < len(lines) else "", annotation.where)
        label = annotation.label if probability is None else _ESCAPED.sub(_unescape, annotation.label)
        certain = 1.0 if probability is None else probability
        events.append(Event(annotation.start_s, annotation.end_s, label, certain))
    return [FileEvents(recording, 0.0, 0, 0, tuple(events))]


def _probability(line: str, where: str) -> float | None:
    """Return what stands behind the frequencies; None where nothing does."""
    cells = line.split("\t")
    if cells[0] != "\\" or len(cells) < 4:
        return None
    try:
        value = float(cells[3])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f'{where}: found "{cells[3]}" behind the frequencies, expected a probability or nothing')
    return value
