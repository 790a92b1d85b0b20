"""One clip of a corpus: its sound and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import AudioError
from earmark.distortion.chain import Fault
from earmark.distortion.corpus import make as module
from earmark.distortion.corpus.make import make_clip, set_level
from earmark.distortion.corpus.plan import ClipPlan
from earmark.distortion.severity import KINDS, TRACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from earmark.distortion.corpus.tracks import Track
    from earmark.distortion.severity import Kind

    PutTrack = Callable[..., Track]

NOISE = Fault("white", parameters={"snr_db": 10.0})
MP3_96: dict[str, Any] = {"lossless": False, "codec": "mp3", "kbps": 96.0}


def plan_of(track: Track, *faults: Fault, **changes: Any) -> ClipPlan:
    plan = ClipPlan("train-00007", "train", "single", track, 0.25, 1.0, "", faults, None, -6.0, 16)
    return replace(plan, **changes)


@pytest.fixture
def song(put_track: PutTrack) -> Track:
    return put_track("song")


def of(kind: Kind, values: NDArray[np.float32]) -> float:
    return float(values[KINDS.index(kind)])


def test_equal_seeds_make_equal_clips_and_others_do_not(song: Track) -> None:
    plan = plan_of(song, NOISE, variant="fade")
    first, again, other = make_clip(plan, 0), make_clip(plan, 0), make_clip(plan, 1)
    np.testing.assert_array_equal(first.waveform.samples, again.waveform.samples)
    assert first.steps == again.steps
    assert not np.array_equal(first.waveform.samples, other.waveform.samples)
    assert not np.array_equal(first.waveform.samples, make_clip(replace(plan, id="train-00008"), 0).waveform.samples)


def test_a_clean_clip_is_its_stretch_at_its_level_and_has_nothing(song: Track, make: Callable[..., Waveform]) -> None:
    made = make_clip(plan_of(song, peak_db=-3.0), 0)
    stretch = make(2, 44_100, 2.0).samples[:, 11_025 : 11_025 + 44_100]
    np.testing.assert_allclose(made.waveform.samples, stretch * 10**-0.15 / np.abs(stretch).max(), atol=5e-5)
    assert made.presence.tolist() == made.severity.tolist() == [0] * 5
    assert made.presence.dtype == made.severity.dtype == np.float32
    assert made.start_s == 0.25
    assert made.steps == ()


@pytest.mark.parametrize("bits", [16, 24])
def test_level_and_bits_are_those_of_the_plan(bits: int) -> None:
    rng = np.random.default_rng(0)
    sound = Waveform(np.float32(0.3) * rng.uniform(-1, 1, (2, 5000)).astype(np.float32), 8000)
    dithered = []
    for peak_db in (-45.0, -14.0, -0.05):
        for seed in range(6):
            samples = set_level(sound, peak_db, bits, np.random.default_rng(seed)).samples.astype(np.float64)
            steps = samples * 2 ** (bits - 1)
            assert samples.min() >= -1
            assert samples.max() < 1
            np.testing.assert_array_equal(steps, np.round(steps))
            peak = np.abs(samples).max()
            assert peak == pytest.approx(10 ** (peak_db / 20), abs=1.6 * 2 ** (1 - bits))
            exact = sound.samples * (10 ** (peak_db / 20) / np.abs(sound.samples).max())
            dithered.append(bool(np.abs(samples - exact).max() > 0.6 * 2 ** (1 - bits)))
    assert set(dithered) == {True, False}


def test_a_fault_is_there_with_its_true_severity(song: Track) -> None:
    made = make_clip(plan_of(song, NOISE), 0)
    assert made.presence.tolist() == [0, 0, 1, 0, 0]
    assert of("noise", made.severity) == pytest.approx(0.75, abs=0.02)
    assert made.steps[0]["effect"] == "white"
    assert made.steps[0]["parameters"]["snr_db"] == 10


def test_two_faults_of_a_type_count_as_the_worse(song: Track) -> None:
    made = make_clip(plan_of(song, NOISE, Fault("pink", parameters={"snr_db": 30.0})), 0)
    assert of("noise", made.severity) == pytest.approx(0.75, abs=0.02)
    made = make_clip(plan_of(song, NOISE, Fault("inversion")), 0)
    assert made.presence.tolist() == [0, 0, 1, 0, 1]


def test_a_trace_is_not_asked_for_but_its_severity_is_known(song: Track) -> None:
    made = make_clip(plan_of(song, Fault("white", parameters={"snr_db": 36.0})), 0)
    assert np.isnan(of("noise", made.presence))
    assert 0.05 < of("noise", made.severity) < TRACE
    assert np.isfinite(made.presence).sum() == 4


def test_mono_is_not_asked_for_faults_of_stereo(song: Track, put_track: PutTrack, mono: Waveform) -> None:
    asked = [make_clip(plan_of(put_track("mono", mono)), 0)]
    asked += [make_clip(plan_of(song, variant="mono"), seed) for seed in range(6)]
    for made in asked:
        one = made.waveform.n_channels == 1
        assert np.isnan(of("phase", made.presence)) == np.isnan(of("phase", made.severity)) == one
    assert {made.waveform.n_channels for made in asked} == {1, 2}


def test_low_rates_are_not_asked_for_codecs(put_track: PutTrack, music: Waveform) -> None:
    slow = put_track("slow", Waveform(np.tile(music.samples, 2), 22_050))
    for track in (slow, replace(slow, **MP3_96)):
        made = make_clip(plan_of(track), 0)
        assert made.waveform.rate_hz == 22_050
        assert np.isnan(of("compression", made.presence))
        assert np.isnan(of("compression", made.severity))


def test_lossy_tracks_are_never_clean_of_codecs(song: Track) -> None:
    coded = make_clip(plan_of(replace(song, **MP3_96), NOISE), 0)
    assert coded.presence.tolist() == [0, 1, 1, 0, 0]
    assert of("compression", coded.severity) == pytest.approx(np.log2(256 / 96) / 3)
    for kbps in (224.0, 320.0):
        trace = make_clip(plan_of(replace(song, lossless=False, codec="mp3", kbps=kbps)), 0)
        assert np.isnan(of("compression", trace.presence))
        assert 0 <= of("compression", trace.severity) < TRACE


@pytest.mark.parametrize("fault", [NOISE, Fault("inversion"), Fault("telephone")])
def test_a_fault_of_a_part_is_only_there(song: Track, fault: Fault) -> None:
    plan = plan_of(song, fault, span=(0.3, 0.7), part="partial")
    damaged = make_clip(plan, 0).waveform.samples
    clean = make_clip(replace(plan, faults=(), span=None), 0).waveform.samples
    begin, end = round(0.3 * 44_100), round(0.7 * 44_100)
    outside = np.ones(44_100, dtype=np.bool_)
    outside[begin:end] = False
    gain = float(np.vdot(damaged[:, outside], clean[:, outside]) / np.vdot(clean[:, outside], clean[:, outside]))
    difference = np.abs(damaged - gain * clean)
    assert difference[:, outside].max() < 4 * 2.0**-15
    assert difference[:, ~outside].max() > 0.02
    at_edges = difference[:, [begin, begin + 1, end - 2, end - 1]]
    assert at_edges.max() < 0.02 * difference.max() + 4 * 2.0**-15


def test_a_silent_stretch_gives_way_to_another(put_track: PutTrack, music: Waveform) -> None:
    late = np.concatenate([np.zeros((2, 33_075), dtype=np.float32), np.tile(music.samples, 2)], axis=1)
    plan = plan_of(put_track("late", Waveform(late, 22_050)), NOISE, start_s=0.0)
    made = make_clip(plan, 0)
    assert made.start_s > 0.5
    assert made.presence[2] == 1
    np.testing.assert_array_equal(make_clip(plan, 0).waveform.samples, made.waveform.samples)


def test_tracks_that_cannot_take_it_are_told(put_track: PutTrack, song: Track, mono: Waveform) -> None:
    silent = put_track("silent", Waveform(np.zeros((2, 44_100), dtype=np.float32), 22_050))
    with pytest.raises(AudioError, match=r"silent\.flac: is all but silent at \d\.\d s"):
        make_clip(plan_of(silent), 0)
    with pytest.raises(AudioError, match=r"one\.flac: inversion: found 1 channel, expected 2"):
        make_clip(plan_of(put_track("one", mono), Fault("inversion"), start_s=0.0, duration_s=0.5), 0)
    song.path.unlink()
    with pytest.raises(AudioError, match=r"song\.flac"):
        make_clip(plan_of(song), 0)


def test_no_try_at_all_is_an_error_too(song: Track, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "N_TRIES", 0)
    with pytest.raises(AudioError, match="no stretch of it can be used"):
        make_clip(plan_of(song), 0)


def test_a_clip_may_end_where_its_rounded_track_ends(song: Track) -> None:
    longer = replace(song, duration_s=song.duration_s + 0.0005)
    made = make_clip(plan_of(longer, start_s=longer.duration_s - 1.0), 0)
    assert made.waveform.duration_s == pytest.approx(1, abs=1e-3)
