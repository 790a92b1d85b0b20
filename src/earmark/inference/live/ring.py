"""The hand-over from the thread that captures sound to the one that judges it.

One thread writes, one reads, and neither takes a lock: a place is moved only after the samples before it stand, and
only by its own side. So the capture thread never waits, whatever the reader does; when the ring is full, it counts and
goes on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Arrival:
    """When a sample was captured.

    Attributes:
        place: Samples captured up to then, lost ones included.
        time_s: On the clock `time.monotonic`.
    """

    place: int
    time_s: float


class Ring:
    """A ring of samples for one writer and one reader.

    Args:
        n_samples: Its capacity.
    """

    def __init__(self, n_samples: int) -> None:
        self._buffer = np.zeros(n_samples, dtype=np.float32)
        self._written = 0  # samples in the ring ever; moved by the writer
        self._read = 0  # samples taken or skipped ever; moved by the reader
        self._lost = 0  # since the last gap that was noted
        self._gaps: deque[tuple[int, int]] = deque()  # (samples written before the gap, samples lost)
        self._captured = 0
        self.n_overruns = 0
        self.n_lost = 0
        self.closed = False
        self.arrival = Arrival(0, 0.0)
        self.error: BaseException | None = None

    def write(self, samples: NDArray[np.float32], time_s: float) -> None:
        """Add samples, or count them as lost where there is no room. Called by the capturing thread only.

        Args:
            samples: float32 (n_samples,).
            time_s: When the last of them was captured, on the clock `time.monotonic`.
        """
        n_samples = len(samples)
        self._captured += n_samples
        if self._written - self._read + n_samples > len(self._buffer):
            self.n_overruns += 1
            self.n_lost += n_samples
            self._lost += n_samples
            return
        if self._lost:
            self._gaps.append((self._written, self._lost))
            self._lost = 0
        start = self._written % len(self._buffer)
        first = min(n_samples, len(self._buffer) - start)
        self._buffer[start : start + first] = samples[:first]
        self._buffer[: n_samples - first] = samples[first:]
        self.arrival = Arrival(self._captured, time_s)
        self._written += n_samples

    def count_overrun(self) -> None:
        """Count that the sound card lost samples itself, nobody knows how many. Called by the capturing thread."""
        self.n_overruns += 1

    def close(self, error: BaseException | None = None) -> None:
        """Say that nothing more will come, and why if that is an error. Called by the capturing thread."""
        self.error = error
        self.closed = True

    @property
    def n_waiting(self) -> int:
        """Samples that were captured and not taken yet."""
        return self._written - self._read

    def take(self, n_samples: int) -> tuple[int, NDArray[np.float32]]:
        """Return how many samples were lost here, and then at most `n_samples` that follow on each other.

        Called by the reading thread only.
        """
        lost = 0
        if self._gaps and self._gaps[0][0] == self._read:
            lost = self._gaps.popleft()[1]
        until_gap = self._gaps[0][0] if self._gaps else self._written
        n_taken = max(0, min(n_samples, self._written - self._read, until_gap - self._read))
        start = self._read % len(self._buffer)
        first = min(n_taken, len(self._buffer) - start)
        taken = np.concatenate([self._buffer[start : start + first], self._buffer[: n_taken - first]])
        self._read += n_taken
        return lost, taken

    def drop(self) -> int:
        """Forget everything that waits and return how many samples that was, lost ones among them included."""
        end = self._written
        n_dropped = end - self._read
        while self._gaps and self._gaps[0][0] <= end:
            n_dropped += self._gaps.popleft()[1]
        self._read = end
        return n_dropped
