"""Events: what was heard in a recording, from when to when."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

DECIMALS = 6  # of times


@dataclass(frozen=True)
class Event:
    """A stretch of a recording in which a label was heard.

    Attributes:
        start_s: Where it begins, in seconds from the start of the file.
        end_s: Where it ends, at most the duration of the file.
        label: What was heard.
        probability: The highest of its windows.
    """

    start_s: float
    end_s: float
    label: str
    probability: float


@dataclass(frozen=True)
class FileEvents:
    """All events of one recording.

    Attributes:
        path: The recording as it was named: a path or a URL.
        duration_s: Its length.
        rate_hz: Its own rate, before any resampling.
        n_channels: Its own channels.
        events: By start, then end, then label.
    """

    path: str
    duration_s: float
    rate_hz: int
    n_channels: int
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Merging:
    """How detections in windows become events.

    Attributes:
        most: At most so many windows in an event; 0: as many as follow on each other, 1: each is an event.
        gap_s: Windows of the same label no further apart than this follow on each other.
    """

    most: int = 0
    gap_s: float = 0.0


@dataclass(frozen=True)
class WindowTimes:
    """When windows are.

    Attributes:
        window_samples: Length of a window.
        hop_samples: Step between windows.
        rate_hz: Samples per second of both.
        duration_s: Length of the recording; no window ends later.
    """

    window_samples: int
    hop_samples: int
    rate_hz: int
    duration_s: float

    def start_s(self, window: int) -> float:
        """Return when a window begins."""
        return round(min(self.duration_s, window * self.hop_samples / self.rate_hz), DECIMALS)

    def end_s(self, window: int) -> float:
        """Return when a window ends."""
        end_s = (window * self.hop_samples + self.window_samples) / self.rate_hz
        return round(min(self.duration_s, end_s), DECIMALS)

    def gap_s(self, window: int, later: int) -> float:
        """Return how long after the end of a window a later one begins; less than 0 where they overlap."""
        return ((later - window) * self.hop_samples - self.window_samples) / self.rate_hz


def merge_detections(
    detections: Iterable[tuple[int, str, float]], times: WindowTimes, merging: Merging
) -> tuple[Event, ...]:
    """Return events of detections that follow on each other, by start, then end, then label.

    Args:
        detections: Window, label and probability, by window.
        times: When the windows are.
        merging: What belongs together.

    Example:
        >>> found = [(0, "frog", 0.5), (1, "frog", 0.9), (3, "frog", 0.7)]
        >>> merge_detections(found, WindowTimes(3, 3, 1, 12.0), Merging())
        (Event(start_s=0.0, end_s=6.0, label='frog', probability=0.9), Event(start_s=9.0, ... probability=0.7))
    """
    by_label: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for window, label, probability in detections:
        by_label[label].append((window, probability))
    events = [
        Event(times.start_s(run[0][0]), times.end_s(run[-1][0]), label, max(probability for _, probability in run))
        for label, found in by_label.items()
        for run in _runs(found, times, merging)
    ]
    return tuple(sorted(events, key=lambda event: (event.start_s, event.end_s, event.label)))


def _runs(found: list[tuple[int, float]], times: WindowTimes, merging: Merging) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = []
    for each in found:
        follows = bool(runs) and times.gap_s(runs[-1][-1][0], each[0]) <= merging.gap_s
        if follows and (not merging.most or len(runs[-1]) < merging.most):
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs
