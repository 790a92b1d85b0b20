"""Clicks and drop-outs at known times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.distortion.measures import measure

if TYPE_CHECKING:
    from tests.distortion.measures.conftest import Music, Noise, Sine


def times(sound: Waveform, name: str) -> list[float]:
    return [moment.start_s for moment in measure(sound).evidence if moment.measure == name]


def test_clicks_in_music_are_found_at_their_times(music: Music) -> None:
    clean = music(4.0)
    assert times(clean, "clicks_per_s") == []
    samples = clean.samples.copy()
    for at_s in (0.6, 1.7, 2.9, 3.45):
        samples[0, round(at_s * 44100)] += np.float32(0.8)
    sound = Waveform(samples, 44100)
    assert times(sound, "clicks_per_s") == pytest.approx([0.6, 1.7, 2.9, 3.45], abs=0.003)
    found = measure(sound)
    assert found["clicks_per_s"] == pytest.approx(1.0)
    assert found.line_of("clicks_per_s") == [1, 1, 1, 1]
    assert (found["click_strength_db"] or 0) > 15


def test_a_click_in_both_channels_counts_once(sine: Sine) -> None:
    wave = np.stack([sine(200), sine(300)])
    wave[:, 40000] += np.float32(0.5)
    assert len(times(Waveform(wave, 44100), "clicks_per_s")) == 1


def test_attacks_and_noise_are_no_clicks(noise: Noise) -> None:
    bursts = noise(1, 4.0)[0] * np.exp(-(np.arange(176400) % 22050) / 2000).astype(np.float32)
    assert times(Waveform(bursts[np.newaxis], 44100), "clicks_per_s") == []
    assert times(Waveform(noise(2, 2.0), 44100), "clicks_per_s") == []


@pytest.mark.parametrize("gap_ms", [5, 20, 100, 400])
def test_a_gap_of_silence_is_a_drop_out_of_its_length(noise: Noise, gap_ms: int) -> None:
    samples = noise(2, 3.0)
    begin, n_gone = 61000, round(gap_ms * 44.1)
    samples[:, begin : begin + n_gone] = 0
    found = measure(Waveform(samples, 44100))
    assert found["longest_dropout_ms"] == pytest.approx(gap_ms, abs=3)
    assert found["dropouts_per_s"] == pytest.approx(1 / 3)
    assert found["dropout_share"] == pytest.approx(gap_ms / 3000, abs=0.001)
    assert times(Waveform(samples, 44100), "dropouts_per_s") == pytest.approx([begin / 44100], abs=0.003)


def test_a_pause_with_a_fade_and_silence_at_the_ends_are_no_drop_outs(noise: Noise) -> None:
    samples = noise(1, 3.0)
    fade = np.exp(-np.arange(20000) / 1500).astype(np.float32)
    samples[:, 40000:60000] *= fade
    samples[:, 52000:61000] = 0
    samples[:, :3000] = 0
    samples[:, -3000:] = 0
    assert times(Waveform(samples, 44100), "dropouts_per_s") == []


def test_a_pause_of_more_than_half_a_second_is_no_drop_out(noise: Noise) -> None:
    samples = noise(1, 3.0)
    samples[:, 40000:70000] = 0
    assert times(Waveform(samples, 44100), "dropouts_per_s") == []


def test_times_count_from_the_beginning_of_a_long_file(noise: Noise) -> None:
    samples = noise(1, 23.0, rate_hz=8000)
    samples[:, 21 * 8000 : 21 * 8000 + 400] = 0
    assert times(Waveform(samples, 8000), "dropouts_per_s") == pytest.approx([21.0], abs=0.01)
