from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.audio.window import WindowCutter, count_windows, cut_windows, window_starts
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ramp(n_samples: int) -> NDArray[np.float32]:
    return np.arange(1, n_samples + 1, dtype=np.float32)


@pytest.mark.parametrize(
    ("n_samples", "window_samples", "hop_samples", "n_windows"),
    [(1, 4, 2, 1), (4, 4, 2, 1), (5, 4, 2, 2), (6, 4, 2, 2), (7, 4, 2, 3), (8, 4, 4, 2), (9, 4, 4, 3), (9, 1, 1, 9)],
)
def test_there_are_as_many_windows_as_reach_the_last_sample(
    n_samples: int, window_samples: int, hop_samples: int, n_windows: int
) -> None:
    assert count_windows(n_samples, window_samples, hop_samples) == n_windows
    assert cut_windows(ramp(n_samples), window_samples, hop_samples).shape == (n_windows, window_samples)


def test_starts_are_multiples_of_the_hop() -> None:
    assert window_starts(11, 4, 3).tolist() == [0, 3, 6, 9]


def test_only_the_last_window_is_padded_and_only_at_its_end() -> None:
    windows = cut_windows(ramp(7), 4, 2)
    np.testing.assert_array_equal(windows, [[1, 2, 3, 4], [3, 4, 5, 6], [5, 6, 7, 0]])


def test_windows_that_fit_are_a_view() -> None:
    samples = ramp(8)
    windows = cut_windows(samples, 4, 2)
    assert np.shares_memory(windows, samples)
    assert not windows.flags.writeable


@st.composite
def chunkings(draw: st.DrawFn) -> tuple[int, int, int, list[int]]:
    window_samples = draw(st.integers(1, 40))
    hop_samples = draw(st.integers(1, window_samples))
    n_samples = draw(st.integers(1, 300))
    cuts = draw(st.lists(st.integers(0, n_samples), max_size=30))
    return n_samples, window_samples, hop_samples, sorted(cuts)


@given(chunkings())
def test_any_chunking_gives_the_same_windows(case: tuple[int, int, int, list[int]]) -> None:
    n_samples, window_samples, hop_samples, cuts = case
    samples = ramp(n_samples)
    cutter = WindowCutter(window_samples, hop_samples)
    given_windows = [cutter.push(block) for block in np.split(samples, cuts)] + [cutter.finish()]
    together = np.concatenate(given_windows)
    np.testing.assert_array_equal(together, cut_windows(samples, window_samples, hop_samples))


def test_windows_stay_right_when_the_caller_reuses_its_block() -> None:
    cutter, block = WindowCutter(4, 2), ramp(6)
    windows = cutter.push(block)
    block[:] = 0
    np.testing.assert_array_equal(windows, [[1, 2, 3, 4], [3, 4, 5, 6]])


def test_a_cutter_keeps_less_than_a_window() -> None:
    cutter = WindowCutter(100, 30)
    for _ in range(50):
        cutter.push(ramp(77))
        assert len(cutter._tail) < 100
        assert cutter._tail.base is None  # not a view that keeps the block alive


def test_a_finished_cutter_starts_anew() -> None:
    cutter = WindowCutter(4, 4)
    cutter.push(ramp(6))
    assert cutter.finish().tolist() == [[5, 6, 0, 0]]
    assert cutter.push(ramp(4)).tolist() == [[1, 2, 3, 4]]
    assert cutter.finish().shape == (0, 4)


def test_no_sound_is_an_error_and_not_a_window_of_zeros() -> None:
    with pytest.raises(AudioError, match="with samples in it"):
        cut_windows(ramp(0), 4, 2)
    with pytest.raises(AudioError, match="found 0 samples, expected at least one"):
        WindowCutter(4, 2).finish()


@pytest.mark.parametrize(("window_samples", "hop_samples"), [(0, 0), (4, 0), (4, -1), (4, 5)])
def test_lengths_that_would_leave_sound_out_are_refused(window_samples: int, hop_samples: int) -> None:
    with pytest.raises(AudioError, match="expected 1 <= hop_samples <= window_samples"):
        WindowCutter(window_samples, hop_samples)
    with pytest.raises(AudioError, match=f"found window_samples={window_samples}, hop_samples={hop_samples}"):
        count_windows(10, window_samples, hop_samples)


def test_other_types_are_refused() -> None:
    with pytest.raises(AudioError, match=r"found float64 of shape \(5,\)"):
        cut_windows(np.zeros(5), 4, 2)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match=r"found float32 of shape \(1, 5\)"):
        WindowCutter(4, 2).push(np.zeros((1, 5), dtype=np.float32))
