"""Numbers as a reader likes them."""

from __future__ import annotations

import pytest

from earmark.distortion.severity import compression_severity
from earmark.distortion.words import clock, likely_kbps, pitch, share, times


@pytest.mark.parametrize(("seconds", "told"), [(0, "0:00"), (59.99, "0:59"), (72.4, "1:12"), (3605, "1:00:05")])
def test_times_look_as_in_a_player(seconds: float, told: str) -> None:
    assert clock(seconds) == told


@pytest.mark.parametrize(("hz", "told"), [(15_872, "15.9 kHz"), (125, "125 Hz"), (1000, "1.0 kHz")])
def test_frequencies_have_their_unit(hz: float, told: str) -> None:
    assert pitch(hz) == told


@pytest.mark.parametrize(("part", "told"), [(0.0231, "2.3 %"), (0.00012, "0.012 %"), (0.5, "50 %"), (0.0996, "10 %")])
def test_shares_have_two_digits(part: float, told: str) -> None:
    assert share(part) == told


def test_one_is_one() -> None:
    assert (times(1, "click", "clicks"), times(0, "click", "clicks")) == ("1 click", "0 clicks")


@pytest.mark.parametrize("codec", ["mp3", "vorbis", "opus", "aac"])
@pytest.mark.parametrize("kbps", [48, 64, 96, 128])
@pytest.mark.parametrize(("n_channels", "rate_hz"), [(2, 44_100), (1, 48_000)])
def test_bit_rates_are_the_inverse_of_severity(codec: str, kbps: int, n_channels: int, rate_hz: int) -> None:
    severity = compression_severity(codec, kbps, n_channels=n_channels, rate_hz=rate_hz)
    if 0 < severity < 1:
        assert likely_kbps(codec, severity, n_channels=n_channels, rate_hz=rate_hz) == kbps
