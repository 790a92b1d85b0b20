from __future__ import annotations

import numpy as np
import pytest

from earmark.core.errors import ConfigError
from earmark.features import log_mel

RNG = np.random.default_rng(5)
NOISE = np.float32(0.1) * RNG.standard_normal((2, 8000), dtype=np.float32)


def test_shape_is_frames_by_mel_bands() -> None:
    assert log_mel().spec.shape == (63, 128)
    assert log_mel(rate_hz=8000, fft_samples=512, n_mels=64, n_frames=40).spec.shape == (40, 64)


def test_padding_frames_are_as_quiet_as_the_quietest_part() -> None:
    frontend = log_mel(rate_hz=8000, fft_samples=512, n_mels=64)
    natural = frontend(NOISE)
    padded = log_mel(rate_hz=8000, fft_samples=512, n_mels=64, n_frames=40)(NOISE)
    np.testing.assert_array_equal(padded[:, :32], natural)
    np.testing.assert_array_equal(padded[:, 32:], np.broadcast_to(natural.min(axis=(1, 2))[:, None, None], (2, 8, 64)))
    np.testing.assert_array_equal(log_mel(rate_hz=8000, fft_samples=512, n_mels=64, n_frames=9)(NOISE), natural[:, :9])


def test_range_below_the_loudest_value_is_the_one_asked_for() -> None:
    windows = NOISE * np.linspace(0, 1, 8000, dtype=np.float32) ** 4
    assert np.ptp(log_mel(rate_hz=8000, fft_samples=512, top_db=30)(windows[:1])) == pytest.approx(30, abs=1e-4)
    assert np.ptp(log_mel(rate_hz=8000, fft_samples=512)(windows[:1])) == pytest.approx(80, abs=1e-4)


def test_window_standard_gives_zero_mean_and_unit_variance() -> None:
    standard = log_mel(rate_hz=8000, fft_samples=512, normalisation="window_standard")(NOISE)
    np.testing.assert_allclose(standard.mean(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(standard.std(axis=(1, 2)), 1, atol=1e-4)


def test_window_standard_leaves_silence_at_zero() -> None:
    silence = np.zeros((1, 8000), dtype=np.float32)
    assert not log_mel(rate_hz=8000, fft_samples=512, normalisation="window_standard")(silence).any()


def test_level_moves_every_value_by_as_many_decibels() -> None:
    frontend = log_mel(rate_hz=8000, fft_samples=512)
    np.testing.assert_allclose(frontend(NOISE) - frontend(np.float32(0.1) * NOISE), 20, atol=1e-3)


def test_unknown_option_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(ConfigError, match='frontend "logmel": key "n_mel" is not known; did you mean "n_mels"'):
        log_mel(n_mel=64)


def test_configuration_rebuilds_the_frontend() -> None:
    frontend = log_mel(rate_hz=8000, fft_samples=512, top_db=60.0)
    assert log_mel(**frontend.spec.config).spec == frontend.spec
