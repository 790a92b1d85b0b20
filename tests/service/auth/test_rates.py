from __future__ import annotations

import pytest

from earmark.service.auth.rates import TokenBucket


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize("rate", [1, 7, 60, 600])
def test_so_many_at_once_and_then_one_for_each_wait(rate: int) -> None:
    clock = Clock()
    bucket = TokenBucket(rate, clock)
    assert [bucket.take() for _ in range(rate)] == [0.0] * rate
    for _ in range(2 * rate):
        wait_s = bucket.take()
        assert wait_s == pytest.approx(60 / rate)
        clock.now_s += wait_s / 2
        assert bucket.take() == pytest.approx(wait_s / 2)
        clock.now_s += wait_s / 2
        assert bucket.take() == 0.0


def test_rest_saves_up_no_more_than_a_minute() -> None:
    clock = Clock()
    bucket = TokenBucket(3, clock)
    clock.now_s += 3600
    assert [bucket.take() > 0 for _ in range(4)] == [False, False, False, True]


def test_a_refused_request_costs_nothing() -> None:
    clock = Clock()
    bucket = TokenBucket(60, clock)
    for _ in range(60):
        bucket.take()
    waits = {bucket.take() for _ in range(100)}
    assert waits == {1.0}
