from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import AudioError, ConfigError
from earmark.distortion.effects import frequency
from tests.distortion.conftest import make_music

if TYPE_CHECKING:
    from earmark.distortion.effects.base import Distorted

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def noise() -> Waveform:
    samples = np.random.default_rng(8).standard_normal((1, RATE_HZ)).astype(np.float32)
    return Waveform(0.2 * samples, RATE_HZ)


def gains_db(before: Waveform, done: Distorted, *at_hz: float) -> list[float]:
    """Return the gains around frequencies, with the matching of levels taken back."""
    spectra = [np.abs(np.fft.rfft(each.samples[0])) ** 2 for each in (before, done.waveform)]
    hz = np.fft.rfftfreq(before.n_samples, 1 / before.rate_hz)
    around = [(hz > 0.95 * centre) & (hz < 1.05 * centre) for centre in at_hz]
    return [float(10 * np.log10(spectra[1][near].sum() / spectra[0][near].sum())) - done.gain_db for near in around]


def test_the_telephone_lets_speech_pass_and_nothing_else(noise: Waveform, rng: np.random.Generator) -> None:
    done = frequency.telephone(noise, frequency.CurveParameters(), rng)
    low, edge, middle, top = gains_db(noise, done, 100, 300, 1000, 8000)
    assert middle == pytest.approx(0, abs=0.3)
    assert edge == pytest.approx(-3, abs=1.0)
    assert low < -30
    assert top < -40
    assert done.severity > 0.7


def test_strength_multiplies_decibels(noise: Waveform, rng: np.random.Generator) -> None:
    (half,) = gains_db(noise, frequency.underwater(noise, frequency.CurveParameters(0.5), rng), 2000)
    (full,) = gains_db(noise, frequency.underwater(noise, frequency.CurveParameters(1.0), rng), 2000)
    assert half == pytest.approx(full / 2, abs=0.5)
    assert full < -30


def test_a_small_speaker_has_no_bass_and_a_ring(noise: Waveform, rng: np.random.Generator) -> None:
    low, ring = gains_db(noise, frequency.tinny(noise, frequency.CurveParameters(), rng), 150, 3000)
    assert low < -35
    assert ring == pytest.approx(9, abs=0.5)


def test_a_limited_band_ends_where_it_should(noise: Waveform, rng: np.random.Generator) -> None:
    below, edge, above = gains_db(
        noise, frequency.limit_bandwidth(noise, frequency.BandLimitParameters(5000), rng), 3000, 5000, 7000
    )
    assert below == pytest.approx(0, abs=0.2)
    assert edge == pytest.approx(-4, abs=2.5)
    assert above < -30


def test_a_limit_at_half_the_rate_changes_nothing(noise: Waveform, rng: np.random.Generator) -> None:
    done = frequency.limit_bandwidth(noise, frequency.BandLimitParameters(30_000), rng)
    assert done.severity == pytest.approx(0, abs=1e-3)
    assert done.waveform.samples == pytest.approx(noise.samples, abs=1e-4)


def test_a_gap_and_a_resonance_are_where_they_are_told(noise: Waveform, rng: np.random.Generator) -> None:
    gap = frequency.cut_band(noise, frequency.BandParameters(-30, 1000, 2.0), rng)
    assert gains_db(noise, gap, 1000, 250, 4000) == [pytest.approx(-30, abs=1)] + [pytest.approx(0, abs=0.5)] * 2
    ring = frequency.resonate(noise, frequency.BandParameters(20, 1000, 1.0), rng)
    centre, half, far = gains_db(noise, ring, 1000, 1000 * 2**0.5, 12_000)
    assert [centre, half] == pytest.approx([20, 10], abs=1)
    assert far < 1


@pytest.mark.parametrize(("side", "low", "high"), [("low", -12, 0), ("high", 0, -12)])
def test_a_shelf_is_on_its_side(side: str, low: float, high: float, noise: Waveform, rng: np.random.Generator) -> None:
    done = frequency.add_shelf(noise, frequency.SlopeParameters(-12, 1000, side), rng)  # type: ignore[arg-type]
    assert gains_db(noise, done, 60, 15_000) == [pytest.approx(low, abs=0.5), pytest.approx(high, abs=0.5)]


@pytest.mark.parametrize("slope", [-4.0, 4.0])
def test_a_tilt_has_its_slope(slope: float, noise: Waveform, rng: np.random.Generator) -> None:
    low, high = gains_db(noise, frequency.tilt(noise, frequency.TiltParameters(slope), rng), 500, 4000)
    assert high - low == pytest.approx(3 * slope, abs=0.3)


def test_what_is_not_told_is_drawn_and_reported(noise: Waveform) -> None:
    first, again, other = (
        frequency.add_shelf(noise, frequency.SlopeParameters(-12), np.random.default_rng(seed)).parameters
        for seed in (0, 0, 1)
    )
    assert first == again != other
    assert set(first) == {"gain_db", "corner_hz", "side", "phase"}


@pytest.mark.parametrize("phase", ["zero", "minimum"])
def test_both_phases_have_the_same_gains(phase: frequency.Phase) -> None:
    wanted_db = np.linspace(0, -40, 513)
    response = frequency.design_filter(wanted_db, phase)
    found_db = 20 * np.log10(np.abs(np.fft.rfft(response, 8192)))[:: 4096 // 512]
    assert found_db[2:-2] == pytest.approx(wanted_db[2:-2], abs=0.3)


def test_zero_phase_keeps_an_impulse_in_its_place_and_minimum_phase_starts_there() -> None:
    samples = np.zeros((1, RATE_HZ // 2), dtype=np.float32)
    samples[0, 10_000] = 0.9
    click = Waveform(samples, RATE_HZ)
    zero, minimum = (
        frequency.limit_bandwidth(
            click, frequency.BandLimitParameters(3000, 4, phase), np.random.default_rng(0)
        ).waveform.samples[0]
        for phase in ("zero", "minimum")
    )
    assert int(np.argmax(np.abs(zero))) == 10_000
    assert np.abs(minimum[:9990]).max() < 1e-3 < np.abs(minimum[10_000:10_020]).max()


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 96_000])
def test_curves_work_at_any_rate(rate_hz: int, rng: np.random.Generator) -> None:
    music = make_music(1, rate_hz, 0.5)
    for curve in (frequency.telephone, frequency.underwater, frequency.tinny):
        assert curve(music, frequency.CurveParameters(), rng).severity > 0.2
    for draw in range(5):
        frequency.resonate(music, frequency.BandParameters(12), np.random.default_rng(draw))


def test_wrong_numbers_are_told(noise: Waveform, rng: np.random.Generator) -> None:
    with pytest.raises(ConfigError, match="telephone: found strength=3, expected 0 to 2"):
        frequency.telephone(noise, frequency.CurveParameters(3), rng)
    with pytest.raises(ConfigError, match="band-gap: found centre_hz=30000"):
        frequency.cut_band(noise, frequency.BandParameters(-20, 30_000), rng)
    with pytest.raises(ConfigError, match="shelf: found gain_db=-100"):
        frequency.add_shelf(noise, frequency.SlopeParameters(-100), rng)


def test_sound_outside_the_band_leaves_silence(rng: np.random.Generator) -> None:
    times_s = np.arange(RATE_HZ) / RATE_HZ
    deep = Waveform(
        (np.hanning(RATE_HZ) * np.sin(2 * np.pi * 10_000 * times_s)).astype(np.float32)[np.newaxis], RATE_HZ
    )
    with pytest.raises(AudioError, match="band-limit: leaves silence"):
        frequency.limit_bandwidth(deep, frequency.BandLimitParameters(40, order=20), rng)
