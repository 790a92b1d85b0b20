"""PANNs' log-mel equals torchlibrosa's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earmark.core.errors import AudioError
from earmark.features import panns_mel

GOLDEN = Path(__file__).parents[1] / "golden" / "encoders" / "audioset.npz"


@pytest.mark.parametrize(
    ("reference", "allowed_db"),
    # torchlibrosa computes in single precision: its rounding is what it hears 90 dB below full scale.
    [("panns_mel", 1e-4), ("torchlibrosa_mel", 0.02)],
)
def test_log_mel_equals_the_formula_and_the_code_of_torchlibrosa(reference: str, allowed_db: float) -> None:
    with np.load(GOLDEN) as golden:
        windows = (golden["samples"] / 32768).astype(np.float32)
        expected = golden[reference]
    found = panns_mel.panns_log_mel(windows)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < allowed_db
    loud = expected > -30
    assert np.abs(found - expected)[loud].max() < 1e-4


@pytest.mark.parametrize("n_samples", [panns_mel.SHORTEST_SAMPLES, 1023, 1281, 16000])
def test_every_length_gives_a_frame_each_320_samples(rng: np.random.Generator, n_samples: int) -> None:
    windows = (0.1 * rng.standard_normal((2, n_samples))).astype(np.float32)
    found = panns_mel.panns_log_mel(windows)
    assert found.shape == (2, 1 + n_samples // 320, 64)
    assert np.isfinite(found).all()


def test_silence_has_the_lowest_level() -> None:
    assert np.allclose(panns_mel.panns_log_mel(np.zeros((1, 3200), np.float32)), -100)


def test_nothing_is_cut_below_a_loud_sound() -> None:
    samples = np.zeros((1, 32000), np.float32)
    samples[0, 16000] = 1.0
    found = panns_mel.panns_log_mel(samples)
    assert found.max() - found.min() > 80


def test_samples_whose_power_overflows_are_refused() -> None:
    with pytest.raises(AudioError, match="overflow"):
        panns_mel.panns_log_mel(np.full((1, 3200), 1e30, np.float32))
