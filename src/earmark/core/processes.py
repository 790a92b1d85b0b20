"""Work done in processes of this machine, one numeric thread each, one task at a time each.

A task that kills its process (a decoder that crashes, memory that runs out) is named; a new process takes its place
and the other tasks go on. Workers leave Ctrl-C to their parent and end with it, however it ends.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from earmark.core.errors import EarmarkError, ModelError
from earmark.core.workers import end_with_parent, environment_of_workers

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from types import TracebackType

STOP_S = 3.0
MAX_LOST_STARTS = 3
READY, REFUSED, ANSWER, END = "ready", "refused", "answer", "end"

Task = TypeVar("Task")
Answer = TypeVar("Answer")
# Yields the answers of a task one by one; whatever it raises kills the worker that does it.
Job = Callable[[Task], Iterator[Answer]]


@dataclass(frozen=True)
class Said(Generic[Task, Answer]):
    """What a crew says of a task: an answer, or that there are no more.

    Attributes:
        number: The caller's number of the task.
        task: The task.
        answer: One of its answers; None where `ended`.
        ended: Whether that was all.
        death: How the process ended that had the task, where it died over it.
    """

    number: int
    task: Task
    answer: Answer | None = None
    ended: bool = False
    death: str = ""


class Crew(Protocol[Task, Answer]):
    """Those who do the work."""

    @property
    def has_room(self) -> bool:
        """Whether another task can be given."""
        ...

    def give(self, number: int, task: Task) -> None:
        """Hand over a task under a number of the caller's."""
        ...

    def collect(self) -> list[Said[Task, Answer]]:
        """Return what there is to say, after waiting for something; nothing where no task was given."""
        ...


class Alone(Generic[Task, Answer]):
    """A crew of nobody but this process.

    Args:
        job: Yields the answers of a task.
    """

    def __init__(self, job: Job[Task, Answer]) -> None:
        self._job = job
        self._given: tuple[int, Task, Iterator[Answer]] | None = None

    def __enter__(self) -> Alone[Task, Answer]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._given is not None and hasattr(self._given[2], "close"):
            self._given[2].close()  # a generator that holds a file or a thread lets go of it

    @property
    def has_room(self) -> bool:
        """Whether the task before is done."""
        return self._given is None

    def give(self, number: int, task: Task) -> None:
        """Keep a task for `collect`."""
        self._given = (number, task, iter(self._job(task)))

    def collect(self) -> list[Said[Task, Answer]]:
        """Work until the next answer."""
        if self._given is None:
            return []
        number, task, answers = self._given
        for answer in answers:
            return [Said(number, task, answer)]
        self._given = None
        return [Said(number, task, ended=True)]


class Processes(Generic[Task, Answer]):
    """A crew of processes.

    Args:
        make_job: Called once in each of them; must be picklable. An EarmarkError of it ends the crew.
        n_workers: How many.
        what: What `make_job` loads, for messages.
    """

    def __init__(self, make_job: Callable[[], Job[Task, Answer]], n_workers: int, *, what: str = "the model") -> None:
        self._make_job = make_job
        self._n_workers = n_workers
        self._what = what
        self._workers: list[_Worker[Task, Answer]] = []
        self._waiting: deque[tuple[int, Task]] = deque()
        self._n_lost_starts = 0

    def __enter__(self) -> Processes[Task, Answer]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _stop(self._workers)

    @property
    def has_room(self) -> bool:
        """Whether fewer tasks than workers are in hand."""
        return len(self._waiting) + sum(worker.held is not None for worker in self._workers) < self._n_workers

    def give(self, number: int, task: Task) -> None:
        """Hand a task over to a worker that is ready, or keep it until one is."""
        self._waiting.append((number, task))
        self._hand_out()

    def collect(self) -> list[Said[Task, Answer]]:
        """Return what was said, after waiting for something.

        Raises:
            ModelError: Worker processes cannot be started, or do not load what they need.
        """
        said: list[Said[Task, Answer]] = []
        while not said and (self._waiting or any(worker.held for worker in self._workers)):
            talking = set(wait([part for worker in self._workers for part in (worker.connection, worker.sentinel)]))
            for worker in [each for each in self._workers if {each.connection, each.sentinel} & talking]:
                heard = worker.listen(self._what)
                if heard is not None:
                    said.append(heard)
                if not worker.alive:
                    self._workers.remove(worker)
                    self._n_lost_starts = 0 if worker.ready else _count_lost_start(worker.end(), self._n_lost_starts)
                    worker.forget()
            self._hand_out()
        return said

    def _hand_out(self) -> None:
        while self._waiting and len(self._workers) < self._n_workers and not self._enough():
            self._workers.append(_Worker(self._make_job))
        for worker in self._workers:
            if self._waiting and worker.ready and worker.held is None:
                worker.give(*self._waiting.popleft())

    def _enough(self) -> bool:
        """Whether as many workers are starting or free as there are tasks that wait for one."""
        return sum(worker.held is None for worker in self._workers) >= len(self._waiting)


class _Worker(Generic[Task, Answer]):
    """A process and the task that it holds."""

    def __init__(self, make_job: Callable[[], Job[Task, Answer]]) -> None:
        context = multiprocessing.get_context("spawn")  # forking a process that has threads may deadlock
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, make_job), daemon=True)
        with environment_of_workers():
            self.process.start()
        theirs.close()
        self.sentinel = self.process.sentinel
        self.held: tuple[int, Task] | None = None
        self.ready = False
        self.alive = True

    def give(self, number: int, task: Task) -> None:
        """Hand a task over; if the worker is dead already, `listen` will say so."""
        self.held = (number, task)
        with suppress(OSError):
            self.connection.send(task)

    def listen(self, what: str) -> Said[Task, Answer] | None:
        """Return what the worker said or what its death says, None if there is nothing.

        Raises:
            ModelError: It could not load what it needs.
        """
        try:
            message: tuple[str, Any] | None = self.connection.recv() if self.connection.poll() else None
        except (EOFError, OSError):
            message = None
        if message is None:
            return self._died()
        kind, value = message
        if kind == READY:
            self.ready = True
            return None
        if kind == REFUSED or self.held is None:
            raise ModelError(f"a worker process cannot load {what}: {value}")
        number, task = self.held
        if kind == ANSWER:
            return Said(number, task, value)
        self.held = None
        return Said(number, task, ended=True)

    def end(self) -> str:
        """Return how the process ended."""
        code = self.process.exitcode
        return f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"

    def forget(self) -> None:
        """Let go of a process that ended."""
        self.connection.close()
        if self.process.exitcode is not None:
            self.process.close()

    def _died(self) -> Said[Task, Answer] | None:
        self.alive = False
        self.process.join(STOP_S)
        return None if self.held is None else Said(*self.held, ended=True, death=self.end())


def _count_lost_start(end: str, n_before: int) -> int:
    """Return how many workers in a row ended before they were ready.

    Raises:
        ModelError: That is enough, or a script of the user's starts itself again and again.
    """
    if not end.startswith("killed"):
        raise ModelError(
            f"a worker process ended before its first file ({end}); the reason stands above. A script of your "
            'own must begin such work below: if __name__ == "__main__":'
        )
    if n_before + 1 == MAX_LOST_STARTS:
        raise ModelError(f"{MAX_LOST_STARTS} worker processes in a row did not start ({end}); use fewer")
    return n_before + 1


def _stop(workers: list[_Worker[Any, Any]]) -> None:
    for worker in workers:
        with suppress(OSError):
            if worker.held is None:
                worker.connection.send(None)
            else:
                worker.process.terminate()
    for worker in workers:
        worker.process.join(STOP_S)
        if worker.process.exitcode is None:
            worker.process.kill()
            worker.process.join()
        worker.forget()


def _serve(connection: Connection, make_job: Callable[[], Job[Any, Any]]) -> None:
    """Do tasks until there are no more; the main function of a worker process."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError):
        try:
            job = make_job()
        except EarmarkError as error:
            connection.send((REFUSED, str(error)))
            return
        connection.send((READY, None))
        while (task := connection.recv()) is not None:
            for answer in job(task):
                connection.send((ANSWER, answer))
            connection.send((END, None))
