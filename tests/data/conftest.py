"""Small audio files and a progress that remembers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.core.settings import settings

MakeTone = Callable[..., Path]
UseDataDir = Callable[[Path], None]


@pytest.fixture
def make_tone() -> MakeTone:
    """Return a function that writes a short tone and returns its path."""

    def make(path: Path, duration_s: float = 0.05, rate_hz: int = 8000) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
        soundfile.write(path, 0.5 * np.sin(2 * np.pi * 440 * times_s), rate_hz, subtype="PCM_16")
        return path

    return make


class Diary:
    """A `Progress` that keeps what it is told."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.n_steps = 0
        self.notes: list[str] = []

    def start(self, label: str, total: int) -> None:
        self.labels.append(label)

    def advance(self, n_steps: int = 1) -> None:
        self.n_steps += n_steps

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def use_data_dir(monkeypatch: pytest.MonkeyPatch) -> UseDataDir:
    """Return a function that names EARMARK_DATA_DIR."""

    def use(folder: Path) -> None:
        monkeypatch.setenv("EARMARK_DATA_DIR", str(folder))
        settings.cache_clear()

    return use


@pytest.fixture
def make_fsdd(make_tone: MakeTone) -> Callable[[Path], Path]:
    """Return a function that makes 16 short recordings laid out and named like FSDD's."""

    def make(folder: Path) -> Path:
        for digit in range(2):
            for speaker in ("ann", "bob"):
                for index in (0, 4, 5, 12):
                    make_tone(folder / "recordings" / f"{digit}_{speaker}_{index}.wav", 0.01 + index / 1000)
        return folder

    return make


@pytest.fixture
def no_data_dir(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("real") is None:
        monkeypatch.delenv("EARMARK_DATA_DIR", raising=False)
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    settings.cache_clear()
