"""What the formats of events share: how a file of them is written bit by bit, and how numbers and texts stand in it.

All formats hold the same numbers: seconds and probabilities are rounded to a millionth before any format sees them.
"""

from __future__ import annotations

import math
import os
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from earmark.core.errors import DataError
from earmark.inference.events import Event, FileEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from earmark.data.tables import Row

DECIMALS = 6
_LOST_BYTE = re.compile(r"\\u(dc[89a-f][0-9a-f])")  # how a byte that is not UTF-8 stands in a text file


class Sheet(Protocol):
    """An open file of events, under a temporary name."""

    def add(self, file: FileEvents) -> None:
        """Write the events of one recording."""
        ...

    def close(self) -> None:
        """Write what stands at the end, and close the file."""
        ...


@dataclass(frozen=True)
class Format:
    """A way to write events down.

    Attributes:
        suffix: End of the names of its files.
        open: Opens a file for writing; given its path and what is to be said about the run.
        read: Returns what is in such a file; given its path and the name to use where it names no recording.
        recognise: Whether a file that begins with these bytes is of this format.
        one_recording: Whether a file of it can only be about one recording.
    """

    suffix: str
    open: Callable[[Path, Mapping[str, Any]], Sheet]
    read: Callable[[Path, str], list[FileEvents]]
    recognise: Callable[[bytes], bool]
    one_recording: bool = False


class TextSheet(ABC):
    """A text file of events: a head, the lines of each recording, a foot."""

    head = ""
    foot = ""

    def __init__(self, path: Path) -> None:
        # A name that is not UTF-8 is written with \udcff for its bytes; newline: the same bytes on every system.
        self._file = path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n")
        self._file.write(self.head)

    @abstractmethod
    def lines(self, file: FileEvents) -> Iterable[str]:
        """Return what to write for a recording, line ends included."""

    def add(self, file: FileEvents) -> None:
        """Write the events of one recording."""
        self._file.writelines(self.lines(file))

    def close(self) -> None:
        """Write the foot and close the file."""
        if not self._file.closed:
            self._file.write(self.foot)
            self._file.close()


@dataclass
class Gathered:
    """Events that stand in rows, by recording, in the order in which recordings are first named."""

    def __post_init__(self) -> None:
        self._facts: dict[str, tuple[float, int, int]] = {}
        self._events: dict[str, list[Event]] = {}

    def add(self, path: str, event: Event, facts: tuple[float, int, int] = (0.0, 0, 0)) -> None:
        """Take an event; facts are the duration, rate and channels of the recording, 0 where not known."""
        self._facts.setdefault(path, facts)
        self._events.setdefault(path, []).append(event)

    def files(self) -> list[FileEvents]:
        """Return the recordings with their events."""
        return [FileEvents(path, *self._facts[path], tuple(events)) for path, events in self._events.items()]


def rounded(file: FileEvents) -> FileEvents:
    """Return a recording's events as every format holds them.

    Raises:
        DataError: A label is empty, a number is not finite, or an event ends before it begins.
    """
    duration_s = round(float(file.duration_s), DECIMALS)
    return replace(file, duration_s=duration_s, events=tuple(_rounded(event, file.path) for event in file.events))


def _rounded(event: Event, path: str) -> Event:
    label = event.label.strip()
    times_fit = 0 <= event.start_s <= event.end_s < math.inf
    if not (label and times_fit and math.isfinite(event.probability)) or "\0" in label:
        raise DataError(f"{path}: cannot write {event}; expected a label, 0 <= start <= end and a finite probability")
    numbers = (round(float(value), DECIMALS) for value in (event.start_s, event.end_s, event.probability))
    start_s, end_s, probability = numbers
    return Event(start_s, end_s, label, probability)


def decimal(value: float) -> str:
    """Return a number without exponent: ``3.0``, ``0.25``, ``0.000001``."""
    text = f"{value:.{DECIMALS}f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def join_cells(cells: Iterable[str], separator: str) -> str:
    """Return a line of a table; cells that hold the separator, quotes or line breaks stand in quotes.

    `csv.writer` would leave a lone carriage return unquoted in some versions of Python.
    """
    return separator.join(_quoted(cell, separator) for cell in cells) + "\n"


def _quoted(cell: str, separator: str) -> str:
    if separator in cell or '"' in cell or "\n" in cell or "\r" in cell:
        return '"' + cell.replace('"', '""') + '"'
    return cell


def located(path: str) -> str:
    """Return where a recording lies, for programs that run elsewhere: an absolute path, or the URL as it is."""
    return path if "://" in path else os.path.abspath(path)  # noqa: PTH100 (links stay)


def restored(text: str) -> str:
    r"""Return a text with the bytes that were not UTF-8, written as ``\udcff``, as they were."""
    return _LOST_BYTE.sub(lambda found: chr(int(found[1], 16)), text) if "\\udc" in text else text


def number(row: Row, column: str | None, missing: float) -> float:
    """Return a cell as a number.

    Raises:
        DataError: It is not a finite number.
    """
    text = row.text(column)
    if not text:
        return missing
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f'{row.where}: column "{column}" holds "{text}", expected a number')
    return value
