from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio.stretch import change_pitch, change_speed, stretch_time
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.audio.conftest import Tone

RATE_HZ = 16_000


def loudest_hz(samples: NDArray[np.float32], rate_hz: int = RATE_HZ) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 2**17))
    return float(np.argmax(spectrum)) * rate_hz / 2**17


def level(samples: NDArray[np.float32]) -> float:
    middle = samples[len(samples) // 8 : -len(samples) // 8]
    return float(np.sqrt(np.mean(middle.astype(np.float64) ** 2)))


@pytest.mark.parametrize("factor", [0.25, 0.5, 0.8, 1.0, 1.25, 1.9, 4.0])
@pytest.mark.parametrize("rate_hz", [8000, 44_100])
def test_stretching_changes_the_duration_and_nothing_else(tone: Tone, factor: float, rate_hz: int) -> None:
    samples = tone(440, 1.0, rate_hz)
    stretched = stretch_time(samples, rate_hz, factor)
    assert stretched.dtype == np.float32
    assert len(stretched) == round(len(samples) * factor)
    assert loudest_hz(stretched, rate_hz) == pytest.approx(440, rel=0.01)
    assert level(stretched) == pytest.approx(level(samples), rel=0.02)


def test_stretching_by_one_changes_nothing(rng: np.random.Generator) -> None:
    noise = rng.standard_normal(5000).astype(np.float32)
    np.testing.assert_allclose(stretch_time(noise, RATE_HZ, 1.0), noise, atol=1e-5)


def test_two_tones_stay_two_clean_tones(tone: Tone) -> None:
    stretched = stretch_time(tone(440, 2.0, RATE_HZ) + tone(1000, 2.0, RATE_HZ), RATE_HZ, 1.37)[4000:-4000]
    power = np.abs(np.fft.rfft(stretched * np.blackman(len(stretched)))) ** 2
    is_tone = np.zeros(len(power), dtype=bool)
    for frequency_hz in (440, 1000):
        at = round(frequency_hz * len(stretched) / RATE_HZ)
        is_tone[at - 8 : at + 9] = True
    assert 10 * np.log10(power[is_tone].sum() / power[~is_tone].sum()) > 40


def test_an_event_moves_to_its_place(rng: np.random.Generator) -> None:
    samples = np.zeros(RATE_HZ, dtype=np.float32)
    samples[8000:8400] = rng.standard_normal(400)
    stretched = stretch_time(samples, RATE_HZ, 1.5)
    centre = np.average(np.arange(len(stretched)), weights=stretched**2)
    assert abs(centre - 1.5 * 8200) < 256


@pytest.mark.parametrize("semitones", [-24, -7, -0.5, 0, 1, 3.5, 12, 24])
def test_pitch_moves_the_peak_and_keeps_length_and_level(tone: Tone, semitones: float) -> None:
    samples = tone(500, 1.0, RATE_HZ)
    changed = change_pitch(samples, RATE_HZ, semitones)
    assert changed.shape == samples.shape
    assert changed.dtype == np.float32
    assert loudest_hz(changed) == pytest.approx(500 * 2 ** (semitones / 12), rel=0.01)
    assert level(changed) == pytest.approx(level(samples), rel=0.02)


@pytest.mark.parametrize("factor", [0.25, 0.9, 1.0, 1.1, 4.0])
def test_speed_changes_pitch_and_duration_together(tone: Tone, factor: float) -> None:
    samples = tone(500, 1.0, RATE_HZ)
    changed = change_speed(samples, factor)
    assert len(changed) == round(len(samples) / factor)
    assert loudest_hz(changed) == pytest.approx(500 * factor, rel=0.01)


def test_the_same_sound_gives_the_same_result(rng: np.random.Generator) -> None:
    noise = rng.standard_normal(8000).astype(np.float32)
    np.testing.assert_array_equal(stretch_time(noise, RATE_HZ, 2.0), stretch_time(noise, RATE_HZ, 2.0))


@pytest.mark.parametrize("n_samples", [1, 2, 50, 500])
def test_the_shortest_sounds_can_be_changed(n_samples: int) -> None:
    samples = np.linspace(-0.5, 0.5, n_samples, dtype=np.float32)
    for changed in (stretch_time(samples, 8000, 0.25), change_pitch(samples, 8000, 5), change_speed(samples, 4.0)):
        assert len(changed) >= 1
        assert np.isfinite(changed).all()


def test_silence_stays_silence() -> None:
    silence = np.zeros(4000, dtype=np.float32)
    assert not stretch_time(silence, 8000, 1.3).any()
    assert not change_pitch(silence, 8000, 3).any()


@pytest.mark.parametrize("factor", [0.0, -1.0, 0.2, 4.1, float("nan"), float("inf")])
def test_factors_out_of_range_are_refused(tone: Tone, factor: float) -> None:
    with pytest.raises(AudioError, match=r"stretch_time: found factor .*, expected 0\.25 to 4"):
        stretch_time(tone(440, 0.1, 8000), 8000, factor)
    with pytest.raises(AudioError, match=r"change_speed: found factor"):
        change_speed(tone(440, 0.1, 8000), factor)


def test_shifts_out_of_range_are_refused(tone: Tone) -> None:
    with pytest.raises(AudioError, match="found 25 semitones, expected -24 to 24"):
        change_pitch(tone(440, 0.1, 8000), 8000, 25)


def test_other_types_are_refused() -> None:
    with pytest.raises(AudioError, match=r"change_speed: found float64 of shape \(4,\), expected float32"):
        change_speed(np.zeros(4), 1.1)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match=r"stretch_time: found float32 of shape \(0,\)"):
        stretch_time(np.zeros(0, dtype=np.float32), 8000, 1.1)
