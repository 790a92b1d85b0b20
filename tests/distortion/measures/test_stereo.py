"""Pairs of channels that belong together in a known way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.distortion.measures import NAMES, measure
from earmark.distortion.measures.measure import STEREO_NAMES

if TYPE_CHECKING:
    from tests.distortion.measures.conftest import Music, Noise


def test_equal_channels_lose_nothing_in_mono(noise: Noise) -> None:
    one = noise(1, 3.0)
    found = measure(Waveform(np.vstack([one, one]), 44100))
    assert found["correlation"] == pytest.approx(1, abs=1e-6)
    assert found["mid_side_db"] == 60
    assert found["fold_down_loss_db"] == pytest.approx(0, abs=1e-3)
    assert found["imbalance_db"] == pytest.approx(0, abs=1e-6)
    assert (found["delay_ms"], found["delay_polarity"]) == (0, 1)


def test_an_inverted_channel_loses_everything_in_mono(noise: Noise) -> None:
    one = noise(1, 3.0)
    found = measure(Waveform(np.vstack([one, -one]), 44100))
    assert found["correlation"] == pytest.approx(-1, abs=1e-6)
    assert found["fold_down_loss_db"] == 60
    assert found["mid_side_db"] == -60
    assert found["negative_share"] == pytest.approx(1, abs=1e-3)
    assert found["delay_polarity"] == -1
    # The spectral measures go on with one channel where the mid is empty.
    assert found["noise_floor_dbfs"] == pytest.approx(-20, abs=1)


def test_unrelated_channels_lose_3_db(noise: Noise) -> None:
    found = measure(Waveform(noise(2, 3.0), 44100))
    assert found["correlation"] == pytest.approx(0, abs=0.02)
    assert found["fold_down_loss_db"] == pytest.approx(3.01, abs=0.1)
    assert found["mid_side_db"] == pytest.approx(0, abs=0.1)
    assert (found["delay_strength"] or 1) < 0.1


@pytest.mark.parametrize("delay_samples", [-300, -1, 7, 44, 400])
def test_a_delay_between_channels_is_found(noise: Noise, delay_samples: int) -> None:
    one = noise(1, 3.0)[0]
    found = measure(Waveform(np.stack([one, np.roll(one, delay_samples)]), 44100))
    assert found["delay_ms"] == pytest.approx(1000 * abs(delay_samples) / 44100, abs=0.01)
    assert (found["delay_strength"] or 0) > 0.8


def test_a_delay_in_music_is_found(music: Music) -> None:
    sound = music(3.0)
    late = np.stack([sound.samples[0], np.roll(sound.samples[0], 88)])
    assert measure(Waveform(late, 44100))["delay_ms"] == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("gain_db", [3.0, 12.0])
def test_imbalance_is_the_ratio_of_levels(noise: Noise, gain_db: float) -> None:
    one = noise(1, 2.0)
    assert measure(Waveform(np.vstack([one, one * np.float32(10 ** (-gain_db / 20))]), 44100))[
        "imbalance_db"
    ] == pytest.approx(gain_db, abs=0.01)


def test_a_lost_channel_has_balance_but_no_correlation(noise: Noise) -> None:
    found = measure(Waveform(np.vstack([noise(1, 2.0), np.zeros((1, 88200), dtype=np.float32)]), 44100))
    assert found["imbalance_db"] == 60
    assert found["correlation"] is None
    assert found["fold_down_loss_db"] == pytest.approx(3.01, abs=0.01)
    assert found.line_of("correlation") == [None, None]


def test_a_quarter_turn_shows_as_quadrature(noise: Noise) -> None:
    import scipy.signal

    one = noise(1, 3.0)[0]
    turned = np.imag(scipy.signal.hilbert(one)).astype(np.float32)
    found = measure(Waveform(np.stack([one, turned]), 44100))
    assert (found["quadrature"] or 0) > 0.9
    assert found["correlation"] == pytest.approx(0, abs=0.02)


def test_the_time_line_shows_the_second_that_is_inverted(noise: Noise) -> None:
    one = noise(1, 3.0)[0]
    other = one.copy()
    other[44100:88200] *= -1
    found = measure(Waveform(np.stack([one, other]), 44100))
    assert found.line_of("correlation") == pytest.approx([1, -1, 1])
    assert found["correlation_least"] == pytest.approx(-0.8, abs=0.05)


def test_intensity_stereo_shows_only_at_the_top(noise: Noise) -> None:
    pair = noise(2, 3.0)
    spectra = np.fft.rfft(pair)
    top = np.fft.rfftfreq(pair.shape[1], 1 / 44100) > 8000
    spectra[:, top] = spectra[:1, top]
    found = measure(Waveform(np.fft.irfft(spectra, pair.shape[1]).astype(np.float32), 44100))
    assert (found["mid_side_high_db"] or 0) > 25
    assert found["correlation_upper"] == pytest.approx(0, abs=0.05)
    assert (found["correlation_high"] or 0) > 0.99


@pytest.mark.parametrize("n_channels", [1, 3, 8])
def test_without_a_pair_no_stereo_measure_is_assessable(noise: Noise, n_channels: int) -> None:
    found = measure(Waveform(noise(n_channels, 1.0), 44100))
    assert set(found.reasons) >= STEREO_NAMES
    assert len(STEREO_NAMES) == len(NAMES) - NAMES.index("mid_side_db")


def test_a_late_channel_is_as_coherent_as_before_but_out_of_phase(noise: Noise) -> None:
    one = noise(1, 3.0)[0]
    together = measure(Waveform(np.stack([one, one]), 44100))
    late = measure(Waveform(np.stack([one, np.roll(one, 44)]), 44100))
    for band in ("low", "middle", "upper", "high"):
        assert together[f"coherence_{band}"] == pytest.approx(1, abs=1e-3)
        assert late[f"coherence_{band}"] == pytest.approx(1, abs=0.05)
        assert together[f"phase_spread_{band}"] == pytest.approx(0, abs=1e-3)
        assert together[f"phase_steps_{band}"] == pytest.approx(1, abs=1e-3)
    assert (late["phase_spread_upper"] or 0) > 0.8
    # A delay turns the phase by the same angle from bin to bin: 1 ms by 360 degrees * 21.5 Hz / 1 kHz.
    assert late["phase_steps_upper"] == pytest.approx(np.cos(2 * np.pi * 44 / 2048), abs=0.01)


def test_unrelated_channels_are_not_coherent(noise: Noise) -> None:
    found = measure(Waveform(noise(2, 10.0), 44100))
    assert (found["coherence_middle"] or 1) < 0.15
    assert abs(found["correlation_narrow_least"] or 1) < 0.3


def test_one_third_octave_turned_over_is_found(noise: Noise) -> None:
    one = noise(1, 3.0)[0]
    spectrum = np.fft.rfft(one)
    spectrum[3 * 1000 : 3 * 1500] *= -1  # bins of a third of a Hz
    other = np.fft.irfft(spectrum, one.size).astype(np.float32)
    found = measure(Waveform(np.stack([one, other]), 44100))
    assert found["correlation_narrow_least"] == pytest.approx(-1, abs=0.05)
    assert (found["correlation"] or 0) > 0.9
    assert (found["correlation_narrow_change"] or 0) > 0.1


def test_coherence_needs_more_than_a_moment(noise: Noise) -> None:
    found = measure(Waveform(noise(2, 0.5), 44100))
    assert found["coherence_middle"] is None
    assert found["correlation"] is not None


def test_coherence_ends_where_the_spectrum_does(noise: Noise) -> None:
    found = measure(Waveform(noise(2, 3.0, 0.1, 4000), 4000))
    assert found["coherence_low"] is not None
    assert found["coherence_upper"] is None
    assert measure(Waveform(noise(2, 300.0, 0.1, 100), 100))["correlation_narrow_least"] is None
