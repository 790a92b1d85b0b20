from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import AudioError, ConfigError
from earmark.distortion.effects.base import check_range, check_sound, check_stereo, finish, search, told


@dataclass(frozen=True)
class Told:
    gain_db: float = 2.0
    side: str = "left"
    nothing: float | None = None
    clips: tuple[int, ...] = ()


def test_the_level_is_brought_back(music: Waveform) -> None:
    done = finish(music, 0.01 * music.samples, "test", "noise", Told())
    assert done.waveform.samples == pytest.approx(music.samples, abs=1e-6)
    assert [done.gain_db, done.level_db] == pytest.approx([40, 0], abs=1e-3)
    assert done.severity == 0


def test_the_level_stays_below_where_it_would_clip(music: Waveform) -> None:
    spiky = np.zeros_like(music.samples)
    spiky[:, ::100] = 1.0
    done = finish(music, music.samples + spiky * 20, "test", "noise", Told())
    assert np.abs(done.waveform.samples).max() == pytest.approx(0.999)
    assert done.level_db < -1


def test_sound_beyond_full_scale_may_stay_there(music: Waveform) -> None:
    loud = Waveform(music.samples * np.float32(3), music.rate_hz)
    done = finish(loud, music.samples, "test", "noise", Told())
    assert done.waveform.samples == pytest.approx(loud.samples, abs=1e-5)


def test_silence_is_not_raised_from_the_dead(music: Waveform) -> None:
    with pytest.raises(AudioError, match="test: leaves silence"):
        finish(music, 1e-4 * music.samples, "test", "noise", Told())
    with pytest.raises(AudioError, match="test: leaves silence"):
        finish(music, 0 * music.samples, "test", "noise", Told())


def test_nan_is_not_passed_on(music: Waveform) -> None:
    with pytest.raises(AudioError, match="test: made NaN or infinite"):
        finish(music, music.samples * np.nan, "test", "noise", Told())


def test_a_result_is_ready_for_json(music: Waveform) -> None:
    done = finish(music, music.samples, "test", "phase", Told(), severity=0.5)
    assert done.to_dict() == {
        "effect": "test",
        "kind": "phase",
        "severity": 0.5,
        "parameters": {"gain_db": 2.0, "side": "left"},
        "gain_db": pytest.approx(0, abs=1e-5),
        "level_db": pytest.approx(0, abs=1e-5),
        "fold_down_loss_db": done.fold_down_loss_db,
    }
    assert done.fold_down_loss_db is not None
    assert told(Told()) == {"gain_db": 2.0, "side": "left"}


def test_mono_has_no_fold_down_loss(mono: Waveform) -> None:
    assert finish(mono, mono.samples, "test", "noise", Told()).fold_down_loss_db is None


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((1, 0)), "found no samples"),
        (np.zeros((2, 9)), "found silence"),
        (np.array([[0.1, np.nan]]), "found NaN or infinite"),
        (np.array([[0.1, np.inf]]), "found NaN or infinite"),
    ],
)
def test_what_cannot_be_damaged_is_refused(samples: np.ndarray, message: str) -> None:
    with pytest.raises(AudioError, match=f"test: {message}"):
        check_sound(Waveform(samples.astype(np.float32), 8000), "test")


@pytest.mark.parametrize(("n_channels", "words"), [(1, "1 channel,"), (8, "8 channels,")])
def test_faults_of_stereo_need_stereo(n_channels: int, words: str) -> None:
    with pytest.raises(AudioError, match=f"found {words} expected 2"):
        check_stereo(Waveform(np.ones((n_channels, 9), dtype=np.float32), 8000), "test")


@pytest.mark.parametrize("value", [-1, 11, float("nan")])
def test_a_parameter_outside_its_range_is_refused(value: float) -> None:
    assert check_range("test", "size", 3, 0, 10) == 3
    with pytest.raises(ConfigError, match=r"test: found size=.*, expected 0 to 10"):
        check_range("test", "size", value, 0, 10)


def test_a_search_finds_what_it_is_sent_for() -> None:
    assert search(lambda value: value**3, [0, 1, 2, 3], 5.0, 1e-6) == pytest.approx(5 ** (1 / 3), abs=1e-3)
    assert search(lambda value: -(value**3), [0, 1, 2, 3], -5.0, 1e-6) == pytest.approx(5 ** (1 / 3), abs=1e-3)


def test_a_search_returns_the_nearest_where_nothing_hits() -> None:
    assert search(lambda value: value, [0, 1, 2], 7.0, 0.1) == 2
    assert search(lambda value: value, [3, 2, 1], 0.0, 0.1) == 1
    assert search(lambda value: float(value > 0.3), [0, 1], 0.4, 0.01) <= 0.3


def test_a_search_copes_with_a_plateau() -> None:
    assert search(lambda value: min(value, 1.0), [0, 4, 8], 1.0, 0.01) >= 0.99
