"""Micro-batches: windows of many requests are heard together, in a few threads of one model.

A thread that is free takes what waits, oldest first, up to as many windows as pay for this model. A clip with more goes
back to the end of the queue, so that it shares the model with those who came after it. Nobody waits for company unless
every other thread is busy, and requests came so close behind each other lately that the next is likely to be in time.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from earmark.service.jobs import ClipJob, WholeJob
from earmark.service.pace import Pace
from earmark.service.problems import Problem

if TYPE_CHECKING:
    from earmark.service.jobs import Job, Part
    from earmark.service.monitoring.metrics import Monitor
    from earmark.service.options import ServeOptions

T = TypeVar("T")

MOST_WAITING_BYTES = 512 << 20  # of sound that is held for one model
SHORTEST_RETRY_S, LONGEST_RETRY_S = 1.0, 60.0


class Batcher:
    """The queue and the threads of one model, whichever of its versions the jobs are for.

    Args:
        model: Its name.
        options: `max_waiting`, `max_wait_ms` and `workers` are used.
        monitor: Is told of queue, batches and refusals, from any thread.
    """

    def __init__(self, model: str, options: ServeOptions, monitor: Monitor) -> None:
        self._model, self._monitor = model, monitor
        self._max_waiting, self._max_wait_s = options.max_waiting, options.max_wait_ms / 1000
        self._waiting: deque[Job[Any]] = deque()
        self._changed = threading.Condition()
        self._n_bytes = 0  # of all that is not over
        self._n_idle = 0  # threads that wait for a job
        self._is_closing = False
        self._pace = Pace(options.workers)
        self._threads = [
            threading.Thread(target=self._work, name=f"hear-{model}-{number}", daemon=True)
            for number in range(options.workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def n_waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    async def run(self, job: Job[T], deadline_s: float) -> T:
        """Return what comes of a job; who is cancelled meanwhile takes the job out of the queue.

        Args:
            job: Made in this event loop.
            deadline_s: Seconds from now after which it is given up.

        Raises:
            Problem: 503: the queue is full, or the service is stopping. 504: the time is over.
        """
        self._put(job)
        try:
            async with asyncio.timeout(deadline_s):
                return await job.result
        except TimeoutError:
            self._monitor.refused("timeout")
            raise Problem(
                504,
                "Timed out",
                f"There was no answer within {deadline_s:g} s; send shorter sound, or come back when less is going on.",
                retry_after_s=self._retry_after_s(),
            ) from None
        finally:
            self._leave(job)

    async def close(self) -> None:
        """Take no more, finish what is queued, and end the threads."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _put(self, job: Job[Any]) -> None:
        with self._changed:
            if self._is_closing:
                raise Problem(503, "Stopping", "The service is stopping; come back.", retry_after_s=SHORTEST_RETRY_S)
            is_full = len(self._waiting) >= self._max_waiting
            if is_full or (self._n_bytes and self._n_bytes + job.n_bytes > MOST_WAITING_BYTES):
                self._monitor.refused("queue_full")
                raise Problem(
                    503,
                    "Too busy",
                    f"{len(self._waiting)} requests wait for this model already; come back later.",
                    retry_after_s=self._retry_after_s(),
                )
            self._n_bytes += job.n_bytes
            self._waiting.append(job)
            self._pace.came()
            self._tell_queue()
            self._changed.notify()

    def _leave(self, job: Job[Any]) -> None:
        with self._changed:
            self._n_bytes -= job.n_bytes
            job.leave()
            with suppress(ValueError):  # else a thread has it, or had: what was not computed yet is dropped
                self._waiting.remove(job)
                self._tell_queue()
            if self._waiting:
                self._changed.notify()  # perhaps there is memory now for one that waits

    def _hold(self, job: ClipJob[Any]) -> None:
        """Count the memory of a clip that was just cut."""
        with self._changed:
            if not job.is_left:
                more = max(0, job.cut_bytes - job.n_bytes)
                job.n_bytes += more
                self._n_bytes += more

    def _may_begin(self, job: Job[Any]) -> bool:
        """Return whether there is memory for a job; those that have theirs already go first."""
        return self._n_bytes < MOST_WAITING_BYTES or job.is_begun or job.n_bytes > 0

    def _tell_queue(self) -> None:
        self._monitor.queue(self._model, len(self._waiting))

    def _retry_after_s(self) -> float:
        return min(LONGEST_RETRY_S, max(SHORTEST_RETRY_S, math.ceil(self._pace.wait_s(len(self._waiting)))))

    def _work(self) -> None:
        while self._do_next():
            pass

    def _do_next(self) -> bool:
        """Do what waited longest; returns whether there may be more. While it waits for the next it holds nothing."""
        if (job := self._next()) is None:
            return False
        began_s = time.perf_counter()
        if isinstance(job, WholeJob):
            jobs: list[Job[Any]] = [job]
            _do(job)
        else:
            jobs = self._hear(job)
        self._pace.took(sum(each.is_over for each in jobs), time.perf_counter() - began_s)
        _deliver(jobs)
        return True

    def _next(self) -> Job[Any] | None:
        """Return the job that waited longest, once there is one; None when there will be none any more."""
        with self._changed:
            while True:
                for job in self._waiting:
                    if self._may_begin(job):
                        self._waiting.remove(job)
                        self._tell_queue()
                        return job
                if self._is_closing and not self._waiting:
                    return None
                self._n_idle += 1
                self._changed.wait()
                self._n_idle -= 1

    def _hear(self, first: Job[Any]) -> list[Job[Any]]:
        """Hear a batch that begins with the windows of a job; returns all jobs that have a part in it."""
        until_s = time.perf_counter() + self._max_wait_s
        jobs: list[Job[Any]] = []
        parts: list[Part] = []
        n_windows, job = 0, first
        while isinstance(job, ClipJob):
            jobs.append(job)
            is_new = not job.is_begun
            if (part := _take(job, job.limit - n_windows)) is not None:
                parts.append(part)
                n_windows += len(part.windows)
                if is_new:
                    self._hold(job)
            if job.has_more:
                self._put_back(job)
            if n_windows >= job.limit or (company := self._company(job, until_s if parts else 0.0)) is None:
                break
            job = company
        if parts:
            began_s = time.perf_counter()
            _compute(parts)
            self._monitor.batch(self._model, n_windows, time.perf_counter() - began_s)
        return jobs

    def _put_back(self, job: Job[Any]) -> None:
        with self._changed:
            self._waiting.append(job)
            self._tell_queue()
            self._changed.notify()

    def _company(self, job: ClipJob[Any], until_s: float) -> ClipJob[Any] | None:
        """Return another job of the same ear; where none waits, one that comes soon, if one is likely to."""
        with self._changed:
            while True:
                for other in self._waiting:
                    if (
                        isinstance(other, ClipJob)
                        and other.ear is job.ear
                        and other is not job
                        and self._may_begin(other)
                    ):
                        self._waiting.remove(other)
                        self._tell_queue()
                        return other
                if self._waiting:
                    self._changed.notify()  # perhaps this thread was woken for it in place of an idle one
                left_s = until_s - time.perf_counter()
                if self._waiting or self._n_idle or self._is_closing or not self._pace.is_next_within(left_s):
                    return None
                self._changed.wait(left_s)


def _do(job: WholeJob[Any]) -> None:
    if job.is_over:
        return
    job.begin()
    try:
        job.settle(job.work())
    except Exception as error:  # whatever it is, who asked is told, and the thread lives on
        job.settle(None, error)


def _take(job: ClipJob[Any], most: int) -> Part | None:
    if job.is_over:
        return None
    try:
        return job.take(most)
    except Exception as error:  # as above
        job.settle(None, error)
        return None


def _compute(parts: list[Part]) -> None:
    """Hear parts together; if that fails each alone, so that only what cannot be heard fails."""
    ear = parts[0].job.ear
    windows = parts[0].windows if len(parts) == 1 else np.concatenate([part.windows for part in parts])
    try:
        rows = ear.hear(windows)
    except Exception as error:  # as above
        if len(parts) == 1:
            parts[0].job.settle(None, error)
        else:
            for part in parts:
                _compute([part])
        return
    first = 0
    for part in parts:
        end = first + len(part.windows)
        try:
            part.job.add(part.first, rows.part(first, end))
        except Exception as error:  # as above
            part.job.settle(None, error)
        first = end


def _deliver(jobs: list[Job[Any]]) -> None:
    """Hand the outcomes over in one turn of the event loop."""
    over = [job for job in jobs if job.is_over]

    def hand_over() -> None:
        for job in over:
            job.deliver()

    if over:
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            over[0].loop.call_soon_threadsafe(hand_over)
