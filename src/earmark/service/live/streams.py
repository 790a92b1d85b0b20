"""All live streams of a service: how many there may be, their threads, and how they end when the service does."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from earmark.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from earmark.service.monitoring import Monitor
    from earmark.service.options import ServeOptions

T = TypeVar("T")

RETRY_S = 10.0
OPENING_FACTOR, OPENING_MORE = 4, 16  # connections that have said nothing yet
GRACE_S = 5.0  # to tell the rest and say goodbye


class Streams:
    """The streams that are open.

    Args:
        options: How many there may be, how many threads judge them.
        monitor: Counts them.
    """

    def __init__(self, options: ServeOptions, monitor: Monitor) -> None:
        self.timeout_s = options.timeout_s
        self.monitor = monitor
        self.stopping = asyncio.Event()
        self._most = options.max_streams
        self._n_open = self._n_connected = 0
        self._gone = asyncio.Event()
        self._gone.set()
        self._threads = ThreadPoolExecutor(options.workers, "earmark stream")

    @property
    def n_open(self) -> int:
        """How many are open now."""
        return self._n_open

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Count a connection while the block runs.

        Raises:
            Problem: The service stops, or too many connections have said nothing yet: 503.
        """
        if self.stopping.is_set():
            raise Problem(503, "Server is stopping", "the server is stopping; connect again", retry_after_s=RETRY_S)
        if self._n_connected - self._n_open >= OPENING_FACTOR * self._most + OPENING_MORE:
            raise Problem(503, "Too many connections", "too many streams are being opened", retry_after_s=RETRY_S)
        self._n_connected += 1
        self._gone.clear()
        try:
            yield
        finally:
            self._n_connected -= 1
            if not self._n_connected:
                self._gone.set()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Count a stream while the block runs.

        Raises:
            Problem: There are as many as there may be: 503.
        """
        if self._n_open >= self._most:
            raise Problem(
                503,
                "Too many streams",
                f"{self._n_open} live streams are open, the most that this server allows",
                retry_after_s=RETRY_S,
            )
        self._n_open += 1
        self.monitor.streams(1)
        try:
            yield
        finally:
            self._n_open -= 1
            self.monitor.streams(-1)

    async def work(self, do: Callable[[], T]) -> T:
        """Return what a function gives, run in a thread of the streams, with the caller's request id in its logs."""
        inside = partial(contextvars.copy_context().run, do)
        return await asyncio.get_running_loop().run_in_executor(self._threads, inside)

    async def drain(self) -> None:
        """Let every stream tell what is left and say goodbye, then close the threads; does nothing a second time."""
        self.stopping.set()
        try:
            async with asyncio.timeout(GRACE_S):
                await self._gone.wait()
        except TimeoutError:  # somebody does not read: the server closes the connection
            pass
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
