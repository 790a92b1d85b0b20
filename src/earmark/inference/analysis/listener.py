"""Those who listen: from the blocks of a recording to what was heard in them.

A thread decodes, a second makes features where they are work, this one runs the network: each works ahead of the next
by one batch. Batches are cut at fixed windows of the recording, so that no number depends on how the work was divided.
"""

from __future__ import annotations

import math
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.window import count_windows, cut_batches
from earmark.core.errors import AudioError, ConfigError, EarmarkError
from earmark.core.identity import fingerprint
from earmark.core.units import seconds_to_samples
from earmark.inference.ahead import ahead
from earmark.inference.analysis.choose import Chooser, find_labels, silent_windows
from earmark.inference.analysis.sound import Sound, read_header
from earmark.inference.analysis.task import BATCH_S, MOST_WINDOWS, Ending, Failure, Hearing, Part, Task
from earmark.inference.fetched import fetched
from earmark.inference.hearers import open_hearer

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.inference.hearers import Hearer

VERSION = 2  # raised when the same sound comes to give other detections
DECIMALS = 6


@dataclass(frozen=True)
class Plan:
    """How recordings are cut.

    Attributes:
        rate_hz: Rate at which they are heard.
        window_samples: Length of a window.
        hop_samples: Step between windows.
        batch_windows: Windows that the model gets at once.
        block_windows: Windows in a block, a multiple of those in a batch and of those that the model gets put together.
        labels: The classes in the order of columns.
        seal: Fingerprint of all that decides what is heard.
    """

    rate_hz: int
    window_samples: int
    hop_samples: int
    batch_windows: int
    block_windows: int
    labels: tuple[str, ...]
    seal: str

    @property
    def block_samples(self) -> int:
        """Distance between the starts of blocks, in samples."""
        return self.block_windows * self.hop_samples

    def n_blocks(self, n_samples: int, rate_hz: int) -> int:
        """Return how many blocks a recording of so many samples at its own rate has."""
        n_heard = max(1, -(-n_samples * self.rate_hz // rate_hz))
        return -(-count_windows(n_heard, self.window_samples, self.hop_samples) // self.block_windows)


class Listener:
    """Hears recordings; called with a task it yields the parts, or a failure at the end of them.

    Args:
        hearing: How.

    Raises:
        BundleError: There is no such model.
        ConfigError: An option does not fit the model.
        ModelError: The model cannot hear windows.
        WeightsError: Its pretrained weights are missing.
    """

    def __init__(self, hearing: Hearing) -> None:
        self._hearer, names = open_hearer(hearing.choice)
        model = str(hearing.choice.model)
        allowed = np.ones(len(self._hearer.labels), dtype=np.bool_)
        if hearing.labels:
            allowed &= find_labels(hearing.labels, names, model)
        if hearing.place is not None:
            allowed &= _expected(hearing, len(allowed))
        thresholds = self._hearer.thresholds
        if hearing.min_confidence is not None:
            thresholds = np.full_like(thresholds, hearing.min_confidence)
        self._chooser = Chooser(thresholds, allowed, self._hearer.exclusive, hearing.most)
        self.plan = _plan(hearing, self._hearer, self._chooser)

    def close(self) -> None:
        """Let go of the model, whose memory others need; what `plan` says stays."""
        del self._hearer

    def __call__(self, task: Task) -> Iterator[Part | Failure]:
        """Yield what is heard; whatever a file holds, the others go on."""
        try:
            with _file_of(task) as path:
                yield from self._parts(task, path)
        except EarmarkError as error:
            reason = str(error)
            yield Failure(reason if task.path is not None or task.name in reason else f"{task.name}: {reason}")
        except MemoryError:
            yield Failure(f"{task.name}: needs more memory than there is")
        except Exception as error:  # whatever a file of a million does, the others go on
            yield Failure(f"{task.name}: {type(error).__name__}: {error}; please report this file")

    def _parts(self, task: Task, path: Path) -> Iterator[Part]:
        header = read_header(path)
        if header.rate_hz < self._hearer.min_source_rate_hz:
            raise AudioError(
                f"{path}: rate {header.rate_hz} Hz, but the model was trained on audio of "
                f"{self._hearer.min_source_rate_hz} Hz and more; record at a higher rate"
            )
        plan = self.plan
        sound = Sound(header, plan.rate_hz, task.first * plan.block_samples)
        reading = _Reading(task, plan, sound)
        part = _PartInWork(task.first, plan)
        stages = self._with_features(ahead(reading.batches()))
        with closing(ahead(stages) if self._hearer.prepares else stages) as batches:
            for batch in batches if self._hearer.at_once == 1 else self._gathered(batches):
                if batch.first >= (part.block + 1) * plan.block_windows:
                    if part.block not in task.done:
                        yield part.finish()
                    part = _PartInWork(part.block + 1, plan)
                part.n_windows += batch.n_windows
                part.n_silent += int(batch.unheard.sum())  # only the silent ones yet
                if batch.features is not None:
                    batch.unheard |= self._hearer.refused(batch.features)
                    part.add(batch, self._chooser, self._hearer.probabilities(batch.features))
        ending = None
        if reading.reached_end and sound.n_samples is not None:
            duration_s = sound.n_samples / header.rate_hz
            n_blocks = part.block + 1 if part.n_windows else max(1, part.block)
            ending = Ending(n_blocks, duration_s, header.rate_hz, header.n_channels)
        if part.n_windows or ending is not None:
            yield part.finish(ending)

    def _with_features(self, batches: Generator[_Batch, None, None]) -> Generator[_Batch, None, None]:
        with closing(batches):
            for batch in batches:
                if batch.windows is not None:
                    batch.features = self._hearer.features(batch.windows)
                    batch.windows = None
                yield batch

    def _gathered(self, batches: Iterator[_Batch]) -> Iterator[_Batch]:
        """Yield batches put together where the model had better get more at once, at fixed windows of the recording."""
        for _, group in groupby(batches, self._group):
            parts = list(group)
            if len(parts) == 1:
                yield parts[0]
                continue
            features = [each.features for each in parts if each.features is not None]
            unheard = np.concatenate([each.unheard for each in parts])
            yield _Batch(parts[0].first, len(unheard), unheard, None, np.concatenate(features))

    def _group(self, batch: _Batch) -> tuple[int, int]:
        place = batch.first // self._hearer.at_once if batch.features is not None else -1 - batch.first
        return batch.first // self.plan.block_windows, place


@dataclass
class _Batch:
    """Windows on their way: sound, then features; neither where they are silent or known already."""

    first: int
    n_windows: int
    unheard: NDArray[np.bool_]  # silent, and later also what the model refuses
    windows: NDArray[np.float32] | None
    features: NDArray[np.float32] | None = None


@dataclass
class _Reading:
    """The windows of a task, batch by batch."""

    task: Task
    plan: Plan
    sound: Sound
    reached_end: bool = False

    def batches(self) -> Generator[_Batch, None, None]:
        plan, task = self.plan, self.task
        first = task.first * plan.block_windows
        end = None if task.end is None else task.end * plan.block_windows
        blocks = self._beyond_what_is_covered()
        if blocks is None:
            self.reached_end = True
            return
        for windows in cut_batches(blocks, plan.window_samples, plan.hop_samples, plan.batch_windows):
            known = first // plan.block_windows in task.done
            silent = np.zeros(len(windows), dtype=np.bool_) if known else silent_windows(windows)
            wanted = None if known or silent.all() else windows
            yield _Batch(first, len(windows), silent, wanted)
            first += len(windows)
            if end is not None and first >= end:
                return
        self.reached_end = True

    def _beyond_what_is_covered(self) -> Iterator[NDArray[np.float32]] | None:
        """Return the sound, None where the window before this task reached the end of the recording already."""
        blocks = iter(self.sound)
        if not self.task.first:
            return blocks
        n_covered = self.plan.window_samples - self.plan.hop_samples
        waiting: list[NDArray[np.float32]] = []
        while sum(map(len, waiting)) <= n_covered:
            block = next(blocks, None)
            if block is None:
                return None
            waiting.append(block)
        return _chained(waiting, blocks)


def _chained(
    waiting: list[NDArray[np.float32]], blocks: Iterator[NDArray[np.float32]]
) -> Iterator[NDArray[np.float32]]:
    while waiting:
        yield waiting.pop(0)
    yield from blocks


@dataclass
class _PartInWork:
    """A block that is being heard."""

    block: int
    plan: Plan
    n_windows: int = 0
    n_silent: int = 0
    windows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)

    def add(self, batch: _Batch, chooser: Chooser, probabilities: NDArray[np.float32]) -> None:
        rows, columns = chooser(probabilities)
        audible = ~batch.unheard[rows]
        rows, columns = rows[audible], columns[audible]
        self.windows += (batch.first + rows).tolist()
        self.columns += columns.tolist()
        self.probabilities += [round(float(value), DECIMALS) for value in probabilities[rows, columns]]

    def finish(self, ending: Ending | None = None) -> Part:
        sound_s = self.n_windows * self.plan.hop_samples / self.plan.rate_hz
        if ending is not None:
            sound_s = max(0.0, ending.duration_s - self.block * self.plan.block_samples / self.plan.rate_hz)
        return Part(
            *(self.block, self.windows, self.columns, self.probabilities),
            *(sound_s, self.n_windows, self.n_silent, ending),
        )


def _plan(hearing: Hearing, hearer: Hearer, chooser: Chooser) -> Plan:
    spec = hearer.spec
    hop_s = spec.hop_s if hearing.hop_s is None else hearing.hop_s
    if hearing.overlap_s is not None:
        hop_s = spec.window_s - hearing.overlap_s
    hop_samples = seconds_to_samples(hop_s, spec.rate_hz)
    if not 1 <= hop_samples <= spec.window_samples:
        asked = f"--overlap {hearing.overlap_s:g}" if hearing.overlap_s is not None else f"--hop {hop_s:g}"
        raise ConfigError(
            f"{asked}: windows of {hearing.choice.model} last {spec.window_s:g} s; expected a hop of more than 0 and "
            f"at most {spec.window_s:g} s (an overlap from 0 to less than {spec.window_s:g} s)"
        )
    batch = min(MOST_WINDOWS, 4 * max(1, round(BATCH_S / spec.window_s / 4)))
    unit = math.lcm(batch, hearer.at_once)  # so that what is put together does not depend on blocks
    block = unit * max(1, round(hearing.block_s * spec.rate_hz / hop_samples / unit))
    seal = fingerprint(
        [
            *(VERSION, hearer.seal, hop_samples, batch, block),
            *(chooser.thresholds.tolist(), chooser.allowed.nonzero()[0].tolist(), chooser.most),
        ]
    )
    return Plan(spec.rate_hz, spec.window_samples, hop_samples, batch, block, hearer.labels, seal)


def _expected(hearing: Hearing, n_classes: int) -> NDArray[np.bool_]:
    """Return which of BirdNET's classes are expected at a place, bool (n_classes,)."""
    if str(hearing.choice.model) != "birdnet" or hearing.place is None:
        raise ConfigError(f'--lat, --lon: only birdnet knows what lives where, not "{hearing.choice.model}"')
    from earmark.encoders.birdnet_places import expected_species

    place = hearing.place
    return expected_species(place.latitude, place.longitude, place.week, n_classes)


def _file_of(task: Task) -> AbstractContextManager[Path]:
    """Give the file of a task, fetched into the cache for as long as it is needed where it lies in storage."""
    return nullcontext(task.path) if task.path is not None else fetched(task.address, task.remote)
