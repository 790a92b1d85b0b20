"""Levels of tones whose level is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.distortion.measures import measure

if TYPE_CHECKING:
    from tests.distortion.measures.conftest import Music, Noise, Sine


def test_a_full_scale_sine_has_the_levels_of_the_standards(sine: Sine) -> None:
    found = measure(Waveform(sine(997, 3.0, 1.0, 48000)[np.newaxis], 48000))
    assert found["peak_dbfs"] == pytest.approx(0, abs=0.01)
    assert found["rms_dbfs"] == pytest.approx(-3.01, abs=0.01)
    assert found["crest_db"] == pytest.approx(3.01, abs=0.02)
    # BS.1770-4: a 997 Hz sine at 0 dBFS in one channel reads -3.01 LKFS.
    assert found["loudness_lufs"] == pytest.approx(-3.01, abs=0.1)


def test_loudness_adds_channels_and_gates_silence(sine: Sine) -> None:
    tone = sine(997, 4.0, 0.1, 48000)
    both = measure(Waveform(np.stack([tone, tone]), 48000))
    assert both["loudness_lufs"] == pytest.approx(-20.0, abs=0.1)
    half = np.concatenate([tone, np.zeros_like(tone)])
    assert measure(Waveform(np.stack([half, half]), 48000))["loudness_lufs"] == pytest.approx(-20.2, abs=0.3)


def test_loudness_of_a_turned_over_channel_is_not_lost(sine: Sine) -> None:
    tone = sine(997, 2.0, 0.1, 48000)
    assert measure(Waveform(np.stack([tone, -tone]), 48000))["loudness_lufs"] == pytest.approx(-20.0, abs=0.1)


def test_silence_under_minus_seventy_has_the_lowest_loudness(sine: Sine) -> None:
    assert measure(Waveform(sine(997, 2.0, 2e-4)[np.newaxis], 44100))["loudness_lufs"] == -70


def test_the_true_peak_lies_between_the_samples() -> None:
    # A sine at a quarter of the rate, sampled at 45 degrees: samples reach 0.707 of its peak.
    wave = np.sin(np.pi / 2 * np.arange(8000) + np.pi / 4).astype(np.float32)[np.newaxis]
    found = measure(Waveform(wave, 48000))
    assert found["peak_dbfs"] == pytest.approx(-3.01, abs=0.01)
    assert found["true_peak_dbtp"] == pytest.approx(0.0, abs=0.2)


def test_the_true_peak_of_the_loudest_cells_is_that_of_everything(music: Music) -> None:
    import scipy.signal

    sound = music(2.0)
    everywhere = np.abs(scipy.signal.resample_poly(sound.samples.astype(np.float64), 4, 1, axis=1)).max()
    assert measure(sound)["true_peak_dbtp"] == pytest.approx(20 * np.log10(everywhere), abs=0.15)


def test_an_offset_and_a_silent_quarter_are_measured(noise: Noise) -> None:
    sound = noise(2, 4.0) + np.array([[0.0], [0.02]], dtype=np.float32)
    sound[:, :44100] = 0
    found = measure(Waveform(sound, 44100))
    assert found["dc_offset"] == pytest.approx(0.015, abs=0.001)
    assert found["silence_share"] == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("n_bits", [4, 8, 12, 16])
def test_coarse_samples_show_their_bits(noise: Noise, n_bits: int) -> None:
    steps = 2.0 ** (n_bits - 1)
    sound = (np.round(np.clip(noise(1, 1.0), -0.9, 0.9) * steps) / steps).astype(np.float32)
    assert measure(Waveform(sound, 44100))["bit_depth"] == n_bits


def test_bit_crushing_shows_after_a_change_of_gain(noise: Noise) -> None:
    fine = noise(1, 1.0)
    coarse = (np.round(fine * 32) / 32 * 0.777).astype(np.float32)
    assert (measure(Waveform(coarse, 44100))["distinct_share"] or 1) < 0.1
    assert (measure(Waveform(fine, 44100))["distinct_share"] or 0) > 0.8
