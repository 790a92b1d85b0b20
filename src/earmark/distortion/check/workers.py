"""Files analysed in processes of this machine, one numeric thread each, one file at a time each.

A file that kills its process (a decoder that crashes, memory that runs out) is named; a new process takes its place
and the other files go on. Workers leave Ctrl-C to their parent and end with it, however it ends.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Protocol

from earmark.core.errors import EarmarkError, ModelError
from earmark.distortion.check.analyst import Analyst, Answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path
    from types import TracebackType

    from earmark.distortion.check.find import AudioFile

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
STOP_S = 3.0
MAX_LOST_STARTS = 3
READY = "ready"


class Crew(Protocol):
    """Those who analyse files."""

    @property
    def has_room(self) -> bool:
        """Whether another file can be given."""
        ...

    def give(self, number: int, file: AudioFile) -> None:
        """Hand over a file under a number of the caller's."""
        ...

    def collect(self) -> list[tuple[int, Answer]]:
        """Return numbers and answers that are there, after waiting for one; nothing where no file was given."""
        ...


class Alone:
    """A crew of nobody but this process."""

    def __init__(self, analyst: Analyst) -> None:
        self._analyst = analyst
        self._given: tuple[int, AudioFile] | None = None

    @property
    def has_room(self) -> bool:
        """Whether the file before is done."""
        return self._given is None

    def give(self, number: int, file: AudioFile) -> None:
        """Keep a file for `collect`."""
        self._given = (number, file)

    def collect(self) -> list[tuple[int, Answer]]:
        """Analyse the file that was given."""
        if self._given is None:
            return []
        (number, file), self._given = self._given, None
        return [(number, self._analyst(file))]


class Processes:
    """A crew of processes.

    Args:
        model: Shipped model or bundle folder, loaded by each of them.
        n_workers: How many.
    """

    def __init__(self, model: str | Path, n_workers: int) -> None:
        self._model = model
        self._n_workers = n_workers
        self._workers: list[_Worker] = []
        self._waiting: list[tuple[int, AudioFile]] = []
        self._n_lost_starts = 0

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _stop(self._workers)

    @property
    def has_room(self) -> bool:
        """Whether fewer files than workers are in hand."""
        return len(self._waiting) + sum(worker.file is not None for worker in self._workers) < self._n_workers

    def give(self, number: int, file: AudioFile) -> None:
        """Hand a file over to a worker that is ready, or keep it until one is."""
        self._waiting.append((number, file))
        self._hand_out()

    def collect(self) -> list[tuple[int, Answer]]:
        """Return what is done, after waiting for something.

        Raises:
            ModelError: Worker processes cannot be started, or do not load the model.
        """
        answers: list[tuple[int, Answer]] = []
        while not answers and (self._waiting or any(worker.file for worker in self._workers)):
            talking = set(wait([part for worker in self._workers for part in (worker.connection, worker.sentinel)]))
            for worker in [each for each in self._workers if {each.connection, each.sentinel} & talking]:
                answer = worker.listen()
                if answer is not None:
                    answers.append(answer)
                if not worker.alive:
                    self._workers.remove(worker)
                    self._n_lost_starts = 0 if worker.ready else _count_lost_start(worker, self._n_lost_starts)
            self._hand_out()
        return answers

    def _hand_out(self) -> None:
        while self._waiting and len(self._workers) < self._n_workers and not self._enough():
            self._workers.append(_Worker(self._model))
        for worker in self._workers:
            if self._waiting and worker.ready and worker.file is None:
                worker.give(*self._waiting.pop(0))

    def _enough(self) -> bool:
        """Whether as many workers are starting or free as there are files that wait for one."""
        return sum(worker.file is None for worker in self._workers) >= len(self._waiting)


class _Worker:
    """A process and the file that it holds."""

    def __init__(self, model: str | Path) -> None:
        context = multiprocessing.get_context("spawn")  # forking a process that has threads may deadlock
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, model), daemon=True)
        with _environment_of_workers():
            self.process.start()
        theirs.close()
        self.sentinel = self.process.sentinel
        self.file: tuple[int, AudioFile] | None = None
        self.ready = False
        self.alive = True

    def give(self, number: int, file: AudioFile) -> None:
        """Hand a file over; if the worker is dead already, `listen` will say so."""
        self.file = (number, file)
        with suppress(OSError):
            self.connection.send(file)

    def listen(self) -> tuple[int, Answer] | None:
        """Return the answer that the worker sent or whose lack its death explains, None if there is none.

        Raises:
            ModelError: It could not load the model.
        """
        try:
            message = self.connection.recv() if self.connection.poll() else None
        except (EOFError, OSError):
            message = None
        if message is None:
            return self._died()
        if message == READY:
            self.ready = True
            return None
        if self.file is None:
            raise ModelError(f"a worker process cannot load the model: {message}")
        (number, _), self.file = self.file, None
        return number, message

    def end(self) -> str:
        """Return how the process ended."""
        code = self.process.exitcode
        return f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"

    def _died(self) -> tuple[int, Answer] | None:
        self.alive = False
        self.process.join(STOP_S)
        if self.file is None:
            return None
        number, file = self.file
        reason = f"{file.path}: the process that read it died ({self.end()}), as for lack of memory or in a decoder"
        return number, Answer(None, reason)


def _count_lost_start(worker: _Worker, n_before: int) -> int:
    """Return how many workers in a row ended before they were ready.

    Raises:
        ModelError: That is enough, or a script of the user's starts itself again and again.
    """
    if (worker.process.exitcode or 0) >= 0:
        raise ModelError(
            f"a worker process ended before its first file ({worker.end()}); the reason stands above. A script of your "
            'own must begin such work below: if __name__ == "__main__":'
        )
    if n_before + 1 == MAX_LOST_STARTS:
        raise ModelError(f"{MAX_LOST_STARTS} worker processes in a row did not start ({worker.end()}); use fewer")
    return n_before + 1


def _stop(workers: list[_Worker]) -> None:
    for worker in workers:
        with suppress(OSError):
            if worker.file is None:
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


@contextmanager
def _environment_of_workers() -> Iterator[None]:
    """Let processes that start meanwhile have one numeric thread each, and leave Ctrl-C to their parent.

    Numeric libraries read these variables when they are first imported; a blocked signal stays blocked in the child.
    """
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, model: str | Path) -> None:
    """Analyse files until there are no more; the main function of a worker process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError):
        try:
            analyst = Analyst(model)
        except EarmarkError as error:
            connection.send(str(error))
            return
        connection.send(READY)
        while (file := connection.recv()) is not None:
            connection.send(analyst(file))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
