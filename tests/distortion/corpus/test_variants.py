"""What clean sound is made like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.distortion.corpus import variants
from earmark.distortion.corpus.variants import MEASURED, MOST_SEVERITY, OTHER_RATES_HZ, VARIANTS, vary
from earmark.distortion.severity import measure_severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from earmark.distortion.severity import Kind

    Make = Callable[..., Waveform]


@pytest.fixture(scope="module")
def clean(make: Make) -> Waveform:
    return make(2, 44_100, 2.0)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def level_db(samples: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(np.square(samples))))


def white(n_channels: int = 2) -> Waveform:
    return Waveform(np.float32(0.1) * generator().standard_normal((n_channels, 88_200), dtype=np.float32), 44_100)


@pytest.mark.parametrize("variant", ["", *VARIANTS])
def test_it_lasts_as_long_is_not_silent_and_no_fault(clean: Waveform, variant: str) -> None:
    for seed in range(3):
        before = clean.samples.copy()
        changed = vary(clean, variant, generator(seed))
        assert changed.samples.dtype == np.float32
        assert changed.duration_s == pytest.approx(clean.duration_s, abs=1e-4)
        assert level_db(changed.samples) > level_db(clean.samples) - 35
        assert np.isfinite(changed.samples).all()
        if variant in MEASURED:
            kind: Kind = "phase" if variant == "wide" else "frequency"
            assert measure_severity(kind, clean, changed) <= MOST_SEVERITY
        np.testing.assert_array_equal(clean.samples, before)
        np.testing.assert_array_equal(vary(clean, variant, generator(seed)).samples, changed.samples)


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name not in {"quiet"}])
def test_it_is_another_sound(clean: Waveform, variant: str) -> None:
    changed = vary(clean, variant, generator(1))
    assert changed.samples.shape != clean.samples.shape or np.abs(changed.samples - clean.samples).max() > 1e-4


def test_quiet_and_none_are_matters_of_level(clean: Waveform) -> None:
    assert vary(clean, "", generator()) is clean
    assert vary(clean, "quiet", generator()) is clean


def test_loud_is_louder_and_no_sample_is_cut_off(clean: Waveform) -> None:
    peak = np.abs(clean.samples).max()
    for seed in range(4):
        loud = variants.make_loud(clean, generator(seed)).samples
        assert np.abs(loud).max() <= peak * (1 + 1e-5)
        assert level_db(loud) > level_db(clean.samples) + 1
        assert np.mean(np.abs(loud) >= 0.999 * peak) < 5e-4


def test_mono_is_one_channel_or_two_equal_ones(clean: Waveform) -> None:
    shapes = set()
    for seed in range(8):
        mono = variants.make_mono(clean, generator(seed)).samples
        np.testing.assert_array_equal(mono[0], mono[-1])
        np.testing.assert_allclose(mono[0], clean.samples.mean(axis=0), atol=1e-6)
        shapes.add(len(mono))
    assert shapes == {1, 2}


def test_one_channel_stays_one(mono: Waveform) -> None:
    for seed in range(4):
        assert variants.make_mono(mono, generator(seed)).n_channels == 1
    assert variants.make_wide(mono, generator()) is mono
    assert vary(mono, "wide", generator()) is mono


def test_narrow_ends_between_14_and_20_khz() -> None:
    power = np.abs(np.fft.rfft(variants.make_narrow(white(), generator(2)).samples)) ** 2
    bins_hz = np.fft.rfftfreq(88_200, 1 / 44_100)
    assert power[:, bins_hz > 19_800].max() < 1e-6 * power.max()
    assert power[:, bins_hz < 14_500].mean() == pytest.approx(88_200 * 0.01, rel=0.05)


def test_what_would_come_near_a_fault_is_left_as_it_was() -> None:
    spectrum = np.fft.rfft(white().samples)
    spectrum[:, np.fft.rfftfreq(88_200, 1 / 48_000) < 4000] = 0
    bright = Waveform(np.fft.irfft(spectrum).astype(np.float32), 48_000)
    kept = [vary(bright, "narrow", generator(seed)) is bright for seed in range(6)]
    assert set(kept) == {True, False}
    unrelated = white()
    kept = [vary(unrelated, "wide", generator(seed)) is unrelated for seed in range(6)]
    assert set(kept) == {True, False}


def test_the_rate_is_another_common_one(clean: Waveform) -> None:
    rates = {variants.change_rate(clean, generator(seed)).rate_hz for seed in range(20)}
    assert rates <= set(OTHER_RATES_HZ)
    assert len(rates) > 3
    assert variants.change_rate(Waveform(clean.samples, 48_000), generator()).rate_hz != 48_000


def test_wide_has_more_side_and_the_same_middle(clean: Waveform) -> None:
    wide = variants.make_wide(clean, generator()).samples
    np.testing.assert_allclose(wide.sum(axis=0), clean.samples.sum(axis=0), atol=1e-5)
    grown_db = level_db(wide[0] - wide[1]) - level_db(clean.samples[0] - clean.samples[1])
    assert 1 <= grown_db <= 5


def test_fades_begin_or_end_in_silence(clean: Waveform) -> None:
    ends = set()
    for seed in range(12):
        faded = variants.fade(clean, generator(seed)).samples
        ends.add((not faded[:, 0].any(), not faded[:, -1].any()))
        assert np.all(np.abs(faded) <= np.abs(clean.samples) + 1e-7)
    assert ends == {(True, False), (False, True), (True, True)}


def test_a_pause_is_digital_silence_and_the_rest_is_as_it_was(make: Make) -> None:
    sound = make(1, 22_050, 6.0)
    for seed in range(4):
        paused = variants.add_pause(sound, generator(seed)).samples[0]
        silent = np.flatnonzero(paused == 0)
        assert 0.5 * 22_050 <= silent.size <= 3 * 22_050 + 2
        assert np.mean(paused == sound.samples[0]) > 0.2
        assert np.abs(np.diff(paused)).max() < 1.2 * np.abs(np.diff(sound.samples[0])).max()


def test_colour_tilts_by_up_to_a_decibel_per_octave() -> None:
    before, after = (np.abs(np.fft.rfft(each.samples)) for each in (white(), variants.colour(white(), generator(3))))
    gain_db = 20 * np.log10(after[0] / before[0])
    slope_db = gain_db[16_000] - gain_db[8000]  # 8 kHz against 4 kHz
    assert 0.01 < abs(slope_db) <= 1.01


def test_nothing_turns_into_silence() -> None:
    one = white(1).samples
    cancelling = Waveform(np.concatenate([one, -one]), 44_100)
    assert vary(cancelling, "mono", generator()) is cancelling
    short = np.zeros((1, 44_100), dtype=np.float32)
    short[0, 22_050] = 0.5
    click = Waveform(short, 44_100)
    assert all(vary(click, "pause", generator(seed)).samples.any() for seed in range(20))
