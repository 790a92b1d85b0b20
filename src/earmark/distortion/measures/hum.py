"""Mains hum: a comb of steady lines at multiples of 50 or 60 Hz.

The sound is brought down to some 2.7 kHz and looked at through frames of two seconds (bins of half a Hz). The height of
a line is its power above the median around it (+-10 Hz), taken at the 25th percentile over frames: notes come and go,
hum stays. The score of a comb is the mean height of the harmonics 1-10, negative ones as zero, less that of
the combs at 47 and 56.5 Hz, which nothing in the mains can make. Source: Brandt and Bitzer, "Automatic detection of hum
in audio signals", J. Audio Eng. Soc. 62, 2014 (the idea: steady low percentiles of narrow bands).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.measures.scale import power_db, powers_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.measures.block import Block, Part

TARGET_HZ = 2700
LOWEST_RATE_HZ = 2020  # for floors up to 1 kHz
FRAME_S = 2.0
N_HARMONICS = 10
MAINS_HZ = (50.0, 60.0)
CONTROLS_HZ = (47.0, 56.5)
SURROUNDING_HZ = 10.0
PERCENTILE = 25.0
# Shorter than this, steady and played cannot be told apart.
SHORTEST_S = 2.0
# What lies between the notes and below them, in bands an octave wide and less.
FLOOR_BANDS_HZ = {3: (1, 5), 8: (5, 12), 16: (12, 20), 30: (20, 40), 60: (40, 80), 120: (80, 160), 240: (160, 320)}
FLOOR_BANDS_HZ |= {480: (320, 640), 800: (640, 1000)}


def gather(block: Block) -> Part:
    """Return what a block adds: line powers and heights of all combs by frame, none for short blocks."""
    factor = max(1, round(block.rate_hz / TARGET_HZ))
    low = _brought_down(block.main, factor)
    rate_hz = block.rate_hz / factor
    n_frame = round(FRAME_S * rate_hz)
    n_columns = len(MAINS_HZ + CONTROLS_HZ) * N_HARMONICS
    if block.is_silent or low.size < n_frame or rate_hz < LOWEST_RATE_HZ:
        return {
            "heights": np.zeros((0, n_columns)),
            "lines": np.zeros((0, n_columns)),
            "floors": np.zeros((0, len(FLOOR_BANDS_HZ))),
        }
    import scipy.fft

    frames = np.lib.stride_tricks.sliding_window_view(low, n_frame)[:: n_frame // 2]
    taper = _taper(n_frame)
    power = np.square(np.abs(scipy.fft.rfft(frames * taper, axis=1)), dtype=np.float32)
    power *= np.float32(2 / (n_frame * float(taper @ taper)))
    heights, lines = _lines_at(power, rate_hz / n_frame)
    return {"heights": heights, "lines": lines, "floors": _floors(power, rate_hz / n_frame, block)}


def summarise(part: Part) -> dict[str, float]:
    """Return the measures of the whole file; nothing below two seconds."""
    if len(part["heights"]) == 0:
        return {}
    steady = np.percentile(part["heights"], PERCENTILE, axis=0).reshape(-1, N_HARMONICS)
    strengths = np.percentile(part["lines"], PERCENTILE, axis=0).reshape(-1, N_HARMONICS)
    combs = np.maximum(steady, 0).mean(axis=1)
    by_chance = float(combs[len(MAINS_HZ) :].max())
    found = {f"hum_{base:.0f}_db": float(comb - by_chance) for base, comb in zip(MAINS_HZ, combs, strict=False)}
    best = int(combs[: len(MAINS_HZ)].argmax())
    found["hum_dbfs"] = power_db(float(strengths[best][steady[best] > 6.0].sum()))
    floors = np.median(part["floors"], axis=0)
    return found | {f"low_floor_{name}_db": float(floor) for name, floor in zip(FLOOR_BANDS_HZ, floors, strict=True)}


def _floors(power: NDArray[np.float32], bin_hz: float, block: Block) -> NDArray[np.float64]:
    """Return the quiet power of the middle bin of each band against the mean power, in dB, float64 (1, n_bands)."""
    place = int(PERCENTILE / 100 * (len(power) - 1))
    quiet = np.partition(power[:, : round(1000 / bin_hz)], place, axis=0)[place]
    bands = [quiet[round(low / bin_hz) : round(high / bin_hz)] for low, high in FLOOR_BANDS_HZ.values()]
    middles = np.array([[float(np.median(band)) for band in bands]])
    everything = float(block.main @ block.main) / block.main.size
    return np.maximum(powers_db(middles + 1e-15) - power_db(everything), -150.0)


def _lines_at(power: NDArray[np.float32], bin_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return height in dB and power of the strongest line within a bin of each harmonic, float64 (n_frames, 40)."""
    bases = np.array(MAINS_HZ + CONTROLS_HZ)[:, np.newaxis]
    places = np.rint((bases * np.arange(1, N_HARMONICS + 1)).ravel() / bin_hz).astype(np.int64)
    reach = round(SURROUNDING_HZ / bin_hz)
    around = power[:, places[:, np.newaxis] + np.arange(-reach, reach + 1)]  # (n_frames, n_places, n_around)
    strongest = around[..., reach - 1 : reach + 2].max(axis=2).astype(np.float64)
    surroundings = np.median(around, axis=2).astype(np.float64)
    heights = powers_db(strongest + 1e-14) - powers_db(surroundings + 1e-14)
    # A Hann window spreads a line over three bins: 1.5 times the power of the middle one.
    return heights, 1.5 * strongest


@lru_cache(maxsize=8)
def _taper(n_frame: int) -> NDArray[np.float32]:
    return np.hanning(n_frame).astype(np.float32)


def _brought_down(signal: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Return the signal at 1 / factor of its rate, twice averaged: -38 dB and better where 0..300 Hz fold from."""
    if factor == 1:
        return signal
    n_steps = signal.size // factor
    means = signal[: n_steps * factor].reshape(n_steps, factor)
    rising = np.arange(factor, dtype=np.float32) / np.float32(factor * factor)
    falling = np.float32(1 / factor) - rising
    if n_steps < 2:
        mean: NDArray[np.float32] = means.mean(axis=1)
        return mean
    folded: NDArray[np.float32] = means[:-1] @ rising + means[1:] @ falling
    return folded
