from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.inference.events import Event, Merging, WindowTimes, merge_detections

TIMES = WindowTimes(window_samples=3000, hop_samples=3000, rate_hz=1000, duration_s=31.5)
OVERLAPPING = WindowTimes(window_samples=3000, hop_samples=1000, rate_hz=1000, duration_s=31.5)
FOUND = [(0, "frog", 0.5), (1, "frog", 0.9), (1, "dog", 0.3), (3, "frog", 0.7), (10, "frog", 0.6)]


def spans(times: WindowTimes, merging: Merging, label: str = "frog") -> list[tuple[float, float, float]]:
    events = merge_detections(FOUND, times, merging)
    return [(event.start_s, event.end_s, event.probability) for event in events if event.label == label]


@pytest.mark.parametrize(
    ("merging", "expected"),
    [
        (Merging(), [(0, 6, 0.9), (9, 12, 0.7), (30, 31.5, 0.6)]),
        (Merging(most=1), [(0, 3, 0.5), (3, 6, 0.9), (9, 12, 0.7), (30, 31.5, 0.6)]),
        (Merging(gap_s=2.9), [(0, 6, 0.9), (9, 12, 0.7), (30, 31.5, 0.6)]),
        (Merging(gap_s=3), [(0, 12, 0.9), (30, 31.5, 0.6)]),
        (Merging(most=2, gap_s=3), [(0, 6, 0.9), (9, 12, 0.7), (30, 31.5, 0.6)]),
        (Merging(gap_s=100), [(0, 31.5, 0.9)]),
    ],
)
def test_windows_that_follow_on_each_other_are_one_event(
    merging: Merging, expected: list[tuple[float, float, float]]
) -> None:
    assert spans(TIMES, merging) == expected
    assert spans(TIMES, merging, "dog") == [(3, 6, 0.3)]


def test_windows_that_overlap_follow_on_each_other() -> None:
    assert spans(OVERLAPPING, Merging()) == [(0, 6, 0.9), (10, 13, 0.6)]


def test_events_stand_by_start_then_end_then_label() -> None:
    found = [(0, "b", 0.5), (0, "a", 0.5), (1, "a", 0.5), (1, "c", 0.5)]
    events = merge_detections(found, TIMES, Merging())
    assert [(event.start_s, event.end_s, event.label) for event in events] == [(0, 3, "b"), (0, 6, "a"), (3, 6, "c")]


@given(st.sets(st.integers(0, 60)), st.integers(0, 4), st.floats(0, 10))
def test_every_window_is_in_one_event_and_events_are_apart(windows: set[int], most: int, gap_s: float) -> None:
    found = [(window, "x", 0.5) for window in sorted(windows)]
    times = WindowTimes(3000, 3000, 1000, 10_000.0)
    events: tuple[Event, ...] = merge_detections(found, times, Merging(most, gap_s))
    for window in windows:
        assert sum(event.start_s <= 3 * window and 3 * window + 3 <= event.end_s for event in events) == 1
    assert all(first.end_s <= second.start_s for first, second in pairwise(events))
    if not most:
        assert all(b.start_s - a.end_s > gap_s for a, b in pairwise(events))
