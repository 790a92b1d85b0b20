from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import AudioError
from earmark.distortion.check import spectrogram
from earmark.distortion.check.spectrogram import N_COLUMNS, N_LEVELS, N_ROWS, highest_hz, spectrograms, to_png
from tests.distortion.check.conftest import save

if TYPE_CHECKING:
    from pathlib import Path


def tone(rate_hz: int, duration_s: float, hz: float, n_channels: int = 1) -> Waveform:
    times_s = np.arange(round(rate_hz * duration_s)) / rate_hz
    return Waveform(np.tile(0.5 * np.sin(2 * np.pi * hz * times_s), (n_channels, 1)).astype(np.float32), rate_hz)


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 44_100, 192_000])
def test_a_tone_is_a_bright_line_at_its_frequency(tmp_path: Path, rate_hz: int) -> None:
    hz = rate_hz / 16
    (levels,) = spectrograms(save(tmp_path / "a.wav", tone(rate_hz, 2.0, hz)), rate_hz, (0.0, 2.0))
    assert levels.shape[1] == N_COLUMNS
    assert levels.max() < N_LEVELS
    brightest = levels.astype(float).mean(axis=1).argmax()
    assert 1 - (brightest + 0.5) / len(levels) == pytest.approx(hz / highest_hz(rate_hz), abs=1.5 / len(levels))
    assert levels[brightest].min() > N_LEVELS * 0.8


def test_what_comes_later_stands_further_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.concatenate([np.zeros(44_100), tone(44_100, 1.0, 3000).samples[0]])[None].astype(np.float32)
    path = save(tmp_path / "a.wav", Waveform(sound, 44_100))
    (whole,) = spectrograms(path, 44_100, (0.0, 2.0))
    assert whole.shape == (N_ROWS, N_COLUMNS)
    half = N_COLUMNS // 2
    assert whole[:, : half - 12].max() == 0
    assert (whole[:, half + 12 :].max(axis=0) > 30).all()
    (later,) = spectrograms(path, 44_100, (1.0, 1.0))
    assert (later.max(axis=0) > 30).all()
    monkeypatch.setattr(spectrogram, "BLOCK_S", 0.13)  # blocks decide nothing
    np.testing.assert_array_equal(spectrograms(path, 44_100, (0.0, 2.0))[0], whole)


def test_mid_and_side_show_what_cancels(tmp_path: Path) -> None:
    left = tone(44_100, 1.0, 5000).samples[0]
    path = save(tmp_path / "a.wav", Waveform(np.stack([left, -left]), 44_100))
    mid, side = spectrograms(path, 44_100, (0.0, 1.0), mid_and_side=True)
    assert mid.max() == 0
    assert side.max() > 30


@pytest.mark.parametrize("n_samples", [1, 3, 500, 2000])
def test_the_shortest_sounds_are_drawn_too(tmp_path: Path, n_samples: int) -> None:
    sound = Waveform(np.full((1, n_samples), 0.5, dtype=np.float32), 44_100)
    (levels,) = spectrograms(save(tmp_path / "a.wav", sound), 44_100, (0.0, n_samples / 44_100))
    assert levels.shape == (N_ROWS, N_COLUMNS)
    assert levels.max() > 0


def test_a_file_that_ends_before_its_report_did_is_dark_there(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", tone(44_100, 1.0, 3000))
    (levels,) = spectrograms(path, 44_100, (0.0, 2.0))
    assert levels[:, : N_COLUMNS // 2 - 12].max() > 30
    assert levels[:, N_COLUMNS // 2 + 12 :].max() == 0


def test_silence_is_dark(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", Waveform(np.zeros((2, 44_100), dtype=np.float32), 44_100))
    (levels,) = spectrograms(path, 44_100, (0.0, 1.0))
    assert levels.max() == 0


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        spectrograms(tmp_path / "gone.wav", 44_100, (0.0, 1.0))
    empty = save(tmp_path / "empty.wav", Waveform(np.zeros((1, 0), dtype=np.float32), 44_100))
    with pytest.raises(AudioError):
        spectrograms(empty, 44_100, (0.0, 1.0))


def test_the_picture_is_a_png_with_the_levels_as_colours() -> None:
    from matplotlib.image import imread

    levels = (np.arange(600).reshape(20, 30) % N_LEVELS).astype(np.uint8)
    image = imread(io.BytesIO(to_png(levels)))
    assert image.shape[:2] == (20, 30)
    lightness = image[..., :3] @ np.array([0.2126, 0.7152, 0.0722])
    by_level = [float(lightness[levels == level].mean()) for level in range(N_LEVELS)]
    assert by_level == sorted(by_level)
    assert to_png(levels) == to_png(levels)
