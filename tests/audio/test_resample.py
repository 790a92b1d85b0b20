from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio.resample import StreamResampler, check_rate, resample
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.audio.conftest import Tone


@pytest.mark.parametrize("to_hz", [8000, 16_000, 44_099, 48_000])
def test_a_tone_stays_where_it_is(tone: Tone, to_hz: int) -> None:
    changed = resample(tone(1000, 1.0, 44_100), 44_100, to_hz)
    assert changed.shape == (to_hz,)
    assert changed.dtype == np.float32
    np.testing.assert_allclose(changed[200:-200], tone(1000, 1.0, to_hz)[200:-200], atol=1e-4)


def test_what_the_lower_rate_cannot_hold_is_gone(tone: Tone) -> None:
    assert np.abs(resample(tone(6000, 1.0, 44_100), 44_100, 8000)[200:-200]).max() < 1e-4


def test_channels_are_resampled_each_for_itself(chirp: NDArray[np.float32]) -> None:
    both = resample(chirp, 44_100, 16_000)
    assert both.flags.c_contiguous
    np.testing.assert_array_equal(both[1], resample(chirp[1], 44_100, 16_000))


def test_equal_rates_change_nothing(chirp: NDArray[np.float32]) -> None:
    assert resample(chirp, 44_100, 44_100) is chirp


@pytest.mark.parametrize("block_samples", [1, 777, 50_000])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_blocks_give_what_the_whole_gives(chirp: NDArray[np.float32], block_samples: int, n_channels: int) -> None:
    sound = chirp[:n_channels, : 20 * block_samples]
    stream = StreamResampler(44_100, 16_000, n_channels)
    parts = [stream.push(sound[:, start : start + block_samples]) for start in range(0, sound.shape[1], block_samples)]
    together = np.concatenate([*parts, stream.finish()], axis=1)
    np.testing.assert_allclose(together, resample(sound, 44_100, 16_000), atol=1e-6)


@pytest.mark.parametrize("rate_hz", [0, -8000, 9, 4_000_001, 16_000.0, True, "16000", float("nan")])
def test_nonsense_rates_are_refused(rate_hz: int) -> None:
    with pytest.raises(AudioError, match=r"here: found rate .* Hz, expected a whole number from 10 to 4000000"):
        check_rate(rate_hz, "here")


def test_a_numpy_rate_is_a_rate() -> None:
    assert check_rate(np.int64(16_000), "here") == 16_000  # type: ignore[arg-type]


@pytest.mark.parametrize("rates_hz", [(0, 8000), (8000, -1), (float("nan"), 8000), (8000, float("inf"))])
def test_rates_that_are_not_above_zero_are_refused(rates_hz: tuple[float, float]) -> None:
    with pytest.raises(AudioError, match="expected finite rates above 0"):
        resample(np.zeros(10, dtype=np.float32), *rates_hz)
