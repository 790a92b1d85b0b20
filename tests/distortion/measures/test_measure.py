"""Whole files, streams, invariances and garbage."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform, read_audio, stream_audio, write_audio
from earmark.core.errors import AudioError, ConfigError
from earmark.distortion.measures import (
    LINE_NAMES,
    MEASURES,
    NAMES,
    Measurements,
    measure,
    measure_blocks,
    measure_stream,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.distortion.measures.conftest import Music, Noise, Sine


def check(found: Measurements) -> None:
    """Assert what holds for every sound."""
    assert found.values.shape == found.assessable.shape == (len(NAMES),)
    assert np.isfinite(found.values).all()
    assert np.isfinite(found.line).all()
    assert found.line.shape == found.line_assessable.shape == (len(found.times_s), len(LINE_NAMES))
    assert not found.values[~found.assessable].any()
    assert set(found.reasons) == {name for name in NAMES if found[name] is None}
    assert found.times_s[0, 0] == 0
    assert found.times_s[-1, 1] == pytest.approx(found.duration_s)
    assert (found.times_s[1:, 0] == found.times_s[:-1, 1]).all()


@pytest.mark.parametrize("n_channels", [1, 2, 8])
@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("n_samples", [1, 3, 700])
def test_any_shape_gives_numbers(rng: np.random.Generator, n_channels: int, rate_hz: int, n_samples: int) -> None:
    check(measure(Waveform(rng.uniform(-1, 1, (n_channels, n_samples)).astype(np.float32), rate_hz)))


@pytest.mark.parametrize("rate_hz", [8000, 44100, 47999, 192000])
@pytest.mark.parametrize("n_channels", [1, 2, 8])
def test_a_second_and_a_half_gives_numbers_at_any_rate(noise: Noise, rate_hz: int, n_channels: int) -> None:
    check(measure(Waveform(noise(n_channels, 1.5, rate_hz=rate_hz), rate_hz)))


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((2, 30000)),
        np.full((2, 30000), 0.25),
        np.full((1, 30000), 1.0),
        np.tile([1.0, -1.0], (2, 15000)),
        np.eye(1, 30000, 15000),
        np.full((2, 30000), 1e-30),
        np.full((2, 30000), 9e5),
        np.vstack([np.zeros(30000), np.sin(np.arange(30000))]),
    ],
    ids=["silence", "offset", "full scale", "alternating", "one impulse", "denormal", "far too loud", "lost channel"],
)
def test_extreme_sounds_give_numbers(samples: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    check(measure(Waveform(samples.astype(np.float32), 44100)))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 2e6])
def test_samples_that_are_no_sound_are_refused(wrong: float) -> None:
    samples = np.zeros((2, 1000), dtype=np.float32)
    samples[1, 500] = wrong
    with pytest.raises(AudioError, match="expected finite numbers"):
        measure(Waveform(samples, 44100))


def test_no_sample_and_no_channel_are_refused() -> None:
    with pytest.raises(AudioError, match="found no samples"):
        measure(Waveform(np.zeros((2, 0), dtype=np.float32), 44100))
    with pytest.raises(AudioError, match="found no samples"):
        measure_stream([])
    with pytest.raises(AudioError, match="no channel"):
        measure(Waveform(np.zeros((0, 5), dtype=np.float32), 44100))


def test_blocks_of_another_rate_are_refused(noise: Noise) -> None:
    with pytest.raises(AudioError, match="found 1 channels at 8000 Hz after 1 at 44100 Hz"):
        measure_stream([Waveform(noise(), 44100), Waveform(noise(), 8000)])


def test_silence_says_that_it_is_silent() -> None:
    found = measure(Waveform(np.zeros((2, 44100), dtype=np.float32), 44100))
    assert found["silence_share"] == 1
    assert found["peak_dbfs"] == -150
    assert found["snr_db"] is None
    assert found.reasons["mp3_trace"] == "the file is silent (below -84 dBFS)"


def test_what_cannot_be_told_says_why(noise: Noise) -> None:
    narrow = measure(Waveform(noise(1, 0.5, rate_hz=16000), 16000))
    assert narrow.reasons["correlation"] == "needs 2 channels, found 1"
    assert narrow.reasons["mp3_trace"] == "needs a rate of 32 kHz or more that divides evenly, found 16000 Hz"
    assert narrow.reasons["hum_50_db"] == "needs 2 s of sound at 2 kHz or more"
    assert narrow.reasons["flat_top_dbfs"] == "no flat top found"
    assert "higher rate than 16000 Hz" in narrow.reasons["snr_16000_db"]
    assert measure(Waveform(noise(8, 0.5), 44100)).reasons["delay_ms"] == "needs 2 channels, found 8"
    assert "0.2 s of sound" in measure(Waveform(noise(1, 0.02), 44100)).reasons["mp3_trace"]
    lost = noise(2, 0.5) * np.array([[1], [0]], dtype=np.float32)
    reason = "needs sound in both channels, in this band, for 0.8 s"
    assert measure(Waveform(lost, 44100)).reasons["correlation"] == reason


@pytest.mark.parametrize("duration_s", [9.7, 10.0, 10.4, 21.3])
def test_a_stream_gives_exactly_the_numbers_of_the_whole(music: Music, duration_s: float) -> None:
    whole = music(3.0)
    n_samples = round(duration_s * whole.rate_hz)
    whole = Waveform(np.ascontiguousarray(np.tile(whole.samples, 8)[:, :n_samples]), whole.rate_hz)
    step = 70001
    pieces = [Waveform(whole.samples[:, start : start + step], whole.rate_hz) for start in range(0, n_samples, step)]
    once, streamed = measure(whole), measure_stream([*pieces, Waveform(whole.samples[:, :0], whole.rate_hz)])
    for field in ("values", "assessable", "line", "line_assessable", "times_s"):
        np.testing.assert_array_equal(getattr(once, field), getattr(streamed, field))
    assert once.evidence == streamed.evidence
    assert len(once.times_s) == round(duration_s)


def test_each_block_gives_what_it_gives_alone_and_keeps_its_time(music: Music) -> None:
    part = music(3.0)
    rate_hz = part.rate_hz
    sound = np.ascontiguousarray(np.tile(part.samples, 8)[:, : round(20.5 * rate_hz)])
    sound[:, 16 * rate_hz] = [1, -1]  # a click in the second block
    pieces = [Waveform(sound[:, start : start + 70001], rate_hz) for start in range(0, sound.shape[1], 70001)]
    first, second = measure_blocks(pieces)
    for found, begin_s, end_s in ((first, 0, 10), (second, 10, 20.5)):
        alone = measure(Waveform(sound[:, int(begin_s * rate_hz) : round(end_s * rate_hz)], rate_hz))
        same = [not name.endswith(("_trace", "_depth_db")) or begin_s == 0 for name in NAMES]
        np.testing.assert_array_equal(found.values[same], alone.values[same])
        np.testing.assert_allclose(found.values, alone.values, atol=1.0)
        same = [name != "codec_trace" or begin_s == 0 for name in LINE_NAMES]
        np.testing.assert_array_equal(found.line[:, same], alone.line[:, same])
        np.testing.assert_array_equal(found.assessable, alone.assessable)
        np.testing.assert_array_equal(found.line_assessable, alone.line_assessable)
        np.testing.assert_allclose(found.times_s, alone.times_s + begin_s)
        assert found.duration_s == pytest.approx(end_s - begin_s)
        assert found.times_s[-1, 1] == pytest.approx(end_s)
        assert (found.reasons, found.rate_hz, found.n_channels) == (alone.reasons, rate_hz, 2)
    clicks = [moment for moment in second.evidence if moment.measure == "clicks_per_s"]
    assert any(moment.start_s == pytest.approx(16, abs=0.01) for moment in clicks)
    assert all(10 <= moment.start_s < moment.end_s <= 20.5 for moment in second.evidence)


def test_blocks_are_measured_as_they_come(noise: Noise) -> None:
    asked: list[int] = []

    def seconds() -> Iterator[Waveform]:
        for second in range(40):
            asked.append(second)
            yield Waveform(noise(rate_hz=8000), 8000)

    blocks = measure_blocks(seconds())
    next(blocks)
    assert len(asked) <= 21  # the second block is held until it is known that a short rest does not follow


def test_no_block_is_refused_and_a_block_that_is_no_sound(noise: Noise) -> None:
    with pytest.raises(AudioError, match="found no samples"):
        list(measure_blocks([]))
    wrong = noise(rate_hz=8000)
    wrong[0, 5] = np.nan
    with pytest.raises(AudioError, match="expected finite numbers"):
        list(measure_blocks([Waveform(wrong, 8000)]))


def test_a_file_streamed_equals_the_file_read(music: Music, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_audio(path, music(2.0))
    streamed = measure_stream(stream_audio(path, block_s=0.37))
    np.testing.assert_array_equal(streamed.values, measure(read_audio(path)).values)


def test_measuring_again_gives_the_same(music: Music) -> None:
    sound = music(2.0)
    np.testing.assert_array_equal(measure(sound).values, measure(sound).values)


def test_the_sound_is_left_as_it_was(music: Music) -> None:
    sound = music(1.0)
    before = sound.samples.copy()
    measure(sound)
    np.testing.assert_array_equal(sound.samples, before)


ABSOLUTE = {name for name, told in MEASURES.items() if told.unit in {"dBFS", "dBTP", "LUFS"}}


def test_half_the_gain_moves_levels_by_6_db_and_nothing_else(music: Music) -> None:
    sound = music(3.0)
    louder = measure(sound)
    quieter = measure(dataclasses.replace(sound, samples=np.float32(0.5) * sound.samples))
    # Samples of 16 bits at half the gain need 17; offsets are of full scale.
    for name in set(NAMES) - {"bit_depth", "dc_offset"}:
        before, after = louder[name], quieter[name]
        assert (before is None) == (after is None), name
        if before is None or after is None:
            continue
        expected = before - 6.02 if name in ABSOLUTE and before > -130 else before
        assert after == pytest.approx(expected, abs=0.15, rel=0.02), name


def test_exchanged_channels_change_nothing(music: Music) -> None:
    sound = music(2.0)
    turned = measure(dataclasses.replace(sound, samples=np.ascontiguousarray(sound.samples[::-1])))
    straight = measure(sound)
    for name in set(NAMES) - {"bit_depth", "distinct_share"}:
        before, after = straight[name], turned[name]
        assert (before is None) == (after is None), name
        assert after is None or after == pytest.approx(before, abs=1e-3, rel=1e-3), name


def test_a_shift_in_time_changes_little(music: Music) -> None:
    sound = music(4.0)
    later = measure(dataclasses.replace(sound, samples=np.ascontiguousarray(sound.samples[:, 4411:])))
    first = measure(sound)
    for name in ("loudness_lufs", "crest_db", "cutoff_hz", "deviation_db", "correlation", "tilt_db", "rolloff_hz"):
        assert later[name] == pytest.approx(first[name], abs=0.5, rel=0.05), name


def test_the_table_and_the_families_name_the_same_measures(music: Music) -> None:
    clipped = Waveform(np.clip(music(3.0).samples, -0.3, 0.3), 44100)
    found = measure(clipped)
    assert set(found.reasons) == set()


def test_measures_are_read_by_name(music: Music) -> None:
    found = measure(music(1.0))
    assert found["peak_dbfs"] == found.values[NAMES.index("peak_dbfs")]
    assert len(found.line_of("rms_dbfs")) == 1
    with pytest.raises(ConfigError, match='unknown measure "peak_dbf"; did you mean "peak_dbfs"'):
        found["peak_dbf"]
    with pytest.raises(ConfigError, match='unknown column "rms" of the time line'):
        found.line_of("rms")


def test_a_mono_time_line_has_no_stereo_columns(noise: Noise) -> None:
    found = measure(Waveform(noise(1, 2.0), 44100))
    assert found.line_of("correlation") == [None, None]
    assert None not in found.line_of("rms_dbfs")


def test_what_lies_outside_its_usual_range_is_named(sine: Sine) -> None:
    found = measure(Waveform(np.clip(sine(440, amplitude=2.0), -1, 1)[np.newaxis], 44100))
    assert {"full_scale_share", "flat_top_share", "crest_db"} <= set(found.outside())
    assert "dc_offset" not in found.outside()


def test_evidence_names_the_seconds_with_flat_tops(sine: Sine) -> None:
    wave = sine(440, 3.0, amplitude=0.9)
    wave[44100:88200] = np.clip(wave[44100:88200], -0.5, 0.5)
    wave[44100:88200] *= np.float32(1.9)
    flat = [
        moment for moment in measure(Waveform(wave[np.newaxis], 44100)).evidence if moment.measure == "flat_top_share"
    ]
    assert [(moment.start_s, moment.end_s) for moment in flat] == [(1.0, 2.0)]
