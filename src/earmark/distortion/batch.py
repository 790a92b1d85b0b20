"""Many files in several processes: reports in order, and no file that takes the others with it.

A decoder that crashes, or a machine that runs out of memory, kills a worker and breaks the pool of processes, which
cannot say which file it was. Then each file that was under way is tried again alone, and the one that kills its worker
once more gets a report with an error.
"""

from __future__ import annotations

import multiprocessing
import pickle
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.core.errors import EarmarkError
from earmark.distortion.report import DistortionReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from earmark.distortion.validator import AudioDistortionValidator

AHEAD = 4  # files handed out for each worker before the first report is taken


def analyze_safely(validator: AudioDistortionValidator, path: str | Path) -> DistortionReport:
    """Return the report of a file, or one with the error that it makes, whatever that is."""
    try:
        return validator.analyze(path)
    except EarmarkError as error:
        message = str(error)
    except Exception as error:  # one strange file may not end a run over a million
        message = f"{path}: {type(error).__name__}: {error}; please report this file"
    return DistortionReport(path=str(path), error=message)


def in_processes(
    validator: AudioDistortionValidator, paths: Iterable[str | Path], workers: int
) -> Iterator[DistortionReport]:
    """Yield the report of each file in order, made by several processes; takes paths only as fast as they are done.

    Raises:
        BundleError: The bundle of the validator is gone or was changed since it was loaded.
    """
    crew = _Crew(validator, workers)
    try:
        for path in paths:
            crew.hand_out(path)
            if crew.n_waiting >= AHEAD * workers:
                yield crew.take()
        while crew.n_waiting:
            yield crew.take()
    finally:
        crew.dismiss()


@dataclass(frozen=True, eq=False)
class _Handed:
    """A file that was handed out, to which pool, and what will come of it; None if the pool was broken already."""

    path: str | Path
    pool: ProcessPoolExecutor
    future: Future[DistortionReport] | None


class _Crew:
    """Processes with files handed out to them."""

    def __init__(self, validator: AudioDistortionValidator, workers: int) -> None:
        self._validator = validator
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._alone: ProcessPoolExecutor | None = None
        self._waiting: deque[_Handed] = deque()

    @property
    def n_waiting(self) -> int:
        return len(self._waiting)

    def hand_out(self, path: str | Path) -> None:
        self._pool = self._pool or self._start(self._workers)
        try:
            self._waiting.append(_Handed(path, self._pool, self._pool.submit(_analyze, path)))
        except BrokenProcessPool:
            self._waiting.append(_Handed(path, self._pool, None))

    def take(self) -> DistortionReport:
        """Return the report of the file that was handed out first."""
        first = self._waiting.popleft()
        try:
            if first.future is not None:
                return first.future.result()
        except BrokenProcessPool:
            pass
        first.pool.shutdown(cancel_futures=True)
        if first.pool is self._pool:
            self._pool = None
        return self._try_alone(first.path)

    def _try_alone(self, path: str | Path) -> DistortionReport:
        self._alone = self._alone or self._start(1)
        try:
            return self._alone.submit(_analyze, path).result()
        except BrokenProcessPool:
            self._alone.shutdown()
            self._alone = None
            message = (
                f"{path}: the process that read it was killed, for lack of memory or by a fault of the decoder; a "
                'script of your own needs its calls below `if __name__ == "__main__":`'
            )
            return DistortionReport(path=str(path), error=message)

    def dismiss(self) -> None:
        for pool in (self._pool, self._alone):
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, workers: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")  # forking a process that has threads (BLAS, ONNX) may deadlock
        return ProcessPoolExecutor(
            workers, mp_context=context, initializer=_start_worker, initargs=(pickle.dumps(self._validator),)
        )


_worker: list[AudioDistortionValidator | EarmarkError] = []


def _start_worker(packed: bytes) -> None:
    try:
        _worker[:] = [pickle.loads(packed)]  # noqa: S301 - packed by the parent process a moment ago
    except EarmarkError as error:  # a worker that fails to start would look like a file that kills it
        _worker[:] = [error]


def _analyze(path: str | Path) -> DistortionReport:
    if isinstance(_worker[0], EarmarkError):
        raise _worker[0]
    return analyze_safely(_worker[0], path)
