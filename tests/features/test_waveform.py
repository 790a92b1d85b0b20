"""Windows pass unchanged, or with zero mean and unit variance each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ConfigError
from earmark.features.testing import FrontendContract
from earmark.features.waveform import waveform

if TYPE_CHECKING:
    from earmark.features.base import Frontend


class TestWaveform(FrontendContract):
    def frontend(self) -> Frontend:
        return waveform(rate_hz=8000, window_s=0.5, hop_s=0.25)


class TestNormalisedWaveform(FrontendContract):
    def frontend(self) -> Frontend:
        return waveform(rate_hz=8000, window_s=0.5, hop_s=0.5, normalise=True)


def test_windows_pass_bit_by_bit_and_are_copied(rng: np.random.Generator) -> None:
    windows = rng.normal(size=(3, 4000)).astype(np.float32)
    features = waveform(rate_hz=8000, window_s=0.5, hop_s=0.25)(windows)
    np.testing.assert_array_equal(features, windows)
    assert not np.shares_memory(features, windows)


def test_each_window_gets_zero_mean_and_unit_variance(rng: np.random.Generator) -> None:
    frontend = waveform(rate_hz=8000, window_s=0.5, hop_s=0.25, normalise=True)
    windows = (rng.normal(size=(4, 4000)) * [[0.01], [0.5], [1.0], [0.0]] + 0.2).astype(np.float32)
    features = frontend(windows)
    np.testing.assert_allclose(features.mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(features[:3].std(axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(features[3], 0, atol=1e-3)  # a constant is silence, not amplified rounding


def test_the_features_of_both_kinds_have_different_names() -> None:
    assert waveform().spec.fingerprint != waveform(normalise=True).spec.fingerprint
    assert waveform(**waveform(window_s=1.0).spec.config).spec == waveform(window_s=1.0).spec


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"windows": 1}, r'frontend "waveform": key "windows" is not known; did you mean "window_s"'),
        ({"window_s": 0.00001}, r"less than a sample at 16000 Hz"),
        ({"window_s": 1.0, "hop_s": 1.5}, r"hop_s is 1\.5, expected one sample to window_s"),
        ({"hop_s": 0.00001}, r"hop_s is 1e-05, expected one sample"),
        ({"rate_hz": 0}, r"greater than or equal to 1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        waveform(**options)
