"""An analysis: recordings in, their events out in the same order, each block kept as soon as it is heard."""

from __future__ import annotations

import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from earmark.core.errors import AudioError, ConfigError
from earmark.core.memory import giving_memory_back
from earmark.core.processes import Alone, Processes
from earmark.core.progress import SILENT
from earmark.inference.analysis.listener import Listener
from earmark.inference.analysis.sound import read_header
from earmark.inference.analysis.task import Failure, Hearing, Part, Task
from earmark.inference.events import FileEvents, Merging, WindowTimes, merge_detections

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from earmark.core.processes import Crew, Said
    from earmark.core.progress import Progress
    from earmark.inference.analysis.journal import Journal
    from earmark.inference.analysis.listener import Plan
    from earmark.inference.analysis.recordings import Recording

# Recordings that may wait for a slower one before them: memory stays small, and one of a day does not stop the rest.
MAX_WAITING = 512
# Smaller files are one task without a look into their headers; larger ones are divided if that can be done exactly.
SMALL_BYTES = 8_000_000
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Analysed:
    """The outcome for one recording.

    Attributes:
        recording: Which one.
        file: Its events, None where there are none to tell.
        error: Why there are none.
        new_s: How much of it was heard just now; the rest was known from an earlier run.
        n_silent: How many of its windows are silent.
        n_windows: How many windows it has, silent or not.
    """

    recording: Recording
    file: FileEvents | None
    error: str = ""
    new_s: float = 0.0
    n_silent: int = 0
    n_windows: int = 0

    @property
    def is_silent(self) -> bool:
        """Whether all of it is silence."""
        return self.file is not None and 0 < self.n_windows == self.n_silent


@dataclass(frozen=True)
class Run:
    """How to analyse, apart from what decides what is heard.

    Attributes:
        merging: How detections become events.
        workers: Processes; nothing but time depends on their number.
        progress: Told in megabytes, with the speed in multiples of real time.
        journal: Where parts are kept and looked for; None: nowhere.
    """

    merging: Merging = field(default_factory=Merging)
    workers: int = 1
    progress: Progress = SILENT
    journal: Journal | None = None


def analyse(
    recordings: Iterable[Recording], listener: Listener, hearing: Hearing, run: Run, total_bytes: int
) -> Generator[Analysed, None, None]:
    """Yield the outcome of each recording in order, while later ones are heard.

    Args:
        recordings: Such as those of `find_recordings`; asked for one at a time.
        listener: Made of `hearing`; the only one where there is one worker.
        hearing: How recordings are heard.
        run: The rest.
        total_bytes: Size of all recordings, for the progress.

    Raises:
        ConfigError: Fewer than one worker.
        ModelError: Worker processes cannot be started.
        StoreError: The journal cannot be written any more.
    """
    if run.workers < 1:
        raise ConfigError(f"analyze: found workers={run.workers}, expected 1 or more")
    with ExitStack() as stack:
        crew: Crew[Task, Part | Failure]
        plan = listener.plan
        if run.workers == 1:
            crew = stack.enter_context(Alone(listener))
        else:
            crew = stack.enter_context(Processes(partial(open_listener, hearing), run.workers))
            listener.close()  # workers have their own
        run.progress.start("Analysing, MB", max(1, -(-total_bytes // MEGABYTE)))
        yield from _Analysis(iter(recordings), plan, crew, run).outcomes()


def open_listener(hearing: Hearing) -> Listener:
    """Return a listener whose model was loaded without leaving holes in memory, 8 MB of them with BirdNET.

    Raises:
        BundleError: There is no such model.
        ConfigError: An option does not fit the model.
        ModelError: The model cannot hear windows.
        WeightsError: Its pretrained weights are missing.
    """
    with giving_memory_back():
        return Listener(hearing)


@dataclass
class _Place:
    """A recording that was begun and not told yet."""

    recording: Recording
    parts: dict[int, Part] = field(default_factory=dict)
    error: str = ""
    n_open: int = 0  # tasks that were not ended yet
    new_s: float = 0.0
    duration_s: float = 0.0  # by the header, where that was read
    n_bytes_told: float = 0.0

    @property
    def n_blocks(self) -> int | None:
        """How many blocks there are, None as long as that is not known."""
        return next((part.ending.n_blocks for part in self.parts.values() if part.ending is not None), None)

    @property
    def is_whole(self) -> bool:
        """Whether every block is known."""
        n_blocks = self.n_blocks
        return n_blocks is not None and all(block in self.parts for block in range(n_blocks))

    @property
    def is_done(self) -> bool:
        """Whether nothing more will be known of it."""
        return not self.n_open and (self.is_whole or bool(self.error))


class _Analysis:
    def __init__(self, recordings: Iterator[Recording], plan: Plan, crew: Crew[Task, Part | Failure], run: Run) -> None:
        self._recordings = recordings
        self._plan = plan
        self._crew = crew
        self._run = run
        self._places: deque[_Place] = deque()
        self._tasks: deque[tuple[_Place, Task]] = deque()
        self._given: dict[int, _Place] = {}
        self._n_given = 0
        self._is_exhausted = False
        self._speed = _Speed(run.progress)

    def outcomes(self) -> Iterator[Analysed]:
        while True:
            while self._crew.has_room and (next_task := self._next_task()) is not None:
                place, task = next_task
                self._n_given += 1
                self._given[self._n_given] = place
                self._crew.give(self._n_given, task)
            while self._places and self._places[0].is_done:
                place = self._places.popleft()
                self._speed.tell_bytes(place.recording.size_bytes - place.n_bytes_told)
                yield _outcome(place, self._plan, self._run.merging)
            if not self._places and self._is_exhausted:
                return
            for said in self._crew.collect():
                self._settle(said)

    def _next_task(self) -> tuple[_Place, Task] | None:
        """Return the next task, None if there is none now."""
        while True:
            while self._tasks:
                place, task = self._tasks.popleft()
                if not place.error:
                    return place, task
                place.n_open -= 1  # another part of it failed meanwhile
            if self._is_exhausted or len(self._places) >= MAX_WAITING or (self._places and self._places[0].is_done):
                return None
            recording = next(self._recordings, None)
            if recording is None:
                self._is_exhausted = True
                return None
            self._take(recording)

    def _take(self, recording: Recording) -> None:
        place = _Place(recording, error=recording.reason)
        self._places.append(place)
        if place.error:
            return
        if self._run.journal is not None:
            place.parts = self._run.journal.find(recording)
        if place.is_whole:
            return
        tasks = self._tasks_of(place)
        place.n_open = len(tasks)
        self._tasks.extend((place, task) for task in tasks)

    def _tasks_of(self, place: _Place) -> list[Task]:
        recording, first = place.recording, len(place.parts)
        whole = Task(recording.name, recording.path, recording.remote, recording.name, first)
        if recording.path is None or recording.size_bytes < SMALL_BYTES:
            return [whole]
        try:
            header = read_header(recording.path)
        except AudioError:
            return [whole]  # whoever hears it will say the same
        if header.n_samples is not None:
            place.duration_s = header.n_samples / header.rate_hz
        if not header.seeks_exactly or header.n_samples is None:
            return [whole]
        n_blocks = self._plan.n_blocks(header.n_samples, header.rate_hz)
        journal = self._run.journal
        tasks = []
        for block in range(first, n_blocks):
            known = journal.find_block(recording, block) if journal is not None else None
            if known is not None:
                place.parts[block] = known
                continue
            end = None if block == n_blocks - 1 else block + 1
            tasks.append(Task(recording.name, recording.path, first=block, end=end))
        return tasks if tasks else [whole]

    def _settle(self, said: Said[Task, Part | Failure]) -> None:
        place = self._given[said.number]
        answer = said.answer
        if isinstance(answer, Failure):
            place.error = place.error or answer.reason
        elif answer is not None:
            if self._run.journal is not None:
                self._run.journal.add(place.recording, answer)
            place.parts[answer.block] = answer
            place.new_s += answer.sound_s
            self._tell(place, answer)
        if said.ended:
            del self._given[said.number]
            place.n_open -= 1
            if said.death:
                reason = f"the process that heard it died ({said.death}), as for lack of memory or in a decoder"
                place.error = place.error or f"{place.recording.name}: {reason}"
            elif not place.n_open and not place.is_whole and not place.error:
                place.error = f"{place.recording.name}: changed while it was heard; run again"

    def _tell(self, place: _Place, part: Part) -> None:
        """Tell the progress of a part; the rest of the recording's bytes are told at its end."""
        self._speed.tell_sound(part.sound_s)
        if place.duration_s:
            size_bytes = place.recording.size_bytes
            n_bytes = min(part.sound_s / place.duration_s * size_bytes, size_bytes - place.n_bytes_told)
            place.n_bytes_told += n_bytes
            self._speed.tell_bytes(n_bytes)


def _outcome(place: _Place, plan: Plan, merging: Merging) -> Analysed:
    recording = place.recording
    n_blocks = place.n_blocks
    if place.error or n_blocks is None:
        return Analysed(recording, None, place.error)
    parts = [place.parts[block] for block in range(n_blocks)]
    ending = next(part.ending for part in place.parts.values() if part.ending is not None)
    times = WindowTimes(plan.window_samples, plan.hop_samples, plan.rate_hz, ending.duration_s)
    detections = (
        (window, plan.labels[column], probability)
        for part in parts
        for window, column, probability in zip(part.windows, part.columns, part.probabilities, strict=True)
    )
    events = merge_detections(detections, times, merging)
    file = FileEvents(recording.name, ending.duration_s, ending.rate_hz, ending.n_channels, events)
    n_silent, n_windows = sum(part.n_silent for part in parts), sum(part.n_windows for part in parts)
    return Analysed(recording, file, "", place.new_s, n_silent, n_windows)


class _Speed:
    """Tells the progress how far the work is, and how much sound an hour of it gets through."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._began_s = time.monotonic()
        self._sound_s = 0.0
        self._n_bytes = 0.0
        self._n_told = 0

    def tell_bytes(self, n_bytes: float) -> None:
        self._n_bytes += n_bytes
        n_done = int(self._n_bytes // MEGABYTE)
        if n_done > self._n_told:
            self._progress.advance(n_done - self._n_told)
            self._n_told = n_done

    def tell_sound(self, sound_s: float) -> None:
        self._sound_s += sound_s
        elapsed_s = time.monotonic() - self._began_s
        if elapsed_s > 0 and self._sound_s > 0:
            self._progress.note(f"{self._sound_s / elapsed_s:,.0f} x real time")
