"""Decibels and robust averages that the families share. Never NaN: what is under the floor is the floor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Nothing is told apart below: 24-bit rounding noise lies at -146 dBFS.
FLOOR_DB = -150.0
FLOOR_POWER = 10 ** (FLOOR_DB / 10)
DB_PER_NEPER = 10 / math.log(10)  # of power: ln(power) times this is in dB


def power_db(power: float) -> float:
    """Return a power in dB re full scale, at least -150."""
    return 10 * math.log10(max(power, FLOOR_POWER))


def powers_db(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return powers in dB re full scale, at least -150."""
    return np.asarray(10 * np.log10(np.maximum(power, FLOOR_POWER)), dtype=np.float64)


def amplitude_db(amplitude: float) -> float:
    """Return an amplitude in dB re full scale, at least -150."""
    return power_db(amplitude * amplitude)


def ratio_db(above: float, below: float, limit_db: float = 120.0) -> float:
    """Return above / below, both powers, in dB within +-`limit_db`; 0 if both are nothing."""
    if above <= 0 and below <= 0:
        return 0.0
    if above <= 0 or below <= 0:
        return limit_db if above > 0 else -limit_db
    return max(-limit_db, min(limit_db, 10 * math.log10(above / below)))


def third_octaves(lowest_hz: float, highest_hz: float) -> list[float]:
    """Return the nominal centres of third-octave bands (ISO 266), in Hz."""
    nominal = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)
    every = [value * 10**decade for decade in range(1, 5) for value in nominal]
    return [centre for centre in every if lowest_hz <= centre <= highest_hz]


def band_weights(centres_hz: list[float], bin_hz: float, n_bins: int) -> NDArray[np.float32]:
    """Return how much of each bin lies in each third-octave band, float32 (n_bins, n_bands).

    Bands reach 2^(1/6) to either side (IEC 61260-1); a bin on an edge is shared by what it covers.
    """
    exact = 1000 * 2 ** (np.rint(3 * np.log2(np.array(centres_hz)[np.newaxis] / 1000)) / 3)
    low, high = exact * 2 ** (-1 / 6), exact * 2 ** (1 / 6)
    middle = np.arange(n_bins)[:, np.newaxis] * bin_hz
    covered = np.minimum(high, middle + bin_hz / 2) - np.maximum(low, middle - bin_hz / 2)
    return np.asarray(np.clip(covered / bin_hz, 0, 1), dtype=np.float32)
