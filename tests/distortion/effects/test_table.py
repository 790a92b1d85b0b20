"""The contract that every effect of the table keeps."""

from __future__ import annotations

import json

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import AudioError, ConfigError
from earmark.distortion import EFFECTS, KINDS, Distorted, apply_effect, measure_severity
from earmark.distortion.effects.table import USUAL, find_effect
from tests.distortion.conftest import make_music

RECORDING = Waveform(np.random.default_rng(4).standard_normal((1, 3000)).astype(np.float32), 22_050)
NAMES = list(EFFECTS)
STEPS = {"mp3": 0.07, "mp2": 0.07, "ac3": 0.07}  # there are only so many bit rates


def damage(name: str, waveform: Waveform, *, severity: float | None = None, seed: int = 7) -> Distorted:
    extra = {"clips": (RECORDING,)} if name == "recording" else {}
    return apply_effect(waveform, name, np.random.default_rng(seed), severity=severity, parameters=extra)


@pytest.mark.parametrize("name", NAMES)
def test_rate_channels_length_and_level_stay(name: str, music: Waveform) -> None:
    done = damage(name, music)
    assert (done.effect, done.kind) == (name, EFFECTS[name].kind)
    assert done.waveform.rate_hz == music.rate_hz
    assert done.waveform.samples.shape == music.samples.shape
    assert np.abs(done.waveform.samples).max() <= 1
    before, after = (float(np.sqrt(np.mean(each.samples.astype(float) ** 2))) for each in (music, done.waveform))
    assert 20 * np.log10(after / before) == pytest.approx(done.level_db, abs=1e-3)
    assert done.level_db <= 1e-6
    if done.level_db < -0.01:  # only where more would have clipped
        assert np.abs(done.waveform.samples).max() == pytest.approx(0.999)


@pytest.mark.parametrize("name", NAMES)
def test_the_severity_told_is_the_one_measured(name: str, music: Waveform) -> None:
    done = damage(name, music)
    if done.kind != "compression":
        assert done.severity == measure_severity(done.kind, music, done.waveform)
    assert 0 <= done.severity <= 1
    assert json.loads(json.dumps(done.to_dict(), allow_nan=False))["severity"] == done.severity


@pytest.mark.parametrize("name", NAMES)
def test_equal_chance_gives_equal_sound(name: str, music: Waveform) -> None:
    first, again = (damage(name, music, severity=0.4) for _ in range(2))
    assert np.array_equal(first.waveform.samples, again.waveform.samples)
    assert first.to_dict() == again.to_dict()


@pytest.mark.parametrize("name", [name for name in NAMES if EFFECTS[name].main])
def test_a_severity_is_met_or_the_nearest_is_told(name: str, music: Waveform) -> None:
    mildest, severest = (damage(name, music, severity=end).severity for end in (0.0, 1.0))
    for target in (0.3, 0.6):
        found = damage(name, music, severity=target).severity
        assert found == pytest.approx(min(max(target, mildest), severest), abs=STEPS.get(name, 0.03))
    assert severest > 0.2


@pytest.mark.parametrize("name", [name for name in NAMES if EFFECTS[name].kind != "phase"])
def test_mono_can_be_damaged_and_silence_cannot(name: str, mono: Waveform) -> None:
    assert damage(name, mono).waveform.n_channels == 1
    with pytest.raises(AudioError, match="found silence"):
        damage(name, Waveform(np.zeros_like(mono.samples), mono.rate_hz))


@pytest.mark.parametrize("name", NAMES)
def test_nan_and_nothing_are_refused(name: str, music: Waveform) -> None:
    broken = music.samples.copy()
    broken[0, 100] = np.nan
    with pytest.raises(AudioError, match="found NaN or infinite samples"):
        damage(name, Waveform(broken, music.rate_hz))
    with pytest.raises(AudioError, match="found no samples"):
        damage(name, Waveform(music.samples[:, :0], music.rate_hz))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("odd", ["3 samples", "8 channels", "8 kHz", "192 kHz", "constant"])
def test_odd_sound_is_damaged_or_refused_in_words(name: str, odd: str) -> None:
    waveform = {
        "3 samples": lambda: Waveform(np.array([[0.5, -0.4, 0.1], [0.1, 0.2, -0.6]], dtype=np.float32), 44_100),
        "8 channels": lambda: make_music(8, 16_000, 0.3),
        "8 kHz": lambda: make_music(2, 8000, 0.5),
        "192 kHz": lambda: make_music(2, 192_000, 0.1),
        "constant": lambda: Waveform(np.full((2, 8000), 0.25, dtype=np.float32), 16_000),
    }[odd]()
    refused = ""
    try:
        done = damage(name, waveform)
    except AudioError as error:
        refused = str(error)
    if refused:
        assert odd in ("3 samples", "constant") or "fault of stereo" in refused
    else:
        assert done.waveform.samples.shape == waveform.samples.shape
        assert np.isfinite(done.waveform.samples).all()


def test_every_kind_has_a_usual_effect() -> None:
    assert set(USUAL) == set(KINDS) == {effect.kind for effect in EFFECTS.values()}
    for kind, name in USUAL.items():
        assert find_effect(kind) == (name, EFFECTS[name])
        assert EFFECTS[name].kind == kind


def test_names_may_be_written_with_underscores() -> None:
    assert find_effect("hard_clip")[0] == "hard-clip"


def test_what_is_wrong_is_told(music: Waveform, rng: np.random.Generator) -> None:
    with pytest.raises(ConfigError, match='"telefone" is not known; did you mean "telephone"'):
        apply_effect(music, "telefone", rng)
    with pytest.raises(ConfigError, match='delay: parameter "delay" is not known; did you mean "delay_ms"'):
        apply_effect(music, "delay", rng, parameters={"delay": 3})
    with pytest.raises(ConfigError, match="white: found severity 40, expected 0 to 1"):
        apply_effect(music, "noise", rng, severity=40)
    for name, parameters in (("mp3", {"kbps": 64}), ("hard-clip", {"share": 0.1})):
        with pytest.raises(ConfigError, match="found both a severity and how much"):
            apply_effect(music, name, rng, severity=0.4, parameters=parameters)


def test_a_search_stops_where_nothing_would_be_left(rng: np.random.Generator) -> None:
    high = np.hanning(16_000) * np.sin(2 * np.pi * 0.45 * np.arange(16_000))
    tone = Waveform((high + 1e-5 * rng.standard_normal(16_000)).astype(np.float32)[np.newaxis], 16_000)
    with pytest.raises(AudioError, match="tilt: leaves silence"):
        apply_effect(tone, "tilt", rng, parameters={"db_per_octave": -24.0})
    done = apply_effect(tone, "tilt", rng, severity=1.0)
    assert -24 < done.parameters["db_per_octave"] <= 0


def test_one_way_of_clipping_takes_the_place_of_another(music: Waveform, rng: np.random.Generator) -> None:
    done = apply_effect(music, "clipping", rng, parameters={"drive_db": 6.0})
    assert done.parameters["drive_db"] == 6
