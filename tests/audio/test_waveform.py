from __future__ import annotations

import numpy as np
import pytest

from earmark.audio.waveform import Waveform
from earmark.core.errors import AudioError


@pytest.mark.parametrize("n_channels", [1, 2, 3, 6])
def test_mono_is_the_mean_of_the_channels(n_channels: int, rng: np.random.Generator) -> None:
    samples = rng.standard_normal((n_channels, 500)).astype(np.float32)
    mixed = Waveform(samples, 8000).mono()
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, samples.astype(np.float64).mean(axis=0), atol=1e-6)


def test_a_waveform_knows_its_size() -> None:
    waveform = Waveform(np.zeros((2, 4000), dtype=np.float32), 16_000)
    assert (waveform.n_channels, waveform.n_samples, waveform.duration_s) == (2, 4000, 0.25)


def test_other_types_and_shapes_are_refused() -> None:
    with pytest.raises(AudioError, match=r"found float64 of shape \(2, 3\), expected float32"):
        Waveform(np.zeros((2, 3)), 8000)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match=r"found float32 of shape \(3,\)"):
        Waveform(np.zeros(3, dtype=np.float32), 8000)


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(AudioError, match="found rate 0 Hz"):
        Waveform(np.zeros((1, 3), dtype=np.float32), 0)
