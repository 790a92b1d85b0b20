from __future__ import annotations

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earmark.inference.live.ring import Ring


def block(start: int, size: int) -> np.ndarray:
    return np.arange(start, start + size, dtype=np.float32)


@given(st.lists(st.tuples(st.integers(1, 7), st.integers(0, 9)), max_size=40))
def test_every_sample_is_taken_once_or_counted_as_lost(steps: list[tuple[int, int]]) -> None:
    ring, written, place, seen = Ring(16), 0, 0, []
    for size, wanted in steps:
        ring.write(block(written, size), 0.0)
        written += size
        lost, samples = ring.take(wanted)
        place += lost
        assert samples.tolist() == list(range(place, place + len(samples)))
        place += len(samples)
        seen.append(len(samples))
    assert sum(seen) + ring.n_waiting + ring.n_lost == written


def test_a_full_ring_counts_and_goes_on() -> None:
    ring = Ring(4)
    ring.write(block(0, 4), 1.0)
    ring.write(block(4, 3), 2.0)
    assert (ring.n_overruns, ring.n_lost, ring.arrival.place) == (1, 3, 4)
    assert ring.take(10)[1].tolist() == [0, 1, 2, 3]
    ring.write(block(7, 2), 3.0)
    lost, samples = ring.take(10)
    assert (lost, samples.tolist()) == (3, [7, 8])
    assert (ring.arrival.place, ring.arrival.time_s) == (9, 3.0)


def test_what_is_dropped_includes_what_was_lost_inside() -> None:
    ring = Ring(4)
    ring.write(block(0, 4), 1.0)
    ring.write(block(4, 2), 1.0)
    ring.take(2)
    ring.write(block(6, 1), 1.0)
    assert ring.drop() == 2 + 2 + 1
    assert ring.n_waiting == 0


def test_a_writer_and_a_reader_at_once_agree() -> None:
    ring, n_blocks, taken = Ring(1000), 400, []

    def write() -> None:
        for number in range(n_blocks):
            while ring.n_waiting > 900:  # so that nothing is lost here
                pass
            ring.write(block(number * 50, 50), 0.0)
        ring.close()

    thread = threading.Thread(target=write)
    thread.start()
    while not ring.closed or ring.n_waiting:
        taken.append(ring.take(77)[1])
    thread.join()
    assert np.array_equal(np.concatenate(taken), block(0, n_blocks * 50))


def test_losses_at_the_card_are_counted() -> None:
    ring = Ring(4)
    ring.count_overrun()
    assert (ring.n_overruns, ring.n_lost) == (1, 0)
