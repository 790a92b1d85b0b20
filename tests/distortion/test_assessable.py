"""What cannot be told, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.distortion import KINDS
from earmark.distortion.assessable import assess, why_silent
from earmark.distortion.measures.block import Block

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOISE = np.random.default_rng(1).standard_normal((2, 4000)) * 0.1
NOTHING = np.zeros(4000)


def test_stereo_at_a_full_rate_can_be_told_of_everything() -> None:
    assert all(
        each.ok and each.reason is None for each in assess(duration_s=0.5, rate_hz=44_100, n_channels=2).values()
    )


@pytest.mark.parametrize(
    ("n_channels", "reason"),
    [(1, "needs two channels, found 1"), (8, "needs two channels, found 8; the loudest channel is listened to")],
)
def test_phase_needs_two_channels_and_nothing_else_does(n_channels: int, reason: str) -> None:
    told = assess(duration_s=3, rate_hz=44_100, n_channels=n_channels)
    assert told["phase"].reason == reason
    assert [kind for kind in KINDS if not told[kind].ok] == ["phase"]


@pytest.mark.parametrize(("rate_hz", "reason"), [(16_000, "32000 Hz or more, found 16000"), (50_001, "multiple")])
def test_codec_traces_need_a_rate_that_holds_them(rate_hz: int, reason: str) -> None:
    told = assess(duration_s=3, rate_hz=rate_hz, n_channels=2)
    assert reason in str(told["compression"].reason)
    assert [kind for kind in KINDS if not told[kind].ok] == ["compression"]


@pytest.mark.parametrize("rate_hz", [32_000, 44_100, 48_000, 96_000, 192_000])
def test_usual_rates_hold_them(rate_hz: int) -> None:
    assert assess(duration_s=3, rate_hz=rate_hz, n_channels=2)["compression"].ok


def test_nothing_can_be_told_of_a_moment_or_below_the_rates_of_training() -> None:
    short = assess(duration_s=0.4, rate_hz=44_100, n_channels=2)
    assert {each.reason for each in short.values()} == {"needs 0.5 s of sound, found 0.400 s"}
    slow = assess(duration_s=4, rate_hz=4000, n_channels=2, lowest_rate_hz=8000)
    assert {each.reason for each in slow.values()} == {
        "the model was trained on rates of 8000 Hz and more, found 4000 Hz"
    }


def test_nothing_can_be_told_of_silence() -> None:
    told = assess(duration_s=3, rate_hz=44_100, n_channels=2, silence="the file is silent")
    assert {each.reason for each in told.values()} == {"the file is silent"}
    assert not any(each.ok for each in told.values())


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([NOTHING, NOTHING], "is silent"),
        ([0.0005 * np.sign(NOISE[0])], "louder than -60 dBFS"),
        ([NOTHING + 0.5, NOTHING], "constant value"),
        ([NOTHING + 1], "constant value"),
        ([0.5 + 0.0001 * NOISE[0], -0.3 + NOTHING], "constant value"),
    ],
)
def test_what_does_not_swing_is_no_sound(samples: list[NDArray[np.float64]], reason: str) -> None:
    assert reason in str(why_silent(Block(np.array(samples, dtype=np.float32), 8000, 0)))


@pytest.mark.parametrize("samples", [NOISE, [NOISE[0], NOISE[0]], [NOISE[0], NOTHING], [NOISE[0] + 0.5], 0.02 * NOISE])
def test_equal_channels_a_lost_channel_an_offset_and_a_quiet_sound_are_sound(samples: NDArray[np.float64]) -> None:
    assert why_silent(Block(np.array(samples, dtype=np.float32), 8000, 0)) is None
