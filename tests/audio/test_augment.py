from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.audio import augment
from earmark.audio.augment import (
    Masks,
    add_noise,
    add_reverberation,
    change_gain,
    clip_peaks,
    coloured_noise,
    limit_band,
    mask_spectrogram,
    random_equalizer,
    shift_time,
)
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tests.audio.conftest import Tone

RATE_HZ = 16_000


def power(samples: NDArray[Any]) -> float:
    return float(np.mean(samples.astype(np.float64) ** 2))


def band_power_db(samples: NDArray[np.float32], low_hz: float, high_hz: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequencies_hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    return float(10 * np.log10(spectrum[(frequencies_hz >= low_hz) & (frequencies_hz < high_hz)].mean()))


@pytest.mark.parametrize(("colour", "slope_db"), [("white", 0), ("pink", -3.01), ("brown", -6.02)])
def test_noise_falls_by_its_slope_per_octave(colour: augment.Colour, slope_db: float, rng: np.random.Generator) -> None:
    noise = coloured_noise(2**17, colour, rng)
    assert noise.dtype == np.float32
    assert power(noise) == pytest.approx(1, rel=1e-4)
    octaves = [band_power_db(noise, low_hz, 2 * low_hz) for low_hz in (125, 250, 500, 1000, 2000, 4000)]
    np.testing.assert_allclose(np.diff(octaves), slope_db, atol=0.5)


@pytest.mark.parametrize("n_samples", [1, 2, 3])
@pytest.mark.parametrize("colour", ["white", "pink", "brown"])
def test_the_shortest_noise_is_noise(colour: augment.Colour, n_samples: int, rng: np.random.Generator) -> None:
    noise = coloured_noise(n_samples, colour, rng)
    assert noise.shape == (n_samples,)
    assert power(noise) == pytest.approx(1, rel=1e-4)


def test_unknown_colours_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(AudioError, match="found 10 samples of 'blue', expected one or more of white, pink, brown"):
        coloured_noise(10, "blue", rng)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="found 0 samples"):
        coloured_noise(0, "white", rng)


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 7.5, 40.0])
@pytest.mark.parametrize("n_noise", [1000, 16_000, 50_000])
def test_the_ratio_of_powers_is_the_one_asked_for(
    tone: Tone, rng: np.random.Generator, snr_db: float, n_noise: int
) -> None:
    clean = tone(440, 1.0, RATE_HZ)
    noisy = add_noise(clean, 0.01 * coloured_noise(n_noise, "pink", rng), snr_db)
    assert noisy.dtype == np.float32
    assert 10 * np.log10(power(clean) / power(noisy - clean)) == pytest.approx(snr_db, abs=0.1)


def test_silence_has_no_ratio(tone: Tone) -> None:
    sound, silence = tone(440, 0.1, RATE_HZ), np.zeros(100, dtype=np.float32)
    with pytest.raises(AudioError, match=r"found sound of power 0, .*leave silent clips out"):
        add_noise(silence, sound, 10)
    with pytest.raises(AudioError, match="noise of power 0"):
        add_noise(sound, silence, 10)
    with pytest.raises(AudioError, match="nan dB"):
        add_noise(sound, sound, float("nan"))


def test_gain_is_in_decibels(tone: Tone) -> None:
    np.testing.assert_allclose(change_gain(tone(440, 0.1, RATE_HZ), 20.0), tone(440, 0.1, RATE_HZ, 5.0), rtol=1e-5)
    with pytest.raises(AudioError, match="found inf dB"):
        change_gain(tone(440, 0.1, RATE_HZ), float("inf"))


@pytest.mark.parametrize(
    ("shift_samples", "expected"),
    [(0, [1, 2, 3]), (1, [0, 1, 2]), (-1, [2, 3, 0]), (3, [0, 0, 0]), (-3, [0, 0, 0]), (9, [0, 0, 0]), (-9, [0] * 3)],
)
def test_shifts_fill_with_zeros(shift_samples: int, expected: list[int]) -> None:
    assert shift_time(np.array([1, 2, 3], dtype=np.float32), shift_samples).tolist() == expected


def test_the_telephone_band_stays_and_the_rest_goes(tone: Tone) -> None:
    for frequency_hz, gain_db in ((1000, 0), (300, -6), (3400, -6), (100, -70), (7000, -70)):
        limited = limit_band(tone(frequency_hz, 1.0, RATE_HZ), RATE_HZ)[2000:-2000]
        change_db = 10 * np.log10(power(limited) / 0.125)
        assert change_db == pytest.approx(gain_db, abs=0.2) if gain_db > -50 else change_db < gain_db


def test_limiting_delays_nothing(rng: np.random.Generator) -> None:
    noise = coloured_noise(8000, "white", rng)
    overlap = np.correlate(limit_band(noise, RATE_HZ), noise, "full")
    assert np.argmax(overlap) == 7999


def test_open_edges_let_pass(tone: Tone) -> None:
    low, high = tone(100, 0.5, RATE_HZ), tone(7000, 0.5, RATE_HZ)
    assert power(limit_band(low, RATE_HZ, low_hz=None)) == pytest.approx(power(low), rel=0.02)
    assert power(limit_band(high, RATE_HZ, high_hz=None)) == pytest.approx(power(high), rel=0.02)
    assert power(limit_band(high, RATE_HZ, high_hz=8000.0)) == pytest.approx(power(high), rel=0.02)
    np.testing.assert_array_equal(limit_band(low, RATE_HZ, low_hz=None, high_hz=None), low)


@pytest.mark.parametrize("n_samples", [1, 2, 20])
def test_the_shortest_sounds_can_be_limited(n_samples: int) -> None:
    assert limit_band(np.ones(n_samples, dtype=np.float32), 8000).shape == (n_samples,)


@pytest.mark.parametrize(
    "band", [{"low_hz": 3000.0, "high_hz": 300.0}, {"low_hz": -1.0}, {"low_hz": 9000.0, "high_hz": None}, {"order": 0}]
)
def test_empty_bands_are_refused(tone: Tone, band: dict[str, Any]) -> None:
    with pytest.raises(AudioError, match=r"at 16000 Hz, expected 0 < low_hz < high_hz, below 8000 Hz"):
        limit_band(tone(440, 0.1, RATE_HZ), RATE_HZ, **band)


@pytest.mark.parametrize("rt60_s", [0.2, 0.6])
def test_a_room_rings_for_its_time(rng: np.random.Generator, rt60_s: float) -> None:
    click = np.zeros(RATE_HZ, dtype=np.float32)
    click[100] = 1
    wet = add_reverberation(click, RATE_HZ, rt60_s, rng, direct_to_reverberant_db=0.0)
    assert wet.shape == click.shape
    assert wet[100] == 1  # the direct sound, where and as loud as it was
    assert np.abs(wet[101:132]).max() < 1e-12  # 2 ms of rest
    tail = wet[132:].astype(np.float64)
    assert np.sum(tail**2) == pytest.approx(1, rel=0.02)
    remaining = np.cumsum(tail[::-1] ** 2)[::-1]  # Schroeder's backward integration
    fall_db = 10 * np.log10(remaining[: round(0.5 * rt60_s * RATE_HZ)] / remaining[0])
    measured_s = -60 / np.polyfit(np.arange(len(fall_db)) / RATE_HZ, fall_db, 1)[0]
    assert measured_s == pytest.approx(rt60_s, rel=0.15)


def test_the_direct_sound_stands_out_by_the_ratio(rng: np.random.Generator) -> None:
    noise = coloured_noise(4 * RATE_HZ, "white", rng)
    wet = add_reverberation(noise, RATE_HZ, 0.3, rng, direct_to_reverberant_db=6.0)
    assert 10 * np.log10(power(noise) / power(wet - noise)) == pytest.approx(6.0, abs=0.5)


def test_sound_shorter_than_the_detour_stays_dry(rng: np.random.Generator) -> None:
    click = np.ones(10, dtype=np.float32)
    np.testing.assert_array_equal(add_reverberation(click, RATE_HZ, 0.5, rng), click)


@pytest.mark.parametrize("rt60_s", [0.0, -1.0, 21.0, float("nan")])
def test_impossible_rooms_are_refused(tone: Tone, rng: np.random.Generator, rt60_s: float) -> None:
    with pytest.raises(AudioError, match=r"expected 0 < rt60_s <= 20"):
        add_reverberation(tone(440, 0.1, RATE_HZ), RATE_HZ, rt60_s, rng)


def test_peaks_are_cut_below_the_highest(tone: Tone) -> None:
    sine = tone(440, 0.1, RATE_HZ)
    clipped = clip_peaks(sine, 6.0206)
    assert np.abs(clipped).max() == pytest.approx(np.abs(sine).max() / 2, rel=1e-4)
    np.testing.assert_array_equal(clipped[np.abs(sine) < 0.24], sine[np.abs(sine) < 0.24])
    np.testing.assert_array_equal(clip_peaks(sine, 0.0), sine)
    with pytest.raises(AudioError, match=r"found depth_db=-1\.0"):
        clip_peaks(sine, -1.0)


@pytest.mark.parametrize("rate_hz", [8000, 48_000])
def test_an_equalizer_stays_within_its_gains(rng: np.random.Generator, rate_hz: int) -> None:
    click = np.zeros(2**14, dtype=np.float32)
    click[0] = 1
    for _ in range(20):
        response_db = 20 * np.log10(np.abs(np.fft.rfft(random_equalizer(click, rate_hz, rng, n_bands=1))))
        assert 0.05 < np.abs(response_db).max() <= 6.01
        assert np.abs(response_db[[0, -1]]).max() < 0.05  # a peaking filter leaves both ends alone


def test_an_equalizer_of_no_gain_changes_nothing(tone: Tone, rng: np.random.Generator) -> None:
    sine = tone(440, 0.1, RATE_HZ)
    np.testing.assert_allclose(random_equalizer(sine, RATE_HZ, rng, max_gain_db=0.0), sine, atol=1e-6)
    with pytest.raises(AudioError, match=r"found n_bands=0, max_gain_db=6\.0"):
        random_equalizer(sine, RATE_HZ, rng, n_bands=0)


def test_masks_are_full_stretches_no_wider_than_allowed(rng: np.random.Generator) -> None:
    features = rng.uniform(1, 2, (200, 100, 40)).astype(np.float32)
    masks = Masks(n_mel_masks=1, max_mels=6, n_time_masks=1, max_frames=30, max_time_share=0.2)
    masked = mask_spectrogram(features, rng, masks=masks, fill=0.0)
    is_masked = masked == 0
    mels, frames = is_masked.all(axis=1), is_masked.all(axis=2)
    assert set(mels.sum(axis=1)) == set(range(7))
    assert set(frames.sum(axis=1)) == set(range(21))  # 20 % of 100 frames
    np.testing.assert_array_equal(is_masked, mels[:, np.newaxis, :] | frames[:, :, np.newaxis])
    np.testing.assert_array_equal(masked[~is_masked], features[~is_masked])
    for row in (*mels, *frames):
        assert np.abs(np.diff(row.astype(int))).sum() <= 2  # one stretch
    assert len({tuple(row) for row in mels}) > 50  # every item its own


def test_masks_hold_the_mean_of_their_item(rng: np.random.Generator) -> None:
    features = np.stack([np.full((50, 20), 3.0), np.full((50, 20), 7.0)]).astype(np.float32)
    np.testing.assert_allclose(mask_spectrogram(features, rng), features)
    assert mask_spectrogram(features[0], rng).shape == (50, 20)


def test_masks_fit_into_small_features(rng: np.random.Generator) -> None:
    for shape in ((1, 1), (2, 3), (3, 2, 4, 5)):
        assert mask_spectrogram(np.ones(shape, dtype=np.float32), rng).shape == shape
    with pytest.raises(AudioError, match=r"found shape \(5,\), expected \(\.\.\., n_frames, n_mels\)"):
        mask_spectrogram(np.ones(5, dtype=np.float32), rng)


EFFECTS: dict[str, Any] = {
    "add_noise": lambda samples, rng: add_noise(samples, coloured_noise(800, "brown", rng), 10),
    "change_gain": lambda samples, _: change_gain(samples, -3),
    "shift_time": lambda samples, _: shift_time(samples, 7),
    "change_pitch": lambda samples, _: augment.change_pitch(samples, RATE_HZ, 2),
    "stretch_time": lambda samples, _: augment.stretch_time(samples, RATE_HZ, 1.1),
    "change_speed": lambda samples, _: augment.change_speed(samples, 1.1),
    "limit_band": lambda samples, _: limit_band(samples, RATE_HZ),
    "add_reverberation": lambda samples, rng: add_reverberation(samples, RATE_HZ, 0.3, rng),
    "clip_peaks": lambda samples, _: clip_peaks(samples, 3),
    "random_equalizer": lambda samples, rng: random_equalizer(samples, RATE_HZ, rng),
}


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_every_effect_is_a_pure_function_of_its_generator(name: str, tone: Tone) -> None:
    effect: Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]] = EFFECTS[name]
    samples = tone(440, 0.2, RATE_HZ)
    samples.flags.writeable = False
    first, second = (effect(samples, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32
    assert first.ndim == 1
    assert not np.shares_memory(first, samples)
    with pytest.raises(AudioError, match=rf"{name}: found float64"):
        effect(samples.astype(np.float64), np.random.default_rng(5))


def test_everything_public_is_tried() -> None:
    others = {"Masks", "coloured_noise", "mask_spectrogram"}
    assert set(EFFECTS) | others == set(augment.__all__)
