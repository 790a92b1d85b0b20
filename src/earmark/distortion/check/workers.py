"""A crew (earmark.core.processes) that analyses files: one answer for each, also for one that kills its process."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from earmark.core import processes
from earmark.distortion.check.analyst import Analyst, Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from earmark.core.processes import Job, Said
    from earmark.data.find import AudioFile


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
        self._crew = processes.Alone(_job_of(analyst))

    @property
    def has_room(self) -> bool:
        """Whether the file before is done."""
        return self._crew.has_room

    def give(self, number: int, file: AudioFile) -> None:
        """Keep a file for `collect`."""
        self._crew.give(number, file)

    def collect(self) -> list[tuple[int, Answer]]:
        """Analyse the file that was given."""
        return _answers(self._crew.collect() + self._crew.collect())


class Processes:
    """A crew of processes.

    Args:
        model: Shipped model or bundle folder, loaded by each of them.
        n_workers: How many.
    """

    def __init__(self, model: str | Path, n_workers: int) -> None:
        self._crew = processes.Processes(partial(_make_job, model), n_workers)

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._crew.__exit__(kind, error, trace)

    @property
    def has_room(self) -> bool:
        """Whether fewer files than workers are in hand."""
        return self._crew.has_room

    def give(self, number: int, file: AudioFile) -> None:
        """Hand a file over to a worker that is ready, or keep it until one is."""
        self._crew.give(number, file)

    def collect(self) -> list[tuple[int, Answer]]:
        """Return what is done, after waiting for something.

        Raises:
            ModelError: Worker processes cannot be started, or do not load the model.
        """
        answers: list[tuple[int, Answer]] = []
        while not answers and (said := self._crew.collect()):
            answers = _answers(said)
        return answers


def _make_job(model: str | Path) -> Job[AudioFile, Answer]:
    return _job_of(Analyst(model))


def _job_of(analyst: Analyst) -> Job[AudioFile, Answer]:
    def answers(file: AudioFile) -> Iterator[Answer]:
        yield analyst(file)

    return answers


def _answers(said: Iterable[Said[AudioFile, Answer]]) -> list[tuple[int, Answer]]:
    found = []
    for each in said:
        if each.answer is not None:
            found.append((each.number, each.answer))
        elif each.death:
            reason = f"the process that read it died ({each.death}), as for lack of memory or in a decoder"
            found.append((each.number, Answer(None, f"{each.task.path}: {reason}")))
    return found
