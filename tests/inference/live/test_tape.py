from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earmark.inference.live.tape import Tape


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 25))
def test_the_newest_samples_can_be_cut_out_after_any_blocks(sizes: list[int], kept: int) -> None:
    tape, whole = Tape(kept), np.arange(sum(sizes), dtype=np.float32)
    start = 0
    for size in sizes:
        tape.append(whole[start : start + size])
        start += size
        first = max(0, start - kept)
        assert tape.end == start
        assert np.array_equal(tape.cut(first, start), whole[first:start])


def test_a_cut_that_reaches_out_of_the_tape_is_what_is_there() -> None:
    tape = Tape(4)
    tape.append(np.arange(4, dtype=np.float32))
    assert tape.cut(-5, 2).tolist() == [0, 1]
    assert tape.cut(2, 99).tolist() == [2, 3]
    assert tape.cut(7, 9).size == 0


def test_nothing_before_a_hole_comes_back() -> None:
    tape = Tape(8)
    tape.append(np.ones(4, dtype=np.float32))
    tape.skip(10)
    tape.append(np.full(2, 5, dtype=np.float32))
    assert tape.end == 16
    assert tape.cut(0, 16).tolist() == [5, 5]


def test_a_cut_does_not_change_when_the_tape_goes_on() -> None:
    tape = Tape(3)
    tape.append(np.array([1, 2, 3], dtype=np.float32))
    cut = tape.cut(0, 3)
    for _ in range(5):
        tape.append(np.zeros(3, dtype=np.float32))
    assert cut.tolist() == [1, 2, 3]
