"""Shared fixtures: a seeded generator, tones, and the real recordings where they exist."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261120)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's cache."""
    from earmark.core.settings import settings

    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))
    settings.cache_clear()


def real_corpus(name: str) -> Path:
    """Return the folder of a corpus under EARMARK_DATA_DIR, or skip the test with the reason."""
    root = os.environ.get("EARMARK_DATA_DIR")
    if not root or not (Path(root) / name / "clips.csv").is_file():
        pytest.skip(f"no {name} under EARMARK_DATA_DIR ({root or 'not set'})")
    return Path(root) / name


@pytest.fixture
def fsdd_dir() -> Path:
    return real_corpus("fsdd")


@pytest.fixture
def esc50_dir() -> Path:
    return real_corpus("esc50")


@pytest.fixture
def oneshots_dir() -> Path:
    return real_corpus("oneshots")


@pytest.fixture
def wildlife_dir() -> Path:
    return real_corpus("wildlife")


def tone(frequency_hz: float, duration_s: float, rate_hz: int, amplitude: float = 0.5) -> NDArray[np.float32]:
    """Return a sine, float32 (n_samples,)."""
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * frequency_hz * times_s)).astype(np.float32)
