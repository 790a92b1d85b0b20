"""The frontend `midside`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import ConfigError
from earmark.distortion.designs.spectra import FLOOR_DB, TOP_HZ, band_edges_hz, midside
from earmark.features.testing import NativeFrontendContract, noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.features.base import NativeFrontend


class TestMidSide(NativeFrontendContract):
    def frontend(self) -> NativeFrontend:
        return midside(n_bands=32, n_frames=40)


def picture(sound: Waveform, **options: int) -> NDArray[np.float32]:
    return next(iter(midside(**options).measure([sound]))).features


def stereo(left: NDArray[np.float64], right: NDArray[np.float64], rate_hz: int = 44_100) -> Waveform:
    return Waveform(np.stack([left, right]).astype(np.float32), rate_hz)


def tone(frequency_hz: float, duration_s: float = 1.0, rate_hz: int = 44_100) -> NDArray[np.float64]:
    return np.asarray(0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(round(duration_s * rate_hz)) / rate_hz))


def test_bands_reach_from_0_to_22_khz_and_are_narrow_below_2_khz() -> None:
    edges_hz = band_edges_hz(128)
    assert edges_hz[0] == 0
    assert edges_hz[-1] == TOP_HZ
    assert np.allclose(np.diff(edges_hz)[:40], 50)
    assert np.allclose(np.diff(edges_hz)[40:], (TOP_HZ - 2000) / 88)


@pytest.mark.parametrize("frequency_hz", [425.0, 3000.0, 16_100.0, 21_000.0])
@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
def test_a_tone_lies_in_its_band_at_any_rate(frequency_hz: float, rate_hz: int) -> None:
    found = picture(Waveform(tone(frequency_hz, 1.0, rate_hz)[np.newaxis].astype(np.float32), rate_hz))
    band = int(np.searchsorted(band_edges_hz(128), frequency_hz, side="right")) - 1
    middle_db = found[0, :, :-1]
    assert (middle_db.argmax(axis=0) == band).all()
    assert middle_db[band] == pytest.approx(np.full(250, 0.0), abs=1.0)


def test_middle_and_side_are_told_apart() -> None:
    same, other = tone(1000), tone(5000)
    found = picture(stereo(same + other, same - other))
    low, high = (int(np.searchsorted(band_edges_hz(128), hz, side="right")) - 1 for hz in (1000, 5000))
    assert found[0, low, 0] > found[0, high, 0] + 40
    assert found[1, high, 0] > found[1, low, 0] + 40
    assert (found[:, :, -1] == 1).all()


def test_mono_has_no_side_and_says_so() -> None:
    found = picture(noise(1, 44_100, 44_100))
    assert (found[0, :, -1] == 1).all()
    assert (found[1, :, -1] == 0).all()
    assert (found[1, :, :-1] == FLOOR_DB).all()
    twice = picture(Waveform(np.repeat(noise(1, 44_100, 44_100).samples, 2, axis=0), 44_100))
    assert (twice[1, :, -1] == 1).all()
    assert (twice[1, :, :-1] == FLOOR_DB).all()


def test_what_lies_above_half_the_rate_is_not_told() -> None:
    found = picture(noise(2, 16_000, 16_000))
    told = band_edges_hz(128)[1:] <= 8000
    np.testing.assert_array_equal(found[0, :, -1] == 1, told)
    assert (found[0, ~told, :-1] == FLOOR_DB).all()
    assert (found[0, told, :-1] > FLOOR_DB).all()


def test_loudness_tells_nothing() -> None:
    sound = noise(2, 50_000, 44_100)
    softer = Waveform(np.float32(2**-7) * sound.samples, 44_100)
    np.testing.assert_allclose(picture(sound), picture(softer), atol=0.01)


def test_silence_is_not_told() -> None:
    found = picture(Waveform(np.zeros((2, 9000), dtype=np.float32), 44_100))
    assert (found[:, :, :-1] == FLOOR_DB).all()
    assert (found[:, :, -1] == 0).all()


def test_a_short_sound_is_repeated_until_the_picture_is_full() -> None:
    found = picture(noise(1, 8000, 8000))
    np.testing.assert_array_equal(found[0, :, 0:25], found[0, :, 25:50])
    assert not np.array_equal(found[0, :, 0], found[0, :, 1])


def test_the_last_sample_is_seen_in_blocks_a_little_longer_than_ten_seconds() -> None:
    samples = noise(1, round(10.8 * 8000), 8000).samples.copy()
    samples[:, -1000:] *= 30
    (window,) = midside().measure([Waveform(samples, 8000)])
    assert window.features[0, :40, -2].mean() > window.features[0, :40, 0].mean() + 20


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"frontend \"midside\".*n_bands"):
        midside(n_bands=3)
    assert midside(n_frames=30).spec.shape == (2, 128, 31)
    assert midside().spec.config == {"n_bands": 128, "n_frames": 250}
