"""Seconds and samples, against exact decimal arithmetic."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.units import samples_to_seconds, seconds_to_samples

rates_hz = st.sampled_from([8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000])
ten_hours_s = 36_000


@given(
    seconds=st.decimals(min_value=0, max_value=ten_hours_s, places=4), rate_hz=st.one_of(rates_hz, st.integers(1, 400))
)
def test_seconds_become_samples_as_decimal_arithmetic_rounds_them(seconds: Decimal, rate_hz: int) -> None:
    exact = (seconds * rate_hz).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    assert seconds_to_samples(float(seconds), rate_hz) == int(exact)


@given(n_samples=st.integers(0, ten_hours_s * 192_000), rate_hz=rates_hz)
def test_samples_survive_the_way_to_seconds_and_back(n_samples: int, rate_hz: int) -> None:
    assert seconds_to_samples(samples_to_seconds(n_samples, rate_hz), rate_hz) == n_samples


@pytest.mark.parametrize(
    ("seconds", "rate_hz", "n_samples"),
    [
        (0.0, 16_000, 0),
        (0.29, 100, 29),  # 28.999999999999996 in floating point
        (0.025, 22_050, 551),  # 551.25
        (0.01, 22_050, 221),  # 220.5: half goes up, never to the even neighbour 220
        (0.03, 22_050, 662),  # 661.5
        (1e-9, 16_000, 0),
        (1 / 3, 48_000, 16_000),
    ],
)
def test_known_traps_come_out_right(seconds: float, rate_hz: int, n_samples: int) -> None:
    assert seconds_to_samples(seconds, rate_hz) == n_samples


@given(seconds=st.floats(0, 1000), rate_hz=rates_hz)
def test_a_longer_time_never_has_fewer_samples(seconds: float, rate_hz: int) -> None:
    assert seconds_to_samples(seconds, rate_hz) <= seconds_to_samples(seconds + 1e-3, rate_hz)


def test_duration_is_in_seconds() -> None:
    assert samples_to_seconds(4_000, 16_000) == 0.25
