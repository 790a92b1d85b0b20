"""Noise of a known level, and hum of a known strength."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.distortion.measures import measure

if TYPE_CHECKING:
    from tests.distortion.measures.conftest import Music, Noise, Sine


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0, 40.0])
@pytest.mark.parametrize("rate_hz", [16000, 44100])
def test_the_ratio_of_a_sine_to_white_noise_is_found(sine: Sine, noise: Noise, snr_db: float, rate_hz: int) -> None:
    tone = sine(1000, 4.0, 0.5, rate_hz)
    sound = tone + noise(1, 4.0, 0.5 / np.sqrt(2) * 10 ** (-snr_db / 20), rate_hz)
    assert measure(Waveform(sound, rate_hz))["snr_db"] == pytest.approx(snr_db, abs=1.5)


def test_more_noise_under_music_means_a_lower_ratio(music: Music, noise: Noise) -> None:
    clean = music(4.0).samples
    power = float(np.mean(clean**2))
    ratios = [
        measure(Waveform(clean + noise(2, 4.0, np.sqrt(power) * 10 ** (-snr / 20)), 44100))["snr_db"] or 0
        for snr in (0, 10, 20, 30)
    ]
    assert ratios == sorted(ratios)
    assert ratios[0] == pytest.approx(0, abs=3)
    assert ratios[1] == pytest.approx(10, abs=3)


def test_the_floor_of_noise_is_its_level(noise: Noise) -> None:
    found = measure(Waveform(noise(1, 5.0, 0.001), 44100))
    assert found["noise_floor_dbfs"] == pytest.approx(-60, abs=1)
    assert found["noise_flatness"] == pytest.approx(0.6, abs=0.1)
    assert found["noise_tilt_db"] == pytest.approx(3.0, abs=0.4)
    assert (found["noise_spread_db"] or 9) < 1


def test_pink_noise_has_a_level_floor_by_octave(noise: Noise) -> None:
    spectrum = np.fft.rfft(noise(1, 8.0)[0])
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    pink = np.fft.irfft(spectrum)
    sound = (0.1 * pink / np.abs(pink).max()).astype(np.float32)[np.newaxis]
    assert measure(Waveform(sound, 44100))["noise_tilt_db"] == pytest.approx(0.0, abs=0.4)


def test_octaves_above_half_the_rate_are_not_assessable(noise: Noise) -> None:
    found = measure(Waveform(noise(1, 1.0, rate_hz=8000), 8000))
    assert found["snr_4000_db"] is None
    assert found["snr_2000_db"] == pytest.approx(0, abs=2)


@pytest.mark.parametrize(("mains_hz", "other_hz"), [(50, 60), (60, 50)])
@pytest.mark.parametrize("rate_hz", [8000, 44100, 48000])
def test_hum_under_music_is_found_with_its_frequency_and_level(
    music: Music, mains_hz: int, other_hz: int, rate_hz: int
) -> None:
    sound = music(6.0, rate_hz)
    times_s = np.arange(sound.n_samples) / rate_hz
    comb = np.sum([np.sin(2 * np.pi * mains_hz * part * times_s) / part for part in range(1, 9)], axis=0)
    hum = 0.05 * comb / np.sqrt(np.mean(comb**2))
    found = measure(Waveform((sound.samples + hum).astype(np.float32), rate_hz))
    without = measure(sound)
    assert (found[f"hum_{mains_hz}_db"] or 0) > 8
    assert (found[f"hum_{mains_hz}_db"] or 0) > (found[f"hum_{other_hz}_db"] or 0) + 4
    assert (without[f"hum_{mains_hz}_db"] or 0) < 4
    assert found["hum_dbfs"] == pytest.approx(-26, abs=2)


def test_noise_has_no_hum(noise: Noise) -> None:
    found = measure(Waveform(noise(2, 6.0), 44100))
    assert (found["hum_50_db"] or 0) < 2
    assert (found["hum_60_db"] or 0) < 2


def test_a_steady_tone_is_no_noise(sine: Sine) -> None:
    assert (measure(Waveform(sine(440, 3.0)[np.newaxis], 44100))["snr_db"] or 0) > 40


def test_noise_lies_evenly_over_the_bins_of_an_octave_and_notes_do_not(music: Music, noise: Noise) -> None:
    steady = measure(Waveform(noise(1, 4.0), 44100))
    mixed = measure(Waveform(music(4.0).samples + noise(2, 4.0, 0.003), 44100))
    clean = measure(music(4.0))
    for octave in (4000, 8000, 16000):
        # A level in decibels deviates by 5.6 dB in a frame of noise, the mean of 42 of them by 0.86 dB.
        assert steady[f"noise_unevenness_{octave}_db"] == pytest.approx(0.86, abs=0.1)
        assert (mixed[f"noise_unevenness_{octave}_db"] or 9) < (clean[f"noise_unevenness_{octave}_db"] or 0)


def test_digital_silence_is_not_flat_noise(sine: Sine) -> None:
    sound = np.concatenate([sine(440, 2.0), np.zeros(2 * 44100, dtype=np.float32)])[np.newaxis]
    assert (measure(Waveform(sound, 44100))["noise_flatness"] or 0) < 0.1


def test_rumble_below_the_notes_raises_the_low_floor_alone(music: Music, noise: Noise) -> None:
    clean = music(6.0)
    spectrum = np.fft.rfft(noise(1, 6.0)[0])
    spectrum[6 * 20 :] = 0  # bins of a sixth of a Hz
    rumble = np.fft.irfft(spectrum, clean.n_samples)
    rumble *= 0.02 / np.sqrt(np.mean(rumble**2))
    rumbling = measure(Waveform((clean.samples + rumble).astype(np.float32), 44100))
    before = measure(clean)
    for band in (3, 8, 16):
        assert (rumbling[f"low_floor_{band}_db"] or -99) > (before[f"low_floor_{band}_db"] or 0) + 10
    assert rumbling["low_floor_480_db"] == pytest.approx(before["low_floor_480_db"], abs=0.5)


def test_the_low_floor_of_white_noise_is_that_of_one_bin(noise: Noise) -> None:
    found = measure(Waveform(noise(1, 10.0), 44100))
    # A bin of half a Hz holds 1 / 44100 of the power; the third lowest of nine chance values lies 4 dB under that.
    for band in (30, 120, 480):
        assert found[f"low_floor_{band}_db"] == pytest.approx(-10 * np.log10(44100) - 4, abs=2)


@pytest.mark.parametrize("rate_hz", [100, 1000, 2000])
def test_rates_too_low_for_the_mains_are_measured_without_them(noise: Noise, rate_hz: int) -> None:
    found = measure(Waveform(noise(1, 5.0, 0.1, rate_hz), rate_hz))
    assert found["hum_50_db"] is None
    assert found["low_floor_30_db"] is None
    assert found["rms_dbfs"] == pytest.approx(-20, abs=1)
