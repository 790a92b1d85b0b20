from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.errors import AudioError, ConfigError
from earmark.features.options import MelOptions
from earmark.features.spectral import (
    MelSpectrogram,
    dct_matrix,
    delta_width,
    deltas,
    derivative_kernel,
    hann_taper,
    hz_to_mel,
    mel_filters,
    mel_to_hz,
    power_spectra,
    power_to_db,
)


def test_hann_taper_is_periodic_and_stands_in_the_middle() -> None:
    taper = hann_taper(4, 8)
    np.testing.assert_allclose(taper, [0, 0, 0, 0.5, 1, 0.5, 0, 0], atol=1e-12)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_mel_scales_are_inverted_by_mel_to_hz(scale: str) -> None:
    for frequency_hz in (0.0, 300.0, 999.0, 1000.0, 4000.0, 16000.0):
        mels = np.array([hz_to_mel(frequency_hz, scale)])  # type: ignore[arg-type]
        np.testing.assert_allclose(mel_to_hz(mels, scale), frequency_hz, atol=1e-9)  # type: ignore[arg-type]


def test_mel_scales_have_their_known_values() -> None:
    assert hz_to_mel(1000, "slaney") == pytest.approx(15)
    assert hz_to_mel(6400, "slaney") == pytest.approx(42)
    assert hz_to_mel(1000, "htk") == pytest.approx(999.9855, abs=1e-3)


def test_slaney_filters_have_equal_area_and_plain_ones_reach_one() -> None:
    options = MelOptions(fft_samples=8192, n_mels=20)
    areas = mel_filters(options).sum(axis=1) * options.rate_hz / options.fft_samples
    np.testing.assert_allclose(areas, 1, atol=0.01)
    plain = mel_filters(options.model_copy(update={"mel_norm": "none"}))
    np.testing.assert_allclose(plain.max(axis=1), 1, atol=0.05)


def test_mel_bands_between_the_bins_are_refused_with_a_length_that_works() -> None:
    with pytest.raises(ConfigError, match=r"13 of 128 mel bands .* 256 samples at 16000 Hz .* use fft_samples=512"):
        mel_filters(MelOptions(fft_samples=256))
    assert mel_filters(MelOptions(fft_samples=512)).any(axis=1).all()


@given(n_windows=st.integers(1, 5), n_samples=st.integers(1, 700), hop=st.integers(1, 300), half=st.integers(2, 60))
def test_blocked_power_spectra_equal_a_plain_transform(n_windows: int, n_samples: int, hop: int, half: int) -> None:
    rng = np.random.default_rng(0)
    windows = rng.standard_normal((n_windows, n_samples)).astype(np.float32)
    fft_samples = 2 * half
    taper = hann_taper(fft_samples, fft_samples)
    padded = np.pad(windows, ((0, 0), (half, half)))
    n_frames = 1 + n_samples // hop
    expected = np.stack(
        [np.abs(np.fft.rfft(padded[:, k * hop : k * hop + fft_samples] * taper)) ** 2 for k in range(n_frames)], axis=1
    )
    found = np.full(expected.shape, np.nan)
    for chosen, block, power in power_spectra(windows, taper, hop):
        found[chosen, block] = power
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_mel_power_of_a_tone_lies_in_the_band_of_its_frequency() -> None:
    options = MelOptions(n_mels=40)
    times_s = np.arange(options.window_samples) / options.rate_hz
    mel_power = MelSpectrogram(options)(np.sin(2 * np.pi * 1000 * times_s).astype(np.float32)[None])
    corners_hz = mel_to_hz(np.linspace(0, hz_to_mel(8000, "slaney"), 42), "slaney")
    loudest = int(mel_power[0, 20].argmax())
    assert corners_hz[loudest] < 1000 < corners_hz[loudest + 2]


def test_samples_whose_power_overflows_are_refused() -> None:
    options = MelOptions(n_mels=40)
    windows = np.full((1, options.window_samples), 1e20, dtype=np.float32)
    with pytest.raises(AudioError, match=r"as large as 1e\+20 overflow .* full scale is 1.0"):
        MelSpectrogram(options)(windows)


def test_decibels_are_floored_by_the_loudest_value_of_the_same_window_only() -> None:
    power = np.array([[[1.0, 1e-12]], [[1e-6, 1e-9]], [[0.0, 0.0]]], dtype=np.float32)
    np.testing.assert_allclose(power_to_db(power), [[[0, -80]], [[-60, -90]], [[-100, -100]]], atol=1e-5)


def test_dct_matrix_is_orthonormal() -> None:
    matrix = dct_matrix(32, 32)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(32), atol=1e-12)
    assert dct_matrix(32, 5).shape == (32, 5)


def test_derivative_kernels_are_those_of_savitzky_and_golay() -> None:
    np.testing.assert_allclose(derivative_kernel(9, 1), np.arange(-4, 5) / 60, atol=1e-12)
    np.testing.assert_allclose(derivative_kernel(5, 2), np.array([2, -1, -2, -1, 2]) / 7, atol=1e-12)


@pytest.mark.parametrize(("n_frames", "width"), [(3, 3), (4, 3), (5, 5), (8, 7), (9, 9), (10, 9), (100, 9)])
def test_deltas_use_nine_frames_or_the_largest_odd_number_that_fits(n_frames: int, width: int) -> None:
    assert delta_width(n_frames) == width
    places = np.arange(n_frames, dtype=np.float32)
    parabola = np.stack([3 * places, places**2], axis=1)[None]
    slopes = deltas(parabola, 1)[0]
    np.testing.assert_allclose(slopes[:, 0], 3, rtol=1e-5)
    np.testing.assert_allclose(deltas(parabola, 2)[0, :, 1], 2, rtol=1e-4)
    centre = width // 2
    np.testing.assert_allclose(slopes[centre : n_frames - centre, 1], 2 * places[centre : n_frames - centre], rtol=1e-4)


def test_deltas_of_two_frames_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 3 frames, but a window has 2; use deltas=0"):
        deltas(np.zeros((1, 2, 4), dtype=np.float32), 1)
