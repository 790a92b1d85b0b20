from __future__ import annotations

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import AudioError, ConfigError
from earmark.distortion.effects import phase


def correlation(waveform: Waveform) -> float:
    left, right = waveform.samples.astype(float)
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


def imbalance_db(waveform: Waveform) -> float:
    left, right = waveform.samples.astype(float)
    return float(abs(20 * np.log10(np.linalg.norm(left) / np.linalg.norm(right))))


def test_inversion_swaps_one_polarity(music: Waveform, rng: np.random.Generator) -> None:
    done = phase.invert(music, phase.InversionParameters(channel=1), rng)
    assert done.waveform.samples == pytest.approx(music.samples * np.array([[1], [-1]]), abs=1e-6)
    assert done.severity == pytest.approx(correlation(music), abs=1e-4)
    assert done.fold_down_loss_db is not None
    assert done.fold_down_loss_db > 6


@pytest.mark.parametrize("angle_deg", [0.0, 60.0, 90.0])
def test_a_turned_channel_correlates_by_the_cosine(angle_deg: float, music: Waveform, rng: np.random.Generator) -> None:
    done = phase.invert(music, phase.InversionParameters(angle_deg), rng)
    expected = correlation(music) * np.cos(np.radians(angle_deg))
    assert correlation(done.waveform) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("delay_ms", [0.0, 1.0, 3.3])
def test_a_delay_moves_one_channel(delay_ms: float, rng: np.random.Generator) -> None:
    times_s = np.arange(8000) / 8000
    chirp = 0.5 * np.sin(2 * np.pi * (200 * times_s + 600 * times_s**2))
    done = phase.delay(
        Waveform(np.stack([chirp, chirp]).astype(np.float32), 8000), phase.DelayParameters(delay_ms, channel=0), rng
    )
    left, right = done.waveform.samples
    late = times_s - delay_ms / 1000
    expected = np.where(late >= 0, np.sin(2 * np.pi * (200 * late + 600 * late**2)), 0)
    gain = np.linalg.norm(right) / np.linalg.norm(chirp)
    assert left[100:-100] == pytest.approx(0.5 * gain * expected[100:-100], abs=0.01)


def test_a_lost_channel_is_silent_and_as_bad_as_can_be(music: Waveform, rng: np.random.Generator) -> None:
    done = phase.lose_channel(music, phase.LostChannelParameters(0), rng)
    assert not done.waveform.samples[0].any()
    assert done.severity == 1
    assert done.fold_down_loss_db == pytest.approx(3.01, abs=0.01)


def test_the_channel_that_carries_nothing_is_the_one_to_lose(music: Waveform, rng: np.random.Generator) -> None:
    half = Waveform(music.samples * np.array([[0], [1]], dtype=np.float32), music.rate_hz)
    done = phase.lose_channel(half, phase.LostChannelParameters(), rng)
    assert done.parameters["channel"] == 0
    assert done.severity == 0
    with pytest.raises(AudioError, match="lost-channel: leaves silence"):
        phase.lose_channel(half, phase.LostChannelParameters(1), rng)


def test_imbalance_grows_by_what_was_asked(music: Waveform, rng: np.random.Generator) -> None:
    done = phase.unbalance(music, phase.ImbalanceParameters(12), rng)
    assert imbalance_db(done.waveform) - imbalance_db(music) == pytest.approx(12, abs=1e-3)
    assert done.severity == pytest.approx(0.5, abs=1e-3)


def test_of_equal_channels_either_may_be_softer(music: Waveform) -> None:
    even = Waveform(np.tile(music.samples[:1], (2, 1)), music.rate_hz)
    drawn = {
        phase.unbalance(even, phase.ImbalanceParameters(6), np.random.default_rng(seed)).parameters["channel"]
        for seed in range(8)
    }
    assert drawn == {0, 1}


def test_over_wide_raises_the_difference(music: Waveform, rng: np.random.Generator) -> None:
    done = phase.widen(music, phase.OverWideParameters(20), rng)

    def ratio_db(waveform: Waveform) -> float:
        left, right = waveform.samples.astype(float)
        return float(20 * np.log10(np.linalg.norm(left - right) / np.linalg.norm(left + right)))

    assert ratio_db(done.waveform) - ratio_db(music) == pytest.approx(20, abs=1e-3)
    assert done.severity > 0.1


def test_false_stereo_folds_down_to_the_mono_mix(music: Waveform, rng: np.random.Generator) -> None:
    done = phase.fake_stereo(music, phase.FalseStereoParameters(1.0), rng)
    folded, middle = done.waveform.mono(), music.mono()
    assert np.corrcoef(folded, middle)[0, 1] == pytest.approx(1, abs=1e-5)
    assert abs(correlation(done.waveform)) < 0.2


def test_a_band_cancels_in_mono(rng: np.random.Generator) -> None:
    samples = np.tile(np.random.default_rng(2).standard_normal(16_000), (2, 1)) * 0.2
    noise = Waveform(samples.astype(np.float32), 16_000)
    done = phase.cancel_in_mono(noise, phase.FoldDownParameters(2.0, 1000), rng)
    power, hz = np.abs(np.fft.rfft(done.waveform.mono())) ** 2, np.fft.rfftfreq(16_000, 1 / 16_000)
    inside, outside = power[(hz > 600) & (hz < 1700)].mean(), power[(hz > 3000) & (hz < 7000)].mean()
    assert inside < 0.01 * outside
    assert done.severity > 0.1
    assert done.parameters["centre_hz"] == 1000


@pytest.mark.parametrize(
    ("effect", "parameters"),
    [
        (phase.invert, phase.InversionParameters()),
        (phase.delay, phase.DelayParameters()),
        (phase.lose_channel, phase.LostChannelParameters()),
        (phase.unbalance, phase.ImbalanceParameters()),
        (phase.widen, phase.OverWideParameters()),
        (phase.fake_stereo, phase.FalseStereoParameters()),
        (phase.cancel_in_mono, phase.FoldDownParameters()),
    ],
)
def test_faults_of_stereo_refuse_mono(effect: type, parameters: object, mono: Waveform) -> None:
    with pytest.raises(AudioError, match="found 1 channel, expected 2: it is a fault of stereo"):
        effect(mono, parameters, np.random.default_rng(0))


def test_wrong_numbers_are_told(music: Waveform, rng: np.random.Generator) -> None:
    with pytest.raises(ConfigError, match="delay: found delay_ms=-1"):
        phase.delay(music, phase.DelayParameters(-1), rng)
    with pytest.raises(ConfigError, match="inversion: found channel=2"):
        phase.invert(music, phase.InversionParameters(channel=2), rng)
