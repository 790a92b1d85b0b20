"""Codec traces: really coded sound shows its own frame grid, sound that was never coded shows none."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import soxr

from earmark.audio import Waveform
from earmark.distortion.measures import filterbanks, measure
from earmark.distortion.measures.grid import (
    CODECS,
    SECTION_SAMPLES,
    bank_for,
    coefficients_of,
    gather,
    line,
    plan_for,
    summarise,
    trace,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.distortion.measures.conftest import Music, Noise, OneBlock

CLEAR, NOTHING = 6.0, 5.0
TRACES = [f"{name}_trace" for name in CODECS]


def coded(sound: Waveform, container: str, subtype: str, level: float) -> Waveform:
    """Return the sound coded and decoded by libsndfile, cut at an odd place, in 16 bits."""
    file = io.BytesIO()
    soundfile.write(file, sound.samples.T, sound.rate_hz, format=container, subtype=subtype, compression_level=level)
    file.seek(0)
    samples, rate_hz = soundfile.read(file, dtype="float32", always_2d=True)
    rounded = np.round(samples[4321:].T * 32767) / 32768
    return Waveform(np.ascontiguousarray(rounded, dtype=np.float32), rate_hz)


def traces(sound: Waveform) -> dict[str, float]:
    found = measure(sound)
    return {name: found[name] or 0.0 for name in TRACES}


def test_music_that_was_never_coded_has_no_trace(music: Music, noise: Noise) -> None:
    for sound in (music(4.0), music(4.0, 48000), Waveform(noise(2, 3.0), 44100)):
        assert max(traces(sound).values()) < NOTHING


@pytest.mark.parametrize(
    ("container", "subtype", "level", "name", "rate_hz"),
    [
        ("MP3", "MPEG_LAYER_III", 0.9, "mp3_trace", 44100),
        ("MP3", "MPEG_LAYER_III", 0.3, "mp3_trace", 44100),
        ("MP3", "MPEG_LAYER_III", 0.5, "mp3_trace", 48000),
        ("OGG", "VORBIS", 0.8, "vorbis_trace", 44100),
        ("OGG", "VORBIS", 0.4, "vorbis_trace", 44100),
        ("OGG", "OPUS", 0.8, "opus_trace", 48000),
    ],
)
def test_coded_music_shows_its_own_codec(
    music: Music, container: str, subtype: str, level: float, name: str, rate_hz: int
) -> None:
    found = traces(coded(music(4.0, rate_hz), container, subtype, level))
    assert found[name] == max(found.values())
    assert found[name] > CLEAR


def test_aac_shows_its_own_codec(music: Music) -> None:
    av = pytest.importorskip("av")
    sound, file = music(4.0), io.BytesIO()
    with av.open(file, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=44100)
        stream.bit_rate, stream.layout = 96000, "stereo"
        for begin in range(0, sound.n_samples, 1024):
            piece = np.ascontiguousarray(sound.samples[:, begin : begin + 1024])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 44100, begin
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        decoded = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    found = traces(Waveform(np.ascontiguousarray(decoded[:, 3333:], dtype=np.float32), 44100))
    assert found["aac_kbd_trace"] == max(found.values())
    assert found["aac_kbd_trace"] > CLEAR


def test_opus_is_found_after_resampling(music: Music) -> None:
    sound = coded(music(10.0, 48000), "OGG", "OPUS", 0.9)
    brought = soxr.resample(sound.samples.T, 48000, 44100).T[:, 777:].astype(np.float32)
    assert traces(Waveform(np.ascontiguousarray(brought), 44100))["opus_trace"] > CLEAR


def test_a_file_at_twice_the_rate_is_looked_at_at_half(music: Music) -> None:
    sound = coded(music(4.0, 48000), "MP3", "MPEG_LAYER_III", 0.8)
    twice = soxr.resample(sound.samples.T, 48000, 96000).T.astype(np.float32)
    assert traces(Waveform(np.ascontiguousarray(twice), 96000))["mp3_trace"] > CLEAR


def test_harder_coding_leaves_a_deeper_trace(music: Music) -> None:
    depths = [measure(coded(music(4.0), "MP3", "MPEG_LAYER_III", level))["mp3_depth_db"] or 0 for level in (0.2, 0.9)]
    assert depths[1] > depths[0] + 1


def test_blocks_of_a_long_file_add_up(music: Music) -> None:
    sound = coded(music(21.0, seed=9), "MP3", "MPEG_LAYER_III", 0.0)
    part = Waveform(np.ascontiguousarray(sound.samples[:, : 10 * 44100]), 44100)
    assert traces(sound)["mp3_trace"] > traces(part)["mp3_trace"]


def test_quiet_short_and_slow_sound_cannot_be_told(noise: Noise, one_block: OneBlock) -> None:
    for sound in (
        Waveform(noise(1, 2.0, 1e-4), 44100),
        Waveform(noise(1, 0.05), 44100),
        Waveform(noise(1, 2.0, rate_hz=22050), 22050),
    ):
        part = gather(one_block(sound))
        assert summarise(part) == {}
        assert np.isnan(line(part)["codec_trace"]).all()


def test_rates_without_a_common_grid_leave_out_opus_only(noise: Noise) -> None:
    found = measure(Waveform(noise(1, 2.0, rate_hz=44099), 44099))
    assert found["opus_trace"] is None
    assert found["mp3_trace"] is not None


@pytest.mark.parametrize(
    ("rate_hz", "factor"), [(32000, 1), (44100, 1), (48000, 1), (88200, 2), (96000, 2), (176400, 4), (192000, 4)]
)
def test_usual_rates_are_brought_to_those_of_codecs(rate_hz: int, factor: int) -> None:
    plan = plan_for(rate_hz)
    assert plan is not None
    assert plan.factor == factor
    assert plan.opus_steps * rate_hz // factor % plan.opus_section == 0


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 24000, 48001, 60000])
def test_other_rates_are_not_assessable(rate_hz: int) -> None:
    assert plan_for(rate_hz) is None


def test_a_curve_without_a_dip_has_no_trace(rng: np.random.Generator) -> None:
    assert trace(np.zeros(576))[:2] == (0.0, 0.0)
    curve = rng.standard_normal(576)
    assert trace(curve)[0] < NOTHING
    curve[123] -= 12
    assert trace(curve)[0] > 8
    assert trace(curve)[2] == 123


def test_a_slow_swell_is_no_dip(rng: np.random.Generator) -> None:
    swell = 20 * np.cos(2 * np.pi * np.arange(576) / 576)
    assert trace(swell + rng.standard_normal(576))[0] < NOTHING


WINDOWS = [filterbanks.sine_window(1024), filterbanks.vorbis_window(1024), filterbanks.kaiser_bessel_window(1024)]


@pytest.mark.parametrize("window", WINDOWS, ids=["sine", "vorbis", "kaiser"])
def test_windows_let_frames_add_up_to_the_whole(window: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(window[:1024] ** 2 + window[1024:] ** 2, 1, atol=1e-12)


def test_waves_of_neighbouring_frames_and_lines_are_independent() -> None:
    lines = np.arange(40, 60)
    for waves, n_lines, tolerance in (
        (filterbanks.mdct_waves(1024, lines, WINDOWS[0]), 1024, 1e-12),
        (filterbanks.mp3_waves(lines), 576, 2e-3),
    ):
        same = waves @ waves.T
        np.testing.assert_allclose(same, np.eye(20), atol=tolerance)
        next_frame = waves[:, n_lines:] @ waves[:, :-n_lines].T
        np.testing.assert_allclose(next_frame, 0, atol=tolerance)


def test_waves_reach_all_lines_of_mp3() -> None:
    waves = filterbanks.mp3_waves(np.array([0, 17, 18, 559, 575]))
    peaks_hz = np.abs(np.fft.rfft(waves, 65536)).argmax(axis=1) * 44100 / 65536
    np.testing.assert_allclose(peaks_hz, (np.array([0, 17, 18, 559, 575]) + 0.5) * 44100 / 1152, atol=45)


@pytest.mark.real
def test_recordings_kept_as_vorbis_show_it(esc50_dir: Path) -> None:
    from earmark.audio import read_audio

    paths = sorted((esc50_dir / "audio").glob("*.ogg"))[:9]
    found = [traces(read_audio(path))["vorbis_trace"] for path in paths]
    assert np.median(found) > CLEAR


@pytest.mark.real
def test_lossless_samples_that_were_once_vorbis_show_it(oneshots_dir: Path) -> None:
    from earmark.audio import read_audio

    path = next(oneshots_dir.rglob("lmms__instruments__steel_guitar_medium_distorted01.flac"))
    assert traces(read_audio(path))["vorbis_trace"] > CLEAR


@pytest.mark.parametrize(
    ("name", "least_db"), [("mp3", 70), ("aac_kbd", 70), ("aac_sine", 60), ("vorbis", 70), ("opus", 60)]
)
def test_filters_worked_out_coarsely_find_the_coefficients_of_their_waves(
    music: Music, name: str, least_db: float
) -> None:
    sound = music(4.0, 48000).samples[0][40_000 : 40_000 + SECTION_SAMPLES]
    bank = bank_for(name, SECTION_SAMPLES, SECTION_SAMPLES)
    found = coefficients_of(np.fft.rfft(sound).astype(np.complex64), bank, slice(None))
    by_step = found.transpose(0, 2, 1).reshape(len(found), -1)
    lines = CODECS[name].chosen()
    waves = {
        "mp3": lambda: filterbanks.mp3_waves(lines),
        "opus": lambda: filterbanks.celt_waves(lines),
        "aac_kbd": lambda: filterbanks.mdct_waves(1024, lines, filterbanks.kaiser_bessel_window(1024)),
        "aac_sine": lambda: filterbanks.mdct_waves(1024, lines, filterbanks.sine_window(1024)),
        "vorbis": lambda: filterbanks.mdct_waves(1024, lines, filterbanks.vorbis_window(1024)),
    }[name]()
    for wave, values in list(zip(waves, by_step, strict=True))[::5]:
        exact = np.correlate(sound.astype(np.float64), wave, mode="valid")
        wrong = np.sqrt(np.mean((values[: exact.size] - exact) ** 2) / np.mean(sound**2))
        assert -20 * np.log10(wrong) > least_db
