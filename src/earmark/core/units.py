"""The only place where seconds become samples and samples become seconds."""

from __future__ import annotations

import math


def seconds_to_samples(seconds: float, rate_hz: int) -> int:
    """Return the number of samples in a duration, rounding half a sample up.

    The product is rounded to a millionth of a sample first, so that 0.29 s at 100 Hz is 29 and not 28.999....
    """
    return math.floor(round(seconds * rate_hz, 6) + 0.5)


def samples_to_seconds(n_samples: int, rate_hz: int) -> float:
    """Return the duration in seconds of a number of samples."""
    return n_samples / rate_hz
