"""A check of a whole catalogue: files in, answers out in the order of the files, each kept as soon as it is known."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from earmark.core.errors import ConfigError
from earmark.core.progress import SILENT
from earmark.data.find import AudioFile, Unreadable
from earmark.distortion.check.analyst import Analyst, Answer
from earmark.distortion.check.workers import Alone, Processes

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from earmark.core.progress import Progress
    from earmark.distortion.check.journal import Journal
    from earmark.distortion.check.workers import Crew

# Answers that may wait for a slower file before them: memory stays small, and a file of hours does not stop the rest.
MAX_WAITING = 512


@dataclass(frozen=True)
class Checked:
    """The outcome for one file.

    Attributes:
        path: As the user named it, or as found in a folder so named.
        report: The validator's report as plain JSON values, None where there is none.
        error: Why there is none.
        kept: Whether the answer was there from an earlier run.
        part: Start and duration in seconds where only a part of the file was asked about.
    """

    path: Path
    report: dict[str, Any] | None
    error: str = ""
    kept: bool = False
    part: tuple[float, float | None] = (0.0, None)


@dataclass(frozen=True)
class Run:
    """How to check.

    Attributes:
        model: Shipped model or bundle folder.
        workers: Processes; the answers do not depend on their number.
        progress: Told about each file, with the speed in multiples of real time.
        journal: Where answers are kept and looked for; None: nowhere.
    """

    model: str | Path = "distortion"
    workers: int = 1
    progress: Progress = SILENT
    journal: Journal | None = None


@dataclass
class _Place:
    """A file in the queue, and its outcome once it is known."""

    number: int
    file: AudioFile
    outcome: Checked | None = None


@dataclass
class _Queue:
    """Files that were begun and not told yet, in order."""

    files: Iterator[AudioFile | Unreadable]
    journal: Journal | None
    places: deque[_Place] = field(default_factory=deque)
    n_taken: int = 0
    is_exhausted: bool = False

    def take(self) -> _Place | None:
        """Return the next file that needs analysis, None if what came next is known already or there is none."""
        file = next(self.files, None)
        if file is None:
            self.is_exhausted = True
            return None
        self.n_taken += 1
        if isinstance(file, Unreadable):
            unreadable = AudioFile(file.path, 0, 0)
            self.places.append(_Place(self.n_taken, unreadable, Checked(file.path, None, file.reason)))
            return None
        place = _Place(self.n_taken, file)
        self.places.append(place)
        report = self.journal.find(file) if self.journal else None
        if report is not None:
            place.outcome = Checked(file.path, report, kept=True, part=(file.start_s, file.duration_s))
            return None
        return place

    def settle(self, number: int, answer: Answer) -> None:
        """Note an answer, in the journal first."""
        place = self.places[number - self.places[0].number]
        if answer.report is not None and self.journal is not None:
            self.journal.add(place.file, answer.report)
        part = (place.file.start_s, place.file.duration_s)
        place.outcome = Checked(place.file.path, answer.report, answer.error, part=part)


def check(files: Iterable[AudioFile | Unreadable], n_files: int, run: Run) -> Generator[Checked, None, None]:
    """Yield the outcome of each file in order, while later ones are analysed.

    Args:
        files: Such as those of `find_audio`; asked for one at a time.
        n_files: How many there are, for the progress and for the number of processes that it takes.
        run: How.

    Raises:
        BundleError: There is no such model.
        ConfigError: Fewer than one worker.
        ModelError: Worker processes cannot be started.
        StoreError: The journal cannot be written any more.
    """
    if run.workers < 1:
        raise ConfigError(f"check: found workers={run.workers}, expected 1 or more")
    with ExitStack() as stack:
        n_workers = min(run.workers, n_files)
        alone = n_workers < 2
        crew: Crew = Alone(Analyst(run.model)) if alone else stack.enter_context(Processes(run.model, n_workers))
        speed = _Speed(run.progress)
        run.progress.start("Checking", n_files)
        for outcome in _in_order(_Queue(iter(files), run.journal), crew):
            speed.tell(outcome)
            yield outcome


def _in_order(queue: _Queue, crew: Crew) -> Iterator[Checked]:
    places = queue.places
    while True:
        while not queue.is_exhausted and crew.has_room and len(places) < MAX_WAITING:
            if places and places[0].outcome is not None:
                break
            place = queue.take()
            if place is not None:
                crew.give(place.number, place.file)
        while places and (outcome := places[0].outcome) is not None:
            places.popleft()
            yield outcome
        if not places and queue.is_exhausted:
            return
        if places and (queue.is_exhausted or not crew.has_room or len(places) >= MAX_WAITING):
            for number, answer in crew.collect():
                queue.settle(number, answer)


class _Speed:
    """Tells the progress how many hours of sound an hour of work gets through."""

    def __init__(self, progress: Progress) -> None:
        import time

        self._progress = progress
        self._clock = time.monotonic
        self._began_s = self._clock()
        self._sound_s = 0.0

    def tell(self, outcome: Checked) -> None:
        if outcome.report is not None and not outcome.kept:
            self._sound_s += outcome.report.get("duration_s") or 0.0
        self._progress.advance()
        elapsed_s = self._clock() - self._began_s
        if elapsed_s > 0 and self._sound_s > 0:
            self._progress.note(f"{self._sound_s / elapsed_s:,.0f} x real time")
