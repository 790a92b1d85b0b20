"""Two recordings in which every second has a level of its own, and detections in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.inference.events import Event, FileEvents
from earmark.inference.segments import Choice, CutOptions, choose, cut_segments, read_sheet

RATE_HZ = 8000
Cutter = Callable[..., Path]


def write_steps(path: Path, n_seconds: int = 10, n_channels: int = 1) -> Path:
    """Write a recording whose second number n is constantly at n hundredths."""
    path.parent.mkdir(parents=True, exist_ok=True)
    steps = np.repeat(np.arange(n_seconds) / 100, RATE_HZ)
    soundfile.write(path, np.tile(steps[:, np.newaxis], (1, n_channels)), RATE_HZ)
    return path


def seconds_of(path: Path) -> list[int]:
    """Return which seconds of a recording a clip begins and ends in."""
    samples, rate_hz = soundfile.read(path, always_2d=True)
    assert rate_hz == RATE_HZ
    return [round(float(samples[position, 0]) * 100) for position in (0, -1)]


@pytest.fixture
def files(tmp_path: Path) -> list[FileEvents]:
    one = write_steps(tmp_path / "rec" / "one.wav")
    two = write_steps(tmp_path / "rec" / "night two.flac", n_channels=2)
    return [
        FileEvents(str(one), 10.0, RATE_HZ, 1, (Event(0.0, 2.0, "dog", 0.9), Event(4.0, 5.0, "AC/DC", 0.6))),
        FileEvents(str(two), 10.0, RATE_HZ, 2, (Event(4.0, 6.0, "dog", 0.5), Event(4.0, 6.0, "cat", 0.75))),
    ]


@pytest.fixture
def cutter(files: list[FileEvents], tmp_path: Path) -> Cutter:
    """Return a function that cuts the clips of all detections and returns their folder."""

    def cut(name: str = "clips", **options: float) -> Path:
        folder = tmp_path / name
        assert cut_segments(choose(files, Choice()), folder, CutOptions(**options)).lost == ()  # type: ignore[arg-type]
        return folder

    return cut


def clip_of(folder: Path, label: str) -> Path:
    """Return where the last clip of a label was cut to."""
    return next(folder / segment.clip for segment in reversed(read_sheet(folder)) if segment.detected == label)
