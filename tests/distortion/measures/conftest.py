"""Sounds with a known answer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.distortion.measures.block import Block, cut_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 44100

Sine = Callable[..., "NDArray[np.float32]"]
Noise = Callable[..., "NDArray[np.float32]"]
Music = Callable[..., Waveform]
OneBlock = Callable[[Waveform], Block]


@pytest.fixture
def sine() -> Sine:
    """Return a function that makes a sine, float32 (n_samples,)."""

    def make(
        frequency_hz: float, duration_s: float = 2.0, amplitude: float = 0.5, rate_hz: int = RATE_HZ
    ) -> NDArray[np.float32]:
        times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
        return (amplitude * np.sin(2 * np.pi * frequency_hz * times_s)).astype(np.float32)

    return make


@pytest.fixture
def noise(rng: np.random.Generator) -> Noise:
    """Return a function that makes white noise of a root mean square, float32 (n_channels, n_samples)."""

    def make(
        n_channels: int = 1, duration_s: float = 2.0, level: float = 0.1, rate_hz: int = RATE_HZ
    ) -> NDArray[np.float32]:
        return (level * rng.standard_normal((n_channels, round(duration_s * rate_hz)))).astype(np.float32)

    return make


@pytest.fixture
def music() -> Music:
    """Return a function that makes something like music: decaying chords with overtones, a beat, a wide mix."""
    return make_music


@functools.cache
def make_music(duration_s: float = 3.0, rate_hz: int = RATE_HZ, seed: int = 5) -> Waveform:
    rng = np.random.default_rng(seed)
    n_samples, n_note = round(duration_s * rate_hz), round(0.8 * rate_hz)
    mix = np.zeros((2, n_samples + n_note))
    times_s = np.arange(n_note) / rate_hz
    for begin in range(0, n_samples, rate_hz // 4):
        for _ in range(3):
            pitch_hz, side = 110 * 2 ** (rng.integers(0, 30) / 12), rng.uniform(0.3, 0.7)
            parts = np.arange(1, 25)[: int(rate_hz / 2.1 / pitch_hz)]
            waves = np.sin(2 * np.pi * pitch_hz * parts[:, np.newaxis] * times_s + rng.uniform(0, 6, (len(parts), 1)))
            note = np.exp(-5 * times_s) * (parts**-1.2 @ waves)
            mix[:, begin : begin + n_note] += np.outer([1 - side, side], note)
        mix[:, begin : begin + n_note] += 0.25 * rng.standard_normal(n_note) * np.exp(-25 * times_s)
    mix = 0.7 * mix[:, :n_samples] / np.abs(mix[:, :n_samples]).max()
    return Waveform((np.round(mix * 32767) / 32768).astype(np.float32), rate_hz)


@pytest.fixture
def one_block() -> OneBlock:
    """Return a function that gives the first block of a waveform."""
    return lambda waveform: next(iter(cut_blocks([waveform])))
