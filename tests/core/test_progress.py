"""Progress is told in steps and costs nothing where nobody looks."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import DataError
from earmark.core.progress import SILENT, Progress, track

if TYPE_CHECKING:
    from collections.abc import Iterator


class Journal:
    """A progress that writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def start(self, label: str, total: int) -> None:
        self.events.append(f"{label} of {total}")

    def advance(self, n_steps: int = 1) -> None:
        self.events.append(f"+{n_steps}")

    def note(self, text: str) -> None:
        self.events.append(text)


def test_each_item_counts_once_it_is_done() -> None:
    journal = Journal()
    for item in track("ab", "reading", 2, journal):
        journal.note(item)
    assert journal.events == ["reading of 2", "a", "+1", "b", "+1"]


def test_an_item_that_fails_is_not_counted() -> None:
    journal = Journal()

    def read(path: str) -> None:
        raise DataError(f"{path}: found nothing")

    with pytest.raises(DataError, match="a: found nothing"):
        collections.deque(map(read, track("ab", "reading", 2, journal)))
    assert journal.events == ["reading of 2"]


def test_items_are_taken_one_at_a_time() -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        for number in range(10**9):
            taken.append(number)
            yield number

    assert next(iter(track(endless(), "streaming", 10**9, SILENT))) == 0
    assert taken == [0]


def test_silence_takes_every_call() -> None:
    progress: Progress = SILENT
    progress.start("reading", 0)
    progress.note("five.wav")
    progress.advance(3)
    assert list(track([1, 2], "reading", 2, progress)) == [1, 2]
