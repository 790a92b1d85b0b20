"""Trials in processes of this machine, one numeric thread each, so that the number of workers changes no number.

Not `ProcessPoolExecutor`: when a worker dies, that drops every job and cannot say which one killed it. Here each
worker holds one job at a time, so the trial is named, a new worker takes its place and the others go on.

A worker ends with the process that started it, however that one ends: a trial that nobody waits for would be
repeated by the next run while it is still being computed.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections import deque
from contextlib import suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, cast

from earmark.core.errors import ModelError
from earmark.core.workers import end_with_parent, environment_of_workers
from earmark.experiments.bench import Bench, Outcome, Work
from earmark.experiments.results import ResultsStore

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from earmark.experiments.trial import Job

POLL_S = 0.5
STOP_S = 3.0
READY = "ready"
MAX_LOST_STARTS = 3
# Imported before the first job, so that its time is not counted as fitting.
_WARM_UP = ("sklearn.pipeline", "sklearn.multiclass", "sklearn.preprocessing", "sklearn.decomposition")
_WARM_UP_CLASSIFIERS = ("sklearn.ensemble", "sklearn.svm", "sklearn.linear_model")


def run_local(work: Work, jobs: Sequence[Job], n_workers: int) -> Generator[Outcome | None, None, None]:
    """Yield the outcome of each job as it comes, and None twice a second.

    Raises:
        ModelError: Worker processes cannot be started.
    """
    waiting = deque(jobs)
    workers: list[_Worker] = []
    n_lost_starts = 0
    try:
        while waiting or any(worker.job for worker in workers):
            while len(workers) < min(n_workers, len(waiting) + sum(1 for worker in workers if worker.job)):
                workers.append(_Worker(work))
            talking = wait([part for worker in workers for part in (worker.connection, worker.sentinel)], POLL_S)
            if not talking:
                yield None
            for worker in [worker for worker in workers if {worker.connection, worker.sentinel} & set(talking)]:
                outcome = worker.listen()
                if outcome is not None:
                    yield outcome
                if not worker.alive:
                    workers.remove(worker)
                    n_lost_starts = 0 if worker.ready else _count_lost_start(worker, n_lost_starts)
                elif worker.ready and worker.job is None and waiting:
                    worker.give(waiting.popleft())
    finally:
        _stop(workers)


class _Worker:
    """A process and the job that it holds."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs, work), daemon=True)
        with environment_of_workers():
            self.process.start()
        theirs.close()
        self.sentinel = self.process.sentinel
        self.job: Job | None = None
        self.ready = False
        self.alive = True
        self._folder = work.folder

    @property
    def end(self) -> str:
        """How the process ended, in words."""
        return _how_it_ended(self.process.exitcode)

    def give(self, job: Job) -> None:
        """Hand a job over; if the worker is dead already, `listen` will say so."""
        self.job = job
        with suppress(OSError):
            self.connection.send(job)

    def listen(self) -> Outcome | None:
        """Return the outcome that the worker sent or whose lack its death explains, None if there is none.

        To be called when its connection or its sentinel has something to say.
        """
        if not self.connection.poll():
            return self._died()  # it was the sentinel, which speaks a moment before the system counts it as dead
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            return self._died()
        if message == READY:
            self.ready = True
            return None
        self.job = None
        return cast("Outcome", message)

    def _died(self) -> Outcome | None:
        self.alive = False
        self.process.join(STOP_S)
        job = self.job
        if job is None:
            return None
        if ResultsStore(self._folder).is_done(job.trial.key):
            return Outcome(job, "done")
        return Outcome(job, "failed", f"its worker process died ({self.end}); other trials went on")


def _count_lost_start(worker: _Worker, n_before: int) -> int:
    """Return how many workers in a row were killed before they were ready.

    Raises:
        ModelError: The next one would end as this one did.
    """
    if worker.process.exitcode is None or worker.process.exitcode >= 0:
        raise ModelError(
            f"a worker process ended before its first trial ({worker.end}); the reason stands above. A script of your "
            'own must start experiments under: if __name__ == "__main__":'
        )
    if n_before + 1 == MAX_LOST_STARTS:
        raise ModelError(f"{MAX_LOST_STARTS} worker processes in a row did not start ({worker.end}); use fewer workers")
    return n_before + 1


def _stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        with suppress(OSError):
            if worker.job is None:
                worker.connection.send(None)
            else:
                worker.process.terminate()
    for worker in workers:
        worker.process.join(STOP_S)
        if worker.process.exitcode is None:
            worker.process.kill()
            worker.process.join()
        worker.connection.close()
        worker.process.close()


def _how_it_ended(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return (
            f"killed by {name}, as the system does when memory runs out" if name == "SIGKILL" else f"killed by {name}"
        )
    return f"exit code {exit_code}"


def _serve(connection: Connection, work: Work) -> None:
    """Do jobs until there are no more; the main function of a worker process."""
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=end_with_parent, daemon=True).start()
    for module in (*_WARM_UP, *_WARM_UP_CLASSIFIERS):
        __import__(module)
    import threadpoolctl

    bench = Bench(work)
    with threadpoolctl.threadpool_limits(1), suppress(EOFError, BrokenPipeError):
        connection.send(READY)
        while (job := connection.recv()) is not None:
            connection.send(bench.do(job))


def _leave(_signal: int, _frame: object) -> None:
    raise SystemExit(1)  # unlike the default action, this lets half-written files be removed
