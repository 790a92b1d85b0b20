"""Sound to damage: short, synthetic, with something at every frequency and between the channels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from earmark.audio import Waveform

Make = Callable[..., Waveform]


def make_music(n_channels: int = 2, rate_hz: int = 22_050, duration_s: float = 1.0, seed: int = 5) -> Waveform:
    """Return decaying chords over soft noise, peak 0.8; the channels share most of it."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(max(1, round(duration_s * rate_hz))) / rate_hz
    samples = np.zeros((n_channels, len(times_s)))
    for beat in np.arange(0, duration_s, 0.25):
        since_s = np.where(times_s >= beat, times_s - beat, np.inf)
        for note_hz in rng.choice([55, 82, 110, 220, 330, 440, 660, 880, 1320, 2200, 3300], 5, replace=False):
            voice = np.exp(-6 * since_s) * np.sin(2 * np.pi * note_hz * np.where(np.isfinite(since_s), since_s, 0))
            samples += rng.uniform(0.4, 1.0, (n_channels, 1)) * voice
    samples += 0.05 * (rng.standard_normal(len(times_s)) + 0.3 * rng.standard_normal(samples.shape))
    return Waveform((0.8 * samples / np.abs(samples).max()).astype(np.float32), rate_hz)


@pytest.fixture(scope="session")
def make() -> Make:
    return make_music


@pytest.fixture(scope="session")
def music() -> Waveform:
    return make_music()


@pytest.fixture(scope="session")
def mono() -> Waveform:
    return make_music(n_channels=1)
