"""The last seconds of a stream, by their place in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Tape:
    """Keeps the newest samples of a stream; what is older is forgotten.

    Args:
        n_samples: How many of the newest samples can always be cut out again.
    """

    def __init__(self, n_samples: int) -> None:
        self._kept = n_samples
        self._buffer = np.zeros(2 * n_samples, dtype=np.float32)
        self._filled = 0
        self.end = 0  # samples of the stream so far: the place behind the newest one

    def append(self, samples: NDArray[np.float32]) -> None:
        """Add the next samples of the stream, float32 (n_samples,)."""
        self.end += len(samples)
        newest = samples[-self._kept :]
        if self._filled + len(newest) > len(self._buffer):  # rarely: the buffer has room for twice what is kept
            stay = self._buffer[max(0, self._filled - self._kept) : self._filled].copy()
            self._buffer[: len(stay)] = stay
            self._filled = len(stay)
        self._buffer[self._filled : self._filled + len(newest)] = newest
        self._filled += len(newest)

    def skip(self, n_samples: int) -> None:
        """Leave out samples that were lost: nothing before them can be cut out any more."""
        self.end += n_samples
        self._filled = 0

    def cut(self, first: int, end: int) -> NDArray[np.float32]:
        """Return the samples from place `first` to before place `end` that are still there, float32 (n_samples,)."""
        oldest = self.end - self._filled
        return self._buffer[max(first, oldest) - oldest : max(min(end, self.end), oldest) - oldest].copy()
