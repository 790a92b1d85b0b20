"""EfficientAT's log-mel equals its published formula, in whatever blocks it is computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earmark.core.errors import AudioError
from earmark.features import kaldi_mel

GOLDEN = Path(__file__).parents[1] / "golden" / "encoders" / "audioset.npz"


def test_log_mel_equals_the_formula_of_torchaudio_and_efficientat() -> None:
    with np.load(GOLDEN) as golden:
        windows = (golden["samples"] / 32768).astype(np.float32)
        expected = golden["kaldi_mel"]
    found = kaldi_mel.kaldi_log_mel(windows)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize("n_samples", [kaldi_mel.SHORTEST_SAMPLES, 1000, 1281, 41281, 81600])
def test_every_length_gives_as_many_frames_as_it_says(rng: np.random.Generator, n_samples: int) -> None:
    windows = (0.1 * rng.standard_normal((2, n_samples))).astype(np.float32)
    found = kaldi_mel.kaldi_log_mel(windows)
    assert found.shape == (2, 128, kaldi_mel.n_frames_of(n_samples))
    assert np.isfinite(found).all()


def test_frames_are_the_same_in_other_blocks(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = (0.1 * rng.standard_normal((1, 64000))).astype(np.float32)
    expected = kaldi_mel.kaldi_log_mel(windows)
    monkeypatch.setattr(kaldi_mel, "FRAMES_AT_ONCE", 7)
    assert np.abs(kaldi_mel.kaldi_log_mel(windows) - expected).max() < 1e-5


def test_silence_has_the_value_of_the_offset_in_the_logarithm() -> None:
    found = kaldi_mel.kaldi_log_mel(np.zeros((1, 3200), np.float32))
    assert np.allclose(found, (np.log(1e-5) + 4.5) / 5)


def test_a_tone_stands_out_in_its_band() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(32000) / 32000)
    found = kaldi_mel.kaldi_log_mel(tone[np.newaxis].astype(np.float32))[0]
    mel = 1127 * np.log1p(1000 / 700)
    band = round(mel / (1127 * np.log1p(15000 / 700) / 129)) - 1
    assert set(found[:, 5:-5].argmax(axis=0)) == {band}


def test_no_windows_give_nothing() -> None:
    assert kaldi_mel.kaldi_log_mel(np.zeros((0, 3200), np.float32)).shape == (0, 128, 10)


def test_samples_whose_power_overflows_are_refused() -> None:
    windows = np.full((1, 3200), 1e30, np.float32)
    windows[0, ::2] *= -1
    with pytest.raises(AudioError, match=r"samples as large as 1e\+30 overflow"):
        kaldi_mel.kaldi_log_mel(windows)


def test_filters_rise_and_fall_on_a_straight_line_in_mel() -> None:
    filters = kaldi_mel.kaldi_filters(20, 512, 16000, 60, 3800)
    assert filters.shape == (20, 257)
    assert ((filters > 0).sum(axis=1) > 0).all()
    assert filters[:, 125:].max() == 0  # above 3.8 kHz
    between = filters[:, 6:108].sum(axis=0)
    assert np.allclose(between, 1, atol=1e-5)  # neighbours cross-fade
