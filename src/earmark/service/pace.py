"""How fast requests come and are done: what waiting for company and coming back later are decided by."""

from __future__ import annotations

import math
import time

SMOOTHING = 0.1  # weight of the newest in running means


class Pace:
    """How fast requests come and how fast they are done.

    Called from several threads; a figure that is a little old harms nobody.

    Args:
        n_threads: That do them.
    """

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._came_s = 0.0
        self._gap_s = math.inf
        self._each_s = 0.0

    def came(self) -> None:
        """Note that a request came now."""
        now_s = time.perf_counter()
        gap_s = now_s - self._came_s
        # A pause says little about what comes after it: no gap counts for more than a second.
        self._gap_s = gap_s if self._gap_s == math.inf else _mean(self._gap_s, min(gap_s, 1.0))
        self._came_s = now_s

    def is_next_within(self, seconds: float) -> bool:
        """Return whether the next request is likely to come within so many seconds."""
        silent_s = time.perf_counter() - self._came_s
        return max(self._gap_s, silent_s) < seconds

    def took(self, n_over: int, seconds: float) -> None:
        """Note that a thread worked so long, after which so many requests were done."""
        each_s = seconds / max(1, n_over)
        self._each_s = _mean(self._each_s, each_s) if self._each_s else each_s

    def wait_s(self, n_waiting: int) -> float:
        """Return how long a request would wait behind so many."""
        return n_waiting * self._each_s / self._n_threads


def _mean(mean: float, newest: float) -> float:
    return mean + SMOOTHING * (newest - mean)
