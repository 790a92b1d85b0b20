"""Resampling with soxr in its HQ setting (linear phase, about 110 dB of stop-band)."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

import numpy as np
import soxr

from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_RATE_HZ = 10
MAX_RATE_HZ = 4_000_000  # beyond the fastest hydrophone recorders


def check_rate(rate_hz: int, where: str) -> int:
    """Return a rate as a whole number.

    Raises:
        AudioError: It is not a whole number from 10 Hz to 4 MHz.
    """
    try:
        whole = operator.index(rate_hz)
    except TypeError:
        whole = 0
    if isinstance(rate_hz, bool) or not MIN_RATE_HZ <= whole <= MAX_RATE_HZ:
        raise AudioError(
            f"{where}: found rate {rate_hz!r} Hz, expected a whole number from {MIN_RATE_HZ} to {MAX_RATE_HZ}"
        )
    return whole


def resample(samples: NDArray[np.float32], from_hz: float, to_hz: float) -> NDArray[np.float32]:
    """Return sound at another rate.

    Args:
        samples: float32 (n_samples,) or (n_channels, n_samples).
        from_hz: Rate of `samples`; only the ratio of the rates counts.
        to_hz: Rate of the result.

    Returns:
        float32 of the same rank with ``n_samples * to_hz / from_hz`` samples, rounded to the nearest whole number.

    Raises:
        AudioError: A rate is not above 0.
    """
    if not (0 < from_hz < math.inf and 0 < to_hz < math.inf):  # soxr never returns for NaN
        raise AudioError(f"resample: found rates {from_hz} and {to_hz} Hz, expected finite rates above 0")
    if from_hz == to_hz:
        return samples
    changed = soxr.resample(samples.T, from_hz, to_hz, quality=soxr.HQ)
    result: NDArray[np.float32] = np.ascontiguousarray(changed.T)
    return result


class StreamResampler:
    """Resamples sound that comes in blocks; the outputs put together equal `resample` of the whole.

    Args:
        from_hz: Rate of the blocks.
        to_hz: Rate of the result.
        n_channels: Channels of the blocks.
    """

    def __init__(self, from_hz: int, to_hz: int, n_channels: int) -> None:
        self._n_channels = n_channels
        self._stream = soxr.ResampleStream(from_hz, to_hz, n_channels, dtype="float32", quality=soxr.HQ)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what is ready after one more block, both float32 (n_channels, n_samples); may be of length 0."""
        return self._through(samples, is_last=False)

    def finish(self) -> NDArray[np.float32]:
        """Return the rest, float32 (n_channels, n_samples); the resampler is used up."""
        return self._through(np.empty((self._n_channels, 0), dtype=np.float32), is_last=True)

    def _through(self, samples: NDArray[np.float32], *, is_last: bool) -> NDArray[np.float32]:
        frames = samples[0] if self._n_channels == 1 else np.ascontiguousarray(samples.T)
        changed: NDArray[np.float32] = self._stream.resample_chunk(frames, last=is_last)
        return changed.reshape(-1, self._n_channels).T
