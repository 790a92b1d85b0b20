from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform, write_audio
from earmark.core.errors import DataError
from earmark.distortion.corpus.render_speech import speak, string_prompts

if TYPE_CHECKING:
    from pathlib import Path


def tone(duration_s: float = 3.0, rate_hz: int = 8000, n_channels: int = 2, peak: float = 0.1) -> Waveform:
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    wave = peak * np.sin(2 * np.pi * np.array([[300.0], [301.0]])[:n_channels] * times_s)
    return Waveform(wave.astype(np.float32), rate_hz)


def test_voices_get_a_drawn_text_speed_and_pitch(players: Path) -> None:
    rng = np.random.default_rng(0)
    speak("flite", "slt", rng, duration_s=20.0)
    speak("flite", "awb", rng, duration_s=20.0)
    speak("espeak-ng", "en-us+f3", rng, duration_s=20.0)
    first, second, third = players.read_text().splitlines()
    assert "-voice slt --setf duration_stretch=" in first
    assert "int_f0_target_mean" in first
    assert "int_f0_target_mean" not in second
    assert "-v en-us+f3 -s " in third
    assert len({line[-40:] for line in (first, second, third)}) == 3


def test_prompts_follow_on_each_other_with_pauses(fetched: Path, tmp_path: Path) -> None:
    files = sorted((fetched / "prompts").glob("*.wav"))
    rng = np.random.default_rng(0)
    waveform = string_prompts(files, rng, duration_s=60.0)
    assert 1.5 + 3 * 0.2 < waveform.duration_s < 1.5 + 3 * 0.7
    assert string_prompts(files, rng, duration_s=0.1).duration_s < 1.3
    write_audio(tmp_path / "other.wav", tone(0.2, rate_hz=16_000))
    with pytest.raises(DataError, match="found 16000 Hz, expected 8000 Hz"):
        string_prompts([files[0], tmp_path / "other.wav"], rng, duration_s=60.0)
    with pytest.raises(DataError, match="found no prompts"):
        string_prompts([], rng, duration_s=60.0)
