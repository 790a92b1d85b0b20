"""Taggers that hear middle and side by themselves; real ones where their weights are at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import ConfigError
from earmark.distortion.designs.embedding import EncodedFrontend, EncodedOptions, mn04_midside, panns_midside
from earmark.encoders.weights import weights_at_hand
from earmark.features import LevelFrontend
from earmark.features.testing import NativeFrontendContract, noise

if TYPE_CHECKING:
    from earmark.features.base import NativeFrontend


def encoded(*, side: bool = True) -> EncodedFrontend:
    """Return a frontend over levels of eight parts of a window, -100 dB where there is nothing."""
    return EncodedFrontend("levels", LevelFrontend(8000, 10.0, 10.0), EncodedOptions(side=side))


class TestEncoded(NativeFrontendContract):
    def frontend(self) -> NativeFrontend:
        return encoded()


def row(sound: Waveform, *, side: bool = True) -> list[float]:
    (window,) = encoded(side=side).measure([sound])
    return [float(value) for value in window.features]


def test_middle_side_and_whether_there_is_a_side() -> None:
    sound = noise(2, 80_000, 8000)
    found = row(sound)
    left, right = sound.samples
    middle, side = np.square(left + right).mean(), np.square(left - right).mean()
    assert len(found) == 17
    assert found[-1] == 1
    assert np.mean(found[:8]) - np.mean(found[8:16]) == pytest.approx(10 * np.log10(middle / side), abs=0.1)


def test_mono_has_no_side() -> None:
    assert row(noise(1, 80_000, 8000))[8:] == [0] * 9
    assert row(noise(4, 80_000, 8000))[-1] == 0
    assert len(row(noise(2, 80_000, 8000), side=False)) == 8


def test_loudness_tells_nothing() -> None:
    sound = noise(2, 80_000, 8000)
    assert row(sound) == pytest.approx(row(Waveform(np.float32(0.01) * sound.samples, 8000)), abs=1e-3)


def test_a_block_longer_than_a_window_is_heard_to_its_end() -> None:
    samples = np.concatenate([noise(1, 80_000, 8000).samples, 0 * noise(1, 6000, 8000).samples], axis=1)
    late = np.roll(samples, 6000, axis=1)
    first, last = row(Waveform(samples, 8000)), row(Waveform(late, 8000))
    assert first[:8] == pytest.approx(last[:8][::-1], abs=1.0)


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match='frontend "mn04_midside"'):
        mn04_midside(sides=True)
    with pytest.raises(ConfigError, match='frontend "panns_midside"'):
        panns_midside(side="both")


@pytest.mark.skipif(weights_at_hand("mn04") is None, reason="weights of mn04 are not on this machine")
def test_mn04_hears_rates_and_channels_apart() -> None:
    frontend = mn04_midside()
    assert frontend.spec.shape == (2 * 1696 + 1,)
    (two,), (one,) = (list(frontend.measure([noise(n, 60_000, 44_100)])) for n in (2, 1))
    assert two.features[-1] == 1
    assert not one.features[1696:].any()
    assert np.isfinite(two.features).all()


@pytest.mark.skipif(weights_at_hand("panns_cnn14") is None, reason="weights of Cnn14 are not on this machine")
def test_cnn14_gives_2048_numbers_of_each() -> None:
    assert panns_midside().spec.shape == (4097,)
