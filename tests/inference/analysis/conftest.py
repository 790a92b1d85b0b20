"""Recordings in which loud and quiet take turns, and what hears them with the bundle that tells loud from quiet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.inference.analysis import Analysed, Hearing, Listener, Run, analyse, find_recordings
from earmark.inference.analysis.task import Failure, Part, Task
from earmark.inference.hearers import ModelChoice

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 8000
Record = Callable[..., Path]
AnalyseAll = Callable[..., list[Analysed]]


def changing_tone(duration_s: float, rate_hz: int, seed: int) -> NDArray[np.float32]:
    """Return a tone with some noise that changes between loud, quiet and silent at odd times."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    samples = np.sin(2 * np.pi * 440 * times_s) + 0.1 * rng.standard_normal(len(times_s))
    edges = np.sort(rng.uniform(0, duration_s, max(2, round(duration_s / 3))))
    levels = rng.choice([0.5, 0.01, 0.0], len(edges) + 1, p=[0.45, 0.45, 0.1])
    levels_now = levels[np.searchsorted(edges, times_s)]
    levels_now[(times_s > 11) & (times_s < 13.3)] = 0
    return np.asarray(samples * levels_now / 1.5, dtype=np.float32)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Return a function that writes a recording."""

    def write(
        name: str = "long.wav", duration_s: float = 50.3, rate_hz: int = RATE_HZ, n_channels: int = 1, seed: int = 3
    ) -> Path:
        path = tmp_path / "recordings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.stack([changing_tone(duration_s, rate_hz, seed + channel) for channel in range(n_channels)])
        soundfile.write(path, samples.T, rate_hz)
        return path

    return write


@pytest.fixture
def hearing(bundle_folder: Path) -> Hearing:
    return Hearing(ModelChoice(bundle_folder), block_s=8.0)


@pytest.fixture
def analyse_all() -> AnalyseAll:
    """Return a function that analyses files and folders."""

    def call(hearing: Hearing, *inputs: Path, **run: object) -> list[Analysed]:
        names = [str(each) for each in inputs]
        total = sum(recording.size_bytes for recording in find_recordings(names))
        return list(analyse(find_recordings(names), Listener(hearing), hearing, Run(**run), total))  # type: ignore[arg-type]

    return call


def parts_of(listener: Listener, path: Path, **task: object) -> list[Part]:
    """Return the parts of a recording, which must not fail."""
    said = list(listener(Task(str(path), path, **task)))  # type: ignore[arg-type]
    assert not [each for each in said if isinstance(each, Failure)], said
    return [each for each in said if isinstance(each, Part)]


def detections_of(parts: list[Part]) -> list[tuple[int, int, float]]:
    return [heard for part in parts for heard in zip(part.windows, part.columns, part.probabilities, strict=True)]
