"""How often each key may ask: a bucket that fills with time, from which every request takes one token."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 60.0


class TokenBucket:
    """So many requests a minute, and as many at once after a minute of rest.

    Args:
        rate_per_minute: Tokens that come in a minute, and that it holds at most.
        clock_s: Tells the time in seconds.

    Example:
        >>> bucket = TokenBucket(1, clock_s=lambda: 0.0)
        >>> bucket.take(), bucket.take()
        (0.0, 60.0)
    """

    def __init__(self, rate_per_minute: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.rate_per_minute = rate_per_minute
        self._clock_s = clock_s
        self._tokens = float(rate_per_minute)
        self._filled_at_s = clock_s()

    def take(self) -> float:
        """Take a token if there is one; returns after how many seconds to come back, 0 if it was taken."""
        now_s = self._clock_s()
        arrived = (now_s - self._filled_at_s) * self.rate_per_minute / SECONDS
        self._tokens = min(float(self.rate_per_minute), self._tokens + arrived)
        self._filled_at_s = now_s
        # A client that waits exactly as long as it was told must not fail for the rounding of a sum.
        if self._tokens >= 1.0 or math.isclose(self._tokens, 1.0, abs_tol=1e-9):
            self._tokens = max(0.0, self._tokens - 1.0)
            return 0.0
        return (1.0 - self._tokens) * SECONDS / self.rate_per_minute
