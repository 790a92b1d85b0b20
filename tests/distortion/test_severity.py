from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.audio import Waveform
from earmark.core.errors import AudioError, ConfigError
from earmark.distortion.severity import (
    KINDS,
    MP3_EQUIVALENCE,
    StereoImage,
    clipping_severity,
    compression_severity,
    distortion_ratio_db,
    frequency_deviation_db,
    frequency_severity,
    measure_severity,
    mp3_equivalent_kbps,
    noise_severity,
    phase_severity,
    stereo_image,
    third_octave_levels_db,
)

RATE_HZ = 16_000


def sines(*parts: tuple[float, float], n_samples: int = RATE_HZ) -> Waveform:
    """Return a sum of tones given as (frequency, amplitude)."""
    times_s = np.arange(n_samples) / RATE_HZ
    total = sum((size * np.sin(2 * np.pi * hz * times_s) for hz, size in parts), np.zeros(n_samples))
    return Waveform(total.astype(np.float32)[np.newaxis], RATE_HZ)


def stereo(left: object, right: object) -> Waveform:
    return Waveform(np.array([left, right], dtype=np.float32), RATE_HZ)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (clipping_severity(40), 0),
        (clipping_severity(22.5), 0.5),
        (clipping_severity(5), 1),
        (clipping_severity(math.inf), 0),
        (clipping_severity(-math.inf), 1),
        (noise_severity(40), 0),
        (noise_severity(10), 0.75),
        (noise_severity(-3), 1),
        (frequency_severity(5), 0.25),
        (frequency_severity(30), 1),
        (compression_severity("mp3", 256), 0),
        (compression_severity("mp3", 320), 0),
        (compression_severity("mp3", 64), 2 / 3),
        (compression_severity("mp3", 32), 1),
        (compression_severity("mp3", 64, n_channels=1), 1 / 3),  # mono counts twice
        (compression_severity("mp3", 64, rate_hz=16_000), 1 / 3),  # so do the bits of half the samples
        (compression_severity("mp3", 128, rate_hz=96_000), 1 / 3),
        (compression_severity("opus", 64), math.log2(256 / 96) / 3),
        (compression_severity("mp2", 160), 1 / 3),
    ],
)
def test_severity_is_what_the_table_says(value: float, expected: float) -> None:
    assert value == pytest.approx(expected)


@given(st.floats(-200, 200), st.floats(-200, 200))
def test_more_of_a_fault_is_never_less_severe(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 1 >= clipping_severity(low) >= clipping_severity(high) >= 0
    assert 1 >= noise_severity(low) >= noise_severity(high) >= 0
    assert 0 <= frequency_severity(low) <= frequency_severity(high) <= 1


def test_codecs_count_by_how_good_they_are() -> None:
    equal = {codec: mp3_equivalent_kbps(codec, 100) for codec in MP3_EQUIVALENCE}
    assert equal["opus"] > equal["vorbis"] > equal["aac"] > equal["mp3"] > equal["ac3"] > equal["mp2"]


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(ConfigError, match='codec "mp4" is not known; did you mean "mp3"'):
        compression_severity("mp4", 128)


@pytest.mark.parametrize("kbps", [0, -1, math.nan, math.inf])
def test_a_bit_rate_is_above_nothing(kbps: float) -> None:
    with pytest.raises(ConfigError, match="expected numbers above 0"):
        compression_severity("mp3", kbps)


def test_the_distortion_ratio_counts_what_is_not_the_original() -> None:
    clean, whole = sines((500, 0.5)), sines((500, 0.25), (1000, 0.025))
    assert distortion_ratio_db(clean.samples, whole.samples) == pytest.approx(20, abs=1e-3)


def test_the_distortion_ratio_forgives_any_gain(rng: np.random.Generator) -> None:
    clean, noise = rng.standard_normal((2, 2, 5000)).astype(np.float32)
    ratios = [distortion_ratio_db(clean, gain * (clean + 0.1 * noise)) for gain in (-0.5, 0.01, 1, 8)]
    assert ratios == pytest.approx([ratios[0]] * 4, abs=1e-3)
    assert ratios[0] == pytest.approx(20, abs=0.5)


def test_the_distortion_ratio_of_the_same_sound_is_infinite() -> None:
    clean = sines((500, 0.5)).samples
    assert distortion_ratio_db(clean, clean) == math.inf


def test_sound_without_anything_of_the_original_is_all_distortion() -> None:
    clean = np.array([[1, 0, 0, 0]], dtype=np.float32)
    assert distortion_ratio_db(clean, clean[:, ::-1]) == -math.inf


def test_the_distortion_ratio_needs_sound_of_one_shape() -> None:
    sound = np.ones((1, 4), dtype=np.float32)
    with pytest.raises(AudioError, match=r"found shapes \(1, 4\) and \(1, 3\)"):
        distortion_ratio_db(sound, sound[:, :3])
    for clean, whole in ((sound, 0 * sound), (0 * sound, sound)):
        with pytest.raises(AudioError, match="found silence"):
            distortion_ratio_db(clean, whole)


def test_a_tone_is_in_its_third_octave() -> None:
    centres_hz, levels_db = third_octave_levels_db(sines((1000, 1.0)))
    assert centres_hz[np.argmax(levels_db)] == pytest.approx(1000)
    assert levels_db.max() > np.sort(levels_db)[-2] + 40


def test_third_octaves_stay_below_half_the_rate() -> None:
    centres_hz, _ = third_octave_levels_db(sines((1000, 1.0)))
    assert centres_hz[0] == pytest.approx(25, rel=0.02)
    assert centres_hz[-1] * 10**0.05 <= RATE_HZ / 2


@pytest.mark.parametrize("n_samples", [1, 3])
def test_too_short_a_sound_has_no_spectrum(n_samples: int) -> None:
    with pytest.raises(AudioError, match=f"found {n_samples} samples at 16000 Hz, too few"):
        third_octave_levels_db(sines((1000, 1.0), n_samples=n_samples))


def test_a_level_alone_is_no_deviation() -> None:
    tones = sines((250, 0.3), (1000, 0.3), (4000, 0.3))
    softer = Waveform(tones.samples * np.float32(0.1), RATE_HZ)
    assert frequency_deviation_db(tones, softer) == pytest.approx(0, abs=1e-3)


def test_the_deviation_is_the_mean_over_bands() -> None:
    bands = [(float(1000 * 10 ** (k / 10)), 0.1) for k in (-6, -3, 0, 3)]
    before, after = sines(*bands), sines(*bands[:-1], (bands[-1][0], 0.01))
    # of four sounding bands one fell by 20 dB; leakage beside them is more than 60 dB down in both
    assert frequency_deviation_db(before, after) == pytest.approx(20 / 4, abs=1.5)


def test_half_of_all_bands_lost_is_the_worst_there_is(rng: np.random.Generator) -> None:
    noise = rng.standard_normal((1, 4 * RATE_HZ)).astype(np.float32)
    spectrum = np.fft.rfft(noise)
    hz = np.fft.rfftfreq(noise.shape[1], 1 / RATE_HZ)
    low = np.fft.irfft(spectrum * (hz < 420), noise.shape[1]).astype(np.float32)
    deviation_db = frequency_deviation_db(Waveform(noise, RATE_HZ), Waveform(low, RATE_HZ))
    assert 18 < deviation_db <= 20


def test_the_deviation_needs_one_rate_and_some_sound() -> None:
    tone = sines((1000, 0.5))
    with pytest.raises(AudioError, match="rates 16000 and 8000 Hz"):
        frequency_deviation_db(tone, Waveform(tone.samples, 8000))
    constant = Waveform(np.full_like(tone.samples, 0.5), RATE_HZ)
    with pytest.raises(AudioError, match="no sound from 25 Hz to 20 kHz"):
        frequency_deviation_db(constant, tone)


@pytest.mark.parametrize(
    ("left", "right", "image"),
    [
        ([1, -1, 1, -1], [1, -1, 1, -1], StereoImage(1, 0, 0)),
        ([1, -1, 1, -1], [-1, 1, -1, 1], StereoImage(-1, 0, 60)),
        ([1, -1, 1, -1], [1, 1, -1, -1], StereoImage(0, 0, 10 * math.log10(2))),
        ([1, -1, 1, -1], [0, 0, 0, 0], StereoImage(0, 60, 10 * math.log10(2))),
        ([1, -1, 1, -1], [0.1, -0.1, 0.1, -0.1], StereoImage(1, 20, 10 * math.log10(0.505 / 0.55**2))),
    ],
)
def test_the_stereo_image_of_known_sounds(left: list[float], right: list[float], image: StereoImage) -> None:
    found = stereo_image(stereo(left, right))
    assert found.correlation == pytest.approx(image.correlation)
    assert found.imbalance_db == pytest.approx(image.imbalance_db, abs=1e-4)
    assert found.fold_down_loss_db == pytest.approx(image.fold_down_loss_db, abs=1e-4)


def test_the_stereo_image_needs_two_channels_with_sound() -> None:
    with pytest.raises(AudioError, match="found 1 channels, expected 2"):
        stereo_image(sines((1000, 1.0)))
    with pytest.raises(AudioError, match="silence in both channels"):
        stereo_image(stereo([0, 0], [0, 0]))


def test_phase_takes_the_worse_of_correlation_and_balance() -> None:
    before = StereoImage(0.8, 1.0, 0.5)
    assert phase_severity(before, StereoImage(-0.2, 1.0, 4.0)) == pytest.approx(0.5)
    assert phase_severity(before, StereoImage(0.8, 7.0, 0.5)) == pytest.approx(0.25)
    assert phase_severity(before, StereoImage(0.9, 0.0, 0.2)) == 0
    assert phase_severity(before, StereoImage(0.0, 60.0, 3.0)) == 1


def test_every_kind_is_measured_from_sound_but_compression() -> None:
    before = stereo(*sines((300, 0.5), (2000, 0.2)).samples.repeat(2, axis=0))
    for kind in KINDS:
        if kind == "compression":
            with pytest.raises(ConfigError, match="use compression_severity"):
                measure_severity(kind, before, before)
        else:
            assert measure_severity(kind, before, before) == 0
