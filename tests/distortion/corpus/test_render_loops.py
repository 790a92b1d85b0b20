from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform, write_audio
from earmark.core.errors import AudioError
from earmark.distortion.corpus.render_loops import RATE_HZ, Mix, collage

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("kick", "snare", "hat_closed", "cowbell", "loop_amen", "ambi_drone", "bass_hit", "conga", "block", "zap")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("samples")
    rng = np.random.default_rng(0)
    paths = []
    for index, name in enumerate(NAMES):
        times_s = np.arange(4410 if index else 2205) / 44_100
        wave = np.exp(-30 * times_s) * rng.uniform(-0.5, 0.5, (1 + index % 2, times_s.size))
        paths.append(folder / f"{name}.wav")
        write_audio(paths[-1], Waveform(wave.astype(np.float32), 44_100 if index % 3 else 22_050))
    return paths


def test_a_collage_is_stereo_of_the_length_asked_and_the_same_for_a_seed(samples: list[Path]) -> None:
    first = collage(samples, np.random.default_rng(5), duration_s=4.0)
    again = collage(samples, np.random.default_rng(5), duration_s=4.0)
    other = collage(samples, np.random.default_rng(6), duration_s=4.0)
    assert first.samples.shape == (2, 4 * RATE_HZ)
    assert np.array_equal(first.samples, again.samples)
    assert not np.array_equal(first.samples, other.samples)
    assert not np.array_equal(first.samples[0], first.samples[1])
    assert np.isfinite(first.samples).all()


def test_drums_alone_make_a_collage_too(samples: list[Path]) -> None:
    for seed in range(3):
        waveform = collage(samples[:3], np.random.default_rng(seed), duration_s=3.0)
        seconds = np.abs(waveform.samples).max(axis=0).reshape(3, -1).max(axis=1)
        assert (seconds > 0.01).all()


def test_a_silent_sample_adds_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    write_audio(tmp_path / "kick.wav", Waveform(np.zeros((1, 100), dtype=np.float32), RATE_HZ))
    assert not collage([tmp_path / "kick.wav"], np.random.default_rng(0), duration_s=1.0).samples.any()


def test_a_broken_sample_is_told(tmp_path: Path) -> None:
    (tmp_path / "kick.wav").write_bytes(b"no sound")
    with pytest.raises(AudioError, match=r"kick\.wav"):
        collage([tmp_path / "kick.wav"], np.random.default_rng(0), duration_s=1.0)


def test_the_room_adds_a_tail_that_differs_between_the_ears() -> None:
    mix = Mix(np.zeros((2, RATE_HZ), dtype=np.float32), 0.1, np.random.default_rng(0))
    mix.samples[:, 0] = 1.0
    mix.reverberate(0.5, 0.1)
    left, right = mix.samples[:, 1000:20_000]
    assert np.square(left).sum() == pytest.approx(0.01, rel=0.5)
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.1


def test_loops_go_on_to_the_end_and_lines_change_pitch() -> None:
    rng = np.random.default_rng(2)
    mix = Mix(np.zeros((2, 5 * RATE_HZ), dtype=np.float32), 0.05, rng)
    tone = np.tile(np.sin(2 * np.pi * 440 * np.arange(RATE_HZ // 4) / RATE_HZ), (2, 1)).astype(np.float32)
    mix.loop(tone, gain=0.5)
    assert np.abs(mix.samples[:, -RATE_HZ // 8 :]).max() > 0.1
    mix.samples[:] = 0
    mix.line(tone, gain=0.5)
    spectrum = np.abs(np.fft.rfft(mix.samples.sum(axis=0)))
    peaks_hz = np.flatnonzero(spectrum > 0.3 * spectrum.max()) / 5
    assert np.ptp(peaks_hz) > 50
