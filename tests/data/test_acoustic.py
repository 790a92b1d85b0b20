from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.core.errors import AudioError
from earmark.data import acoustic
from earmark.data.acoustic import ClipFacts, flat_tops, measure_clip, spectrum_edge
from earmark.data.clip import Clip

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RATE_HZ = 16000


def sine(frequency_hz: float, duration_s: float = 0.5, amplitude: float = 0.5) -> NDArray[np.float32]:
    times_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * frequency_hz * times_s)).astype(np.float32)


def facts_of(
    path: Path, samples: NDArray[np.float32], *, rate_hz: int = RATE_HZ, subtype: str | None = None
) -> ClipFacts:
    # libsndfile rounds floats to 16 bits in another way for WAV than for FLAC: round here
    stored = np.round(samples * 32767).astype(np.int16) if subtype == "PCM_16" else samples
    soundfile.write(path, stored.T, rate_hz, subtype=subtype)
    return measure_clip(Clip(path.name, path, ("a",), "g"))


def test_level_peak_and_length_of_a_sine_are_what_they_are(tmp_path: Path) -> None:
    facts = facts_of(tmp_path / "a.wav", sine(1000.0), subtype="FLOAT")
    assert facts.level_db == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.01)
    assert facts.peak == pytest.approx(0.5, abs=1e-3)
    assert (facts.rate_hz, facts.n_channels, facts.duration_s, facts.container) == (RATE_HZ, 1, 0.5, "wav")
    assert facts.dc_offset < 1e-3
    assert facts.clipped_share == 0
    assert not facts.is_silent


def test_lossless_copies_in_other_containers_have_the_same_content_hash(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 4000).astype(np.float32)
    wav = facts_of(tmp_path / "a.wav", noise, subtype="PCM_16")
    flac = facts_of(tmp_path / "b.flac", noise, subtype="PCM_16")
    stereo = facts_of(tmp_path / "c.wav", np.stack([noise, noise]), subtype="PCM_16")
    assert wav.content_hash == flac.content_hash == stereo.content_hash
    assert wav.file_hash != flac.file_hash
    other = facts_of(tmp_path / "d.wav", np.stack([noise, noise[::-1]]), subtype="PCM_16")
    slower = facts_of(tmp_path / "e.wav", noise, rate_hz=8000, subtype="PCM_16")
    assert len({wav.content_hash, other.content_hash, slower.content_hash}) == 3


def test_measures_do_not_depend_on_the_length_of_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 40_000).astype(np.float32)
    whole = facts_of(tmp_path / "a.wav", noise)
    monkeypatch.setattr(acoustic, "BLOCK_S", 0.512)
    parts = measure_clip(Clip("a", tmp_path / "a.wav", ("a",), "g"))
    assert parts.content_hash == whole.content_hash
    assert parts.level_db == pytest.approx(whole.level_db)
    assert parts.peak == whole.peak
    assert np.mean(np.isin(parts.print.words, whole.print.words)) > 0.9


def test_part_of_a_file_is_measured_alone_and_has_no_file_hash(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.concatenate([np.zeros(8000), sine(500.0)]), RATE_HZ)
    facts = measure_clip(Clip("a", tmp_path / "a.wav", ("a",), "g", start_s=0.5, duration_s=0.25))
    assert facts.duration_s == 0.25
    assert facts.file_hash is None
    assert facts.quiet_share == 0
    assert measure_clip(Clip("b", tmp_path / "a.wav", ("a",), "g")).quiet_share == pytest.approx(0.5, abs=0.03)


def test_digital_silence_is_silent_and_has_a_level(tmp_path: Path) -> None:
    facts = facts_of(tmp_path / "a.wav", np.zeros(8000, dtype=np.float32))
    assert facts.is_silent
    assert (facts.level_db, facts.peak, facts.quiet_share, facts.bandwidth_hz) == (-120.0, 0.0, 1.0, 0.0)
    assert facts.print.words.size == 0


def test_constant_offset_is_measured(tmp_path: Path) -> None:
    assert facts_of(tmp_path / "a.wav", sine(1000.0) + np.float32(0.1)).dc_offset == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize("n_samples", [1, 2, 7, 100])
def test_clips_of_a_few_samples_are_measured(tmp_path: Path, n_samples: int) -> None:
    facts = facts_of(tmp_path / "a.wav", np.full(n_samples, 0.25, dtype=np.float32), subtype="FLOAT")
    assert facts.n_samples == n_samples
    assert facts.level_db == pytest.approx(20 * np.log10(0.25), abs=0.01)


def test_sound_cut_off_at_full_scale_is_clipped(tmp_path: Path) -> None:
    facts = facts_of(tmp_path / "a.wav", np.clip(sine(200.0, amplitude=1.5), -1, 1))
    assert facts.clipped_share == pytest.approx(0.535, abs=0.02)  # 1 - 2/pi * arcsin(1 / 1.5)
    assert facts.is_clipped


def test_flat_tops_below_full_scale_are_clipped() -> None:
    peak, n_flat = flat_tops(np.clip(sine(200.0), -0.3, 0.3)[np.newaxis])
    assert peak == pytest.approx(0.3)
    assert n_flat > 4000


@pytest.mark.parametrize("frequency_hz", [50.0, 440.0, 5000.0])
@pytest.mark.parametrize("steps", [32768, 128])
def test_sines_in_16_and_8_bits_are_not_clipped(frequency_hz: float, steps: int) -> None:
    sound = (np.round(sine(frequency_hz, amplitude=0.9) * steps) / steps).astype(np.float32)
    assert flat_tops(sound[np.newaxis])[1] / sound.size < 0.001


def test_quiet_and_tiny_sounds_have_no_flat_tops() -> None:
    assert flat_tops(np.zeros((1, 100), dtype=np.float32)) == (0.0, 0)
    assert flat_tops(np.full((1, 2), 0.5, dtype=np.float32)) == (0.5, 0)


def test_upsampled_sound_is_found_by_its_cut(tmp_path: Path) -> None:
    import soxr

    noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    facts = facts_of(
        tmp_path / "a.wav", soxr.resample(noise, 8000, 44100).astype(np.float32), rate_hz=44100, subtype="PCM_16"
    )
    assert facts.bandwidth_hz == pytest.approx(4000, rel=0.05)
    assert facts.bandlimited


def test_full_band_and_fading_spectra_are_not_cut() -> None:
    bandwidth_hz, bandlimited = spectrum_edge(np.ones(1025), 16000)
    assert bandwidth_hz == pytest.approx(8000, rel=0.01)
    assert not bandlimited
    fading = 10 ** (-np.arange(1025) / 80)  # 10 dB in 80 bins: past -60 dB at half the range
    bandwidth_hz, bandlimited = spectrum_edge(fading, 16000)
    assert 3000 < bandwidth_hz < 4500
    assert not bandlimited
    assert spectrum_edge(np.zeros(1025), 16000) == (0.0, False)


def test_missing_file_and_nan_are_errors_that_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"gone\.wav"):
        measure_clip(Clip("a", tmp_path / "gone.wav", ("a",), "g"))
    with pytest.raises(AudioError, match=r"nan\.wav.*NaN"):
        facts_of(tmp_path / "nan.wav", np.full(100, np.nan, dtype=np.float32), subtype="FLOAT")
    soundfile.write(tmp_path / "a.wav", sine(100.0), RATE_HZ)
    with pytest.raises(AudioError, match="expected a time before the end"):
        measure_clip(Clip("a", tmp_path / "a.wav", ("a",), "g", start_s=9.0))


def test_stream_that_yields_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earmark.audio.stream.stream_audio", lambda *_, **__: iter(()))
    with pytest.raises(AudioError, match=r"a\.wav: found no samples from 2 s on"):
        measure_clip(Clip("a", tmp_path / "a.wav", ("a",), "g", start_s=2.0))


@pytest.mark.real
def test_real_digit_is_measured(fsdd_dir: Path) -> None:
    facts = measure_clip(Clip("a", fsdd_dir / "recordings/0_george_0.wav", ("0",), "george"))
    assert facts.duration_s == pytest.approx(0.298, abs=0.001)
    assert 3000 < facts.bandwidth_hz <= 4000
