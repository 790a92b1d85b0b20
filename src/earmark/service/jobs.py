"""What waits for a model: a clip, whose windows share batches with those of others, or a whole piece of work."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from earmark.inference.heard import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from earmark.inference.heard import Cut

T = TypeVar("T")


class Ear(Protocol):
    """What hears stacks of windows, such as `Predictor`; jobs of one ear share batches."""

    def hear(self, windows: NDArray[np.float32]) -> Rows:
        """Return the rows of windows float32 (n_windows, n_samples)."""
        ...


class Job(Generic[T]):
    """Work that somebody in the event loop waits for; made there, done in threads.

    Attributes:
        n_bytes: Memory that it holds now; changed by the batcher alone.
        result: A future in the event loop.
        queue_ms: How long it waited to begin; 0 before.
        compute_ms: From then, or from when a clip was cut, until it was done; 0 before.
    """

    def __init__(self, n_bytes: int) -> None:
        self.n_bytes = n_bytes
        self.loop = asyncio.get_running_loop()
        self.result: asyncio.Future[T] = self.loop.create_future()
        self.queue_ms = self.compute_ms = 0.0
        self._asked_s = time.perf_counter()
        self._began_s = 0.0
        self._gone = False
        self._outcome: tuple[T | None, BaseException | None] | None = None

    @property
    def is_begun(self) -> bool:
        """Whether a part of it was computed, or is."""
        return self._began_s > 0

    @property
    def is_left(self) -> bool:
        """Whether nobody waits any more."""
        return self._gone

    @property
    def is_over(self) -> bool:
        """Whether nobody waits any more, or the outcome is known."""
        return self._gone or self._outcome is not None

    def leave(self) -> None:
        """Say that nobody waits for it any more: what was not computed yet is dropped."""
        self._gone = True

    def begin(self) -> None:
        """Note that its first part is being computed."""
        if not self._began_s:
            self._began_s = time.perf_counter()
            self.queue_ms = (self._began_s - self._asked_s) * 1000

    def settle(self, value: T | None, error: BaseException | None = None) -> None:
        """Note the outcome; the first one counts. `deliver` hands it over."""
        if self._outcome is None:
            self.compute_ms = (time.perf_counter() - self._began_s) * 1000
            self._outcome = (value, error)

    def deliver(self) -> None:
        """Hand the outcome to who waits; called in the event loop."""
        if self._outcome is None or self.result.done():
            return
        value, error = self._outcome
        if error is not None:
            self.result.set_exception(error)
        else:
            self.result.set_result(value)  # type: ignore[arg-type]  # without an error there is a value


class WholeJob(Job[T]):
    """Work that is done in one go, alone.

    Args:
        work: Does it, in a thread.
        n_bytes: Memory that it holds while it waits.
    """

    def __init__(self, work: Callable[[], T], n_bytes: int) -> None:
        super().__init__(n_bytes)
        self.work = work


class ClipJob(Job[T]):
    """A clip to hear.

    Args:
        ear: Hears its windows.
        cut: Makes them, in a thread, just before the first is heard; may decode the sound, too.
        finish: From the clip with all its rows to what is waited for, in a thread.
        limit: Windows that its ear should get at once.
        n_bytes: Memory that it holds while it waits to be cut.
    """

    def __init__(
        self, ear: Ear, cut: Callable[[], Cut], finish: Callable[[Cut, Rows], T], limit: int, n_bytes: int
    ) -> None:
        super().__init__(n_bytes)
        self.ear = ear
        self.limit = limit
        self._make, self._finish = cut, finish
        self._cut: Cut | None = None
        self._n_taken = 0
        self._n_left = 0  # windows that were not heard yet
        self._rows: dict[int, Rows] = {}
        self._lock = threading.Lock()  # parts of a long clip are heard in several threads

    @property
    def cut_bytes(self) -> int:
        """Memory of its sound as it is cut; 0 before."""
        if self._cut is None:
            return 0
        windows = self._cut.windows  # they overlap
        return int((len(windows) - 1) * windows.strides[0] + windows.shape[1] * windows.itemsize)

    @property
    def has_more(self) -> bool:
        """Whether windows are left that nobody took."""
        return self._cut is not None and not self.is_over and self._n_taken < len(self._cut.windows)

    def take(self, most: int) -> Part:
        """Return its next windows, at most so many."""
        if self._cut is None:
            self.begin()
            self._cut = self._make()
            self._n_left = len(self._cut.windows)
            self._began_s = time.perf_counter()
        first = self._n_taken
        self._n_taken = min(first + most, len(self._cut.windows))
        return Part(self, first, self._cut.windows[first : self._n_taken])

    def add(self, first: int, rows: Rows) -> None:
        """Take the rows of a part; with those of the last one the clip is done."""
        with self._lock:
            self._rows[first] = rows
            self._n_left -= len(rows.scores)
            is_whole = not self._n_left
        if is_whole and self._cut is not None and not self.is_over:
            every = Rows.joined([self._rows[start] for start in sorted(self._rows)])
            self.settle(self._finish(self._cut, every))


class Part:
    """Windows of a clip that are heard together, from its window `first` on."""

    def __init__(self, job: ClipJob[T], first: int, windows: NDArray[np.float32]) -> None:
        self.job = job
        self.first = first
        self.windows = windows
