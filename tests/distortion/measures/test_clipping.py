"""Clipping of a known share, at any level, and what only looks like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soxr

from earmark.audio import Waveform, write_audio
from earmark.distortion.measures import measure
from earmark.distortion.measures.clipping import reaching

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.distortion.measures.conftest import Music, Noise, OneBlock, Sine


def clipped(samples: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Return samples of which that share is cut, at full scale."""
    level = np.quantile(np.abs(samples), 1 - share)
    return np.asarray(np.clip(samples / level, -1, 1), dtype=np.float32)


@pytest.mark.parametrize("share", [0.002, 0.02, 0.1, 0.4])
def test_the_share_of_clipped_samples_is_found(music: Music, share: float) -> None:
    found = measure(Waveform(clipped(music().samples, share), 44100))
    assert found["full_scale_share"] == pytest.approx(share, rel=0.1)
    assert found["flat_top_share"] == pytest.approx(share, rel=0.5)


@pytest.mark.parametrize("gain_db", [-20.0, -6.0, 6.0])
def test_a_later_change_of_gain_leaves_the_flat_tops(music: Music, gain_db: float) -> None:
    samples = clipped(music().samples, 0.05) * np.float32(10 ** (gain_db / 20))
    found = measure(Waveform((np.round(samples * 32768) / 32768).astype(np.float32), 44100))
    assert found["flat_top_share"] == pytest.approx(0.05, rel=0.5)
    assert found["flat_top_dbfs"] == pytest.approx(gain_db, abs=0.1)


def test_a_sine_has_the_flat_tops_that_arithmetic_says(sine: Sine) -> None:
    # sin(x) > 0.5 for a third of each half wave
    wave = np.clip(sine(441, amplitude=1.0), -0.5, 0.5)[np.newaxis]
    assert measure(Waveform(wave, 44100))["flat_top_share"] == pytest.approx(2 / 3, abs=0.02)


@pytest.mark.parametrize("frequency_hz", [20.0, 50.0, 100.0, 1000.0, 5000.0])
def test_a_pure_tone_in_16_bits_has_no_flat_tops(sine: Sine, frequency_hz: float) -> None:
    wave = np.round(sine(frequency_hz, amplitude=0.1) * 32768) / 32768
    assert measure(Waveform(wave.astype(np.float32)[np.newaxis], 44100))["flat_top_share"] == 0


def test_music_and_noise_have_no_flat_tops(music: Music, noise: Noise) -> None:
    assert (measure(music())["flat_top_share"] or 0) < 1e-4
    assert measure(Waveform(noise(), 44100))["flat_top_share"] == 0


def test_clipping_leaves_its_heap_after_resampling(music: Music) -> None:
    clean = music(4.0)
    smeared = soxr.resample(clipped(clean.samples, 0.05).T, 44100, 48000).T.astype(np.float32)
    straight = soxr.resample(clean.samples.T, 44100, 48000).T.astype(np.float32)
    found, other = measure(Waveform(smeared, 48000)), measure(Waveform(straight, 48000))
    assert (found["edge_heap_db"] or 0) > (other["edge_heap_db"] or 0) + 4
    assert 0.6 < (found["edge_level"] or 0) < 0.95  # below the overshoot


def test_clipping_leaves_a_steep_fall_in_an_mp3(music: Music, tmp_path: Path) -> None:
    import soundfile

    levels = []
    for name, samples in (("loud", clipped(music(4.0).samples, 0.05) * np.float32(0.8)), ("clean", music(4.0).samples)):
        soundfile.write(tmp_path / f"{name}.mp3", samples.T, 44100)
        decoded, _ = soundfile.read(tmp_path / f"{name}.mp3", dtype="float32", always_2d=True)
        levels.append(measure(Waveform(np.ascontiguousarray(decoded.T), 44100))["edge_fall_db"] or 0)
    assert levels[0] > levels[1] + 3


def test_a_soft_limiter_flattens_the_bend_of_the_peaks(music: Music) -> None:
    clean = music().samples
    driven = np.tanh(6 * clean).astype(np.float32)
    soft, straight = measure(Waveform(driven, 44100)), measure(Waveform(clean, 44100))
    assert (soft["peak_curvature"] or 9) < 0.3 * (straight["peak_curvature"] or 0)
    assert (soft["amplitude_50_db"] or -9) > (straight["amplitude_50_db"] or 0) + 1.5


def test_one_sided_clipping_shows_as_asymmetry(sine: Sine) -> None:
    wave = np.maximum(sine(300), -0.25)[np.newaxis]
    assert measure(Waveform(wave, 44100))["peak_asymmetry_db"] == pytest.approx(6.0, abs=0.1)


def test_a_written_and_read_clipped_file_keeps_its_share(sine: Sine, tmp_path: Path) -> None:
    from earmark.audio import read_audio

    wave = np.clip(sine(440, amplitude=1.5), -1, 1)[np.newaxis]
    write_audio(tmp_path / "a.wav", Waveform(wave, 44100))
    # |sin| > 2/3 for 53.5 % of the time
    assert measure(read_audio(tmp_path / "a.wav"))["full_scale_share"] == pytest.approx(0.535, abs=0.02)


def test_clipped_and_resampled_music_has_more_peaks_near_the_largest(music: Music) -> None:
    def shares(samples: NDArray[np.float32]) -> list[float]:
        moved = soxr.resample(soxr.resample(samples.T, 44100, 48000), 48000, 44100).T
        found = measure(Waveform((0.5 * moved).astype(np.float32), 44100))
        return [found[f"peaks_over_{share}_share"] or 0 for share in (70, 80, 90)]

    clean, cut = shares(music(4.0).samples), shares(clipped(music(4.0).samples, 0.03))
    assert all(after > 3 * before for before, after in zip(clean[:2], cut[:2], strict=True))
    assert cut[2] > clean[2]
    assert clean == sorted(clean, reverse=True)


def test_moments_near_the_peak_come_with_clipping(music: Music) -> None:
    clean, cut = measure(music(4.0)), measure(Waveform(clipped(music(4.0).samples, 0.03), 44100))
    for percentile in (90, 98):
        assert (cut[f"moments_{percentile}_db"] or 0) > (clean[f"moments_{percentile}_db"] or 0) + 3
    assert (clean["moments_90_db"] or 0) < (clean["moments_98_db"] or 0)


@pytest.mark.parametrize("spread", [1, 50])
def test_samples_that_reach_a_level_are_found_in_few_cells_and_in_many(
    rng: np.random.Generator, one_block: OneBlock, spread: int
) -> None:
    channel = rng.uniform(-0.4, 0.4, 30_001).astype(np.float32)
    channel[[3, *range(5000, 5000 + 500 * spread, 40), 30_000]] = -0.9
    block = one_block(Waveform(channel[np.newaxis], 44100))
    expected = np.flatnonzero(np.abs(channel) >= 0.5)
    np.testing.assert_array_equal(reaching(channel, block.cell_peaks[0], np.float32(0.5)), expected)
