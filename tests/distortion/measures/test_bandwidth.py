"""Where the spectrum ends, what is missing in it, and its balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.distortion.measures import measure
from earmark.distortion.measures.bandwidth import cliff
from earmark.distortion.measures.scale import band_weights, ratio_db, third_octaves
from earmark.distortion.measures.tone import CENTRES_HZ, reference_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.distortion.measures.conftest import Noise, Sine


def filtered(samples: NDArray[np.float32], gain: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.fft.irfft(np.fft.rfft(samples) * gain, samples.shape[1]).astype(np.float32)


def frequencies_of(samples: NDArray[np.float32], rate_hz: int = 44100) -> NDArray[np.float64]:
    return np.asarray(np.fft.rfftfreq(samples.shape[1], 1 / rate_hz), dtype=np.float64)


@pytest.mark.parametrize("cutoff_hz", [3400, 8000, 11025, 16000, 19000])
def test_the_cut_off_of_low_passed_noise_is_found(noise: Noise, cutoff_hz: int) -> None:
    sound = noise(2, 3.0)
    found = measure(Waveform(filtered(sound, 1.0 * (frequencies_of(sound) < cutoff_hz)), 44100))
    assert found["cutoff_hz"] == pytest.approx(cutoff_hz, abs=100)
    assert (found["cutoff_drop_db"] or 0) > 50
    assert found["rolloff_hz"] == pytest.approx(0.99 * cutoff_hz, rel=0.02)
    assert (found["above_cutoff_dbfs"] or 0) < -120


def test_noise_up_to_the_top_has_no_cliff(noise: Noise) -> None:
    found = measure(Waveform(noise(2, 3.0), 44100))
    assert (found["cutoff_drop_db"] or 99) < 3
    assert found["cutoff_share"] == 1
    assert (found["hole_share"] or 0) < 0.01
    assert (found["band_gap_db"] or 99) < 3


def test_a_gentle_fall_is_no_cliff(noise: Noise) -> None:
    sound = noise(1, 3.0)
    octaves = np.log2(np.maximum(frequencies_of(sound), 100) / 100)
    assert (measure(Waveform(filtered(sound, 10 ** (-6 * octaves / 20)), 44100))["cutoff_drop_db"] or 99) < 12


def test_a_band_gap_is_measured(noise: Noise) -> None:
    sound = noise(1, 3.0)
    hz = frequencies_of(sound)
    found = measure(Waveform(filtered(sound, np.where((hz > 5000) & (hz < 7000), 0.01, 1.0)), 44100))
    assert found["band_gap_db"] == pytest.approx(40, abs=2)


def test_holes_that_come_and_go_are_counted(noise: Noise) -> None:
    sound = noise(1, 3.0)
    hz = frequencies_of(sound)
    holed = filtered(sound, np.where((hz > 9000) & (hz < 9700), 1e-4, 1.0))
    on = (np.arange(sound.shape[1]) // 8820) % 2 == 0
    found = measure(Waveform(np.where(on, holed, sound).astype(np.float32), 44100))
    # one or two of some 47 groups for half of the time
    assert 0.005 < (found["hole_share"] or 0) < 0.04


def test_very_short_spectra_have_no_cliff() -> None:
    assert cliff(np.zeros(33), 125.0) == (32, 0.0)


def test_narrow_sound_has_no_holes_to_assess(noise: Noise) -> None:
    assert measure(Waveform(noise(1, 1.0, rate_hz=4000), 4000))["hole_share"] is None


def test_sound_with_the_reference_spectrum_deviates_by_nothing(noise: Noise) -> None:
    sound = noise(1, 20.0)
    hz = np.maximum(frequencies_of(sound), 10.0)
    density = np.interp(np.log2(hz), np.log2(CENTRES_HZ), reference_db() - 10 * np.log10(np.array(CENTRES_HZ)))
    found = measure(Waveform(0.01 * filtered(sound, 10 ** ((density - density.max()) / 20)), 44100))
    assert (found["deviation_db"] or 9) < 0.8
    assert found["tilt_db"] == pytest.approx(0, abs=0.1)


def test_a_tilt_and_a_telephone_show_in_the_deviation(noise: Noise) -> None:
    sound = noise(1, 10.0)
    hz = np.maximum(frequencies_of(sound), 10.0)
    pink = filtered(sound, 1 / np.sqrt(hz))
    flat = measure(Waveform(sound, 44100))
    falling = measure(Waveform(pink, 44100))
    assert (flat["tilt_db"] or 0) - (falling["tilt_db"] or 0) == pytest.approx(3.0, abs=0.2)
    telephone = measure(Waveform(filtered(pink, 1.0 * ((hz > 300) & (hz < 3400))), 44100))
    assert (telephone["deviation_db"] or 0) > (falling["deviation_db"] or 0) + 8
    assert (telephone["band_100_db"] or 0) < -30


def test_a_resonance_is_the_highest_peak(noise: Noise) -> None:
    sound = noise(1, 5.0)
    hz = frequencies_of(sound)
    found = measure(Waveform(filtered(sound, np.where((hz > 940) & (hz < 1060), 10.0, 1.0)), 44100))
    assert found["highest_peak_db"] == pytest.approx(17.2, abs=1)
    assert found["band_1000_db"] == pytest.approx((found["band_800_db"] or 0) + 18, abs=2)


def test_bands_follow_the_standard_and_share_bins() -> None:
    assert third_octaves(63, 16000) == CENTRES_HZ
    assert len(CENTRES_HZ) == 25
    weights = band_weights(CENTRES_HZ, 10.0, 3000)
    assert weights.sum() == pytest.approx((16000 * 2 ** (1 / 6) - 63 * 2 ** (-1 / 6)) / 10, rel=0.02)
    assert weights.sum(axis=1).max() < 1.2


def test_ratios_stay_within_their_limit() -> None:
    assert ratio_db(0, 0) == 0
    assert ratio_db(1, 0) == 120
    assert ratio_db(0, 1) == -120
    assert ratio_db(10, 1) == pytest.approx(10)


def test_a_low_tone_has_its_power_below_120_hz(sine: Sine) -> None:
    found = measure(Waveform(sine(60)[np.newaxis], 44100))
    assert (found["low_share_db"] or -99) > -0.5
    assert (found["high_share_db"] or 0) < -60
