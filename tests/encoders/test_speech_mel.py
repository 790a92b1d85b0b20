"""The word is found wherever it stands, brought to one level, and turned into Google's mel spectrogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.encoders import speech_mel

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = speech_mel.RATE_HZ


def burst(n_samples: int, centre: int, rng: np.random.Generator, length: int = 6400) -> NDArray[np.float32]:
    """Return faint noise with a louder stretch around a sample."""
    samples = 1e-3 * rng.normal(size=n_samples)
    samples[centre - length // 2 : centre + length // 2] += 0.1 * rng.normal(size=length)
    return samples.astype(np.float32)


def loudest_rms(samples: NDArray[np.float32]) -> float:
    power = np.convolve(np.square(samples, dtype=np.float64), np.ones(speech_mel.LOUD_SAMPLES), "valid")
    return float(np.sqrt(power.max() / speech_mel.LOUD_SAMPLES))


@pytest.mark.parametrize("centre", [4000, 12000, 19200, 30000, 34000])
def test_word_is_found_within_20_ms(rng: np.random.Generator, centre: int) -> None:
    assert abs(speech_mel.find_word(burst(38400, centre, rng)) - centre) < 0.02 * RATE_HZ


def test_a_short_click_does_not_win_over_a_word(rng: np.random.Generator) -> None:
    samples = burst(38400, 26000, rng)
    samples[3000:3040] = 0.9
    assert abs(speech_mel.find_word(samples) - 26000) < 0.1 * RATE_HZ


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_without_a_word_the_middle_is_taken(value: float) -> None:
    assert speech_mel.find_word(np.full(38400, value, np.float32)) == 19200


def test_focus_puts_the_word_into_the_middle_and_zeros_outside_the_window(rng: np.random.Generator) -> None:
    windows = np.stack([burst(38400, 4000, rng), burst(38400, 34000, rng)])
    early, late = speech_mel.focus(windows, 25600)
    first = speech_mel.find_word(windows[0]) - 12800
    assert not early[:-first].any()
    assert np.array_equal(early[-first:], windows[0, : 25600 + first])
    end = 38400 - (speech_mel.find_word(windows[1]) - 12800)
    assert np.array_equal(late[:end], windows[1, -end:])
    assert not late[end:].any()


def test_every_window_gets_one_level(rng: np.random.Generator) -> None:
    windows = np.stack([burst(25600, 9000, rng), 20 * burst(25600, 20000, rng)])
    for samples in speech_mel.set_level(windows, 0.01):
        assert loudest_rms(samples) == pytest.approx(0.01, rel=0.05)


def test_silence_stays_silence_and_any_length_is_taken() -> None:
    assert not speech_mel.set_level(np.zeros((1, 13001), np.float32), 0.01).any()


def test_log_mel_has_a_frame_each_10_ms_and_shows_a_tone_in_its_band() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ)
    mel = speech_mel.log_mel(tone[np.newaxis].astype(np.float32))
    assert mel.shape == (1, 98, 32)
    assert mel.dtype == np.float32
    centres = np.linspace(1127 * np.log1p(60 / 700), 1127 * np.log1p(3800 / 700), 34)[1:-1]
    nearest = int(np.abs(700 * np.expm1(centres / 1127) - 1000).argmin())
    assert set(mel[0].argmax(axis=1).tolist()) == {nearest}


def test_sound_above_3800_hz_does_not_enter() -> None:
    high = np.sin(2 * np.pi * 6000 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    silent, hissing = speech_mel.log_mel(np.stack([np.zeros_like(high), high]))
    assert np.allclose(silent, np.log(1e-3))
    assert np.abs(np.exp(hissing) - np.exp(silent)).max() < 0.02
