from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from earmark.inference.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_items_come_in_order() -> None:
    assert list(ahead(range(50))) == list(range(50))
    assert list(ahead(iter(()))) == []


def test_it_works_ahead_but_not_further_than_it_may() -> None:
    made: list[int] = []
    allowed = threading.Semaphore(100)

    def make() -> Iterator[int]:
        for number in range(20):
            allowed.acquire()
            made.append(number)
            yield number

    items = ahead(make(), 2)
    assert next(items) == 0
    end_s = time.monotonic() + 30
    while len(made) < 4 and time.monotonic() < end_s:
        time.sleep(0.01)
    time.sleep(0.05)
    assert made == [0, 1, 2, 3]  # one taken, two waiting, one in hand
    assert list(items) == list(range(1, 20))


def test_an_error_is_raised_where_the_items_are_used() -> None:
    def make() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    items = ahead(make())
    assert next(items) == 1
    with pytest.raises(ZeroDivisionError):
        next(items)


def test_who_leaves_early_leaves_no_thread_behind() -> None:
    closed = []

    def make() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append(threading.current_thread().name)

    before = threading.active_count()
    items = ahead(ahead(make()))
    assert [next(items), next(items)] == [0, 1]
    items.close()
    assert threading.active_count() == before
    assert closed != [threading.current_thread().name]
    assert len(closed) == 1
