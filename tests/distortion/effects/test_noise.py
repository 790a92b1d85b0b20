from __future__ import annotations

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import AudioError, ConfigError
from earmark.distortion.effects import noise_sources
from earmark.distortion.effects.noise import SOURCES, NoiseParameters, add_noise_at
from tests.distortion.conftest import make_music

SYNTHETIC = [source for source in SOURCES if source != "recording"]
RATE_HZ = 22_050


def noise_of(clean: Waveform, whole: Waveform) -> np.ndarray:
    """Return what was added, once the level is taken back by least squares."""
    before, after = clean.samples.astype(float), whole.samples.astype(float)
    return np.asarray(after - np.sum(before * after) / np.sum(before**2) * before)


@pytest.mark.parametrize("source", SYNTHETIC)
@pytest.mark.parametrize("snr_db", [0.0, 25.0])
def test_noise_stands_at_the_ratio_that_was_asked_for(source: str, snr_db: float, music: Waveform) -> None:
    done = add_noise_at(music, NoiseParameters(source, snr_db), np.random.default_rng(3))
    noise = noise_of(music, done.waveform)
    sound = done.waveform.samples - noise
    assert 10 * np.log10(np.sum(sound**2) / np.sum(noise**2)) == pytest.approx(snr_db, abs=0.02)
    assert done.severity == pytest.approx((40 - snr_db) / 40, abs=1e-3)
    assert (done.effect, done.kind) == (source, "noise")


def slope_db_per_octave(noise: np.ndarray, low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(noise)) ** 2
    hz = np.fft.rfftfreq(len(noise), 1 / RATE_HZ)
    bands = [power[(hz >= low) & (hz < 2 * low)].mean() for low in (low_hz, high_hz)]
    return float(10 * np.log10(bands[1] / bands[0]) / np.log2(high_hz / low_hz))


@pytest.mark.parametrize(("source", "slope"), [("white", 0), ("pink", -3), ("brown", -6)])
def test_coloured_noise_has_its_slope(source: str, slope: float, rng: np.random.Generator) -> None:
    sound = make_music(1, RATE_HZ, 4.0)
    noise = noise_of(sound, add_noise_at(sound, NoiseParameters(source, -40), rng).waveform)[0]
    assert slope_db_per_octave(noise, 100, 3200) == pytest.approx(slope, abs=0.5)


def test_hiss_is_at_the_top(rng: np.random.Generator) -> None:
    assert slope_db_per_octave(noise_sources.hiss(4 * RATE_HZ, RATE_HZ, rng), 100, 800) == pytest.approx(6, abs=0.7)


def test_hum_is_a_comb_on_the_mains(rng: np.random.Generator) -> None:
    hum = noise_sources.hum(8 * RATE_HZ, RATE_HZ, rng, 60.0)
    power = np.abs(np.fft.rfft(hum * np.hanning(len(hum)))) ** 2
    hz = np.fft.rfftfreq(len(hum), 1 / RATE_HZ)
    on = np.abs(hz / 60 - np.round(hz / 60)) < 0.03
    assert power[on & (hz > 30)].sum() > 0.99 * power.sum()
    assert hz[np.argmax(power)] == pytest.approx(60, abs=0.5)


def test_hum_of_a_low_rate_has_what_harmonics_fit(rng: np.random.Generator) -> None:
    assert np.abs(noise_sources.hum(1000, 300, rng, 60.0)).max() > 0


def test_the_mains_are_drawn_and_told(music: Waveform) -> None:
    parameters = NoiseParameters("hum")
    drawn = {add_noise_at(music, parameters, np.random.default_rng(seed)).parameters["mains_hz"] for seed in range(8)}
    assert drawn == {50.0, 60.0}
    told = add_noise_at(music, NoiseParameters("hum", mains_hz=55), np.random.default_rng(0))
    assert told.parameters["mains_hz"] == 55


def test_crackle_is_sparse(rng: np.random.Generator) -> None:
    crackle = noise_sources.crackle(2 * RATE_HZ, RATE_HZ, rng)
    assert np.mean(crackle**4) / np.mean(crackle**2) ** 2 > 10  # of white noise it is 3


def test_traffic_comes_and_goes_at_the_low_end(rng: np.random.Generator) -> None:
    traffic = noise_sources.traffic(8 * RATE_HZ, RATE_HZ, rng)
    loudness = np.sqrt(np.mean(traffic[: 32 * 5512].reshape(32, -1) ** 2, axis=1))
    assert loudness.max() > 1.5 * loudness.min()
    power, hz = np.abs(np.fft.rfft(traffic)) ** 2, np.fft.rfftfreq(len(traffic), 1 / RATE_HZ)
    assert power[hz < 3000].sum() > 0.8 * power.sum()


@pytest.mark.parametrize("rate_hz", [8000, 44_100])
def test_babble_has_the_syllables_of_speech(rate_hz: int, rng: np.random.Generator) -> None:
    babble = noise_sources.babble(rate_hz, rate_hz, rng)
    assert len(babble) == rate_hz
    power, hz = np.abs(np.fft.rfft(babble)) ** 2, np.fft.rfftfreq(len(babble), 1 / rate_hz)
    assert power[(hz > 100) & (hz < 3500)].sum() > 0.8 * power.sum()


def test_a_recording_is_mixed_in_as_it_is(music: Waveform, rng: np.random.Generator) -> None:
    rain = Waveform(rng.standard_normal((1, 4000)).astype(np.float32), music.rate_hz)
    done = add_noise_at(music, NoiseParameters("recording", 6, clips=(rain,)), rng)
    noise = noise_of(music, done.waveform)
    assert done.severity == pytest.approx(0.85, abs=1e-3)
    assert noise[0] == pytest.approx(noise[1], abs=0.05)
    assert np.corrcoef(noise[0, :4000], noise[0, 4000:8000])[0, 1] > 0.9  # it is repeated


def test_recordings_of_any_rate_and_channels_make_a_babble(music: Waveform, rng: np.random.Generator) -> None:
    voices = (make_music(2, 8000, 0.2, seed=1), make_music(1, 44_100, 0.3, seed=2), make_music(8, 16_000, 0.1, seed=3))
    done = add_noise_at(music, NoiseParameters("babble", 10, clips=voices), rng)
    assert done.severity == pytest.approx(0.75, abs=1e-3)
    assert "clips" not in done.parameters


def test_wrong_noise_is_told(music: Waveform, rng: np.random.Generator) -> None:
    with pytest.raises(ConfigError, match='source "pnik" is not known; did you mean "pink"'):
        add_noise_at(music, NoiseParameters("pnik"), rng)
    with pytest.raises(ConfigError, match="white: found snr_db=200"):
        add_noise_at(music, NoiseParameters("white", 200), rng)
    with pytest.raises(ConfigError, match="found no recording of noise"):
        add_noise_at(music, NoiseParameters("recording"), rng)
    silent = Waveform(np.zeros((1, 99), dtype=np.float32), 8000)
    with pytest.raises(AudioError, match="noise recording: found silence"):
        add_noise_at(music, NoiseParameters("recording", clips=(silent,)), rng)


def test_a_recording_of_the_sound_itself_adds_nothing(rng: np.random.Generator) -> None:
    constant = Waveform(np.full((1, 64), 0.5, dtype=np.float32), 8000)
    with pytest.raises(AudioError, match="add_noise: found sound of power"):
        add_noise_at(constant, NoiseParameters("recording", clips=(constant,)), rng)
