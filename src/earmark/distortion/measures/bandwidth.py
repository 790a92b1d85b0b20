"""How far up the sound reaches, how sharply it ends, and what is missing underneath.

A codec, a resampler or a telephone ends the spectrum in a cliff; instruments fade. Codecs also empty bands for moments:
holes in time and frequency, which come and go from frame to frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.measures.scale import DB_PER_NEPER, FLOOR_DB, FLOOR_POWER, ratio_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.measures.block import Block, Part
    from earmark.distortion.measures.spectra import Spectra

# The cliff is looked for between levels averaged over 100-700 Hz to either side.
NEAR_HZ, FAR_HZ = 100.0, 700.0
LOWEST_CUTOFF_HZ = 1000.0
SMALLEST_CLIFF_DB = 12.0  # instruments and microphones fall by less within 1 kHz
# Groups of bins, some 340 Hz at 44.1 kHz: scale factor bands of MP3 and AAC are 200-3000 Hz wide.
GROUP_BINS = 16
HOLE_DB = 25.0
HOLES_FROM_HZ = 2000.0
ROLLOFF = 0.99


def gather(_: Block, spectra: Spectra) -> Part:
    """Return what a block adds: sums over frames, and power by second above and below 10 kHz."""
    n_groups = spectra.n_bins // GROUP_BINS
    grouped = spectra.log_power[:, : n_groups * GROUP_BINS].reshape(-1, GROUP_BINS)
    means = (grouped @ np.full(GROUP_BINS, 1 / GROUP_BINS, dtype=np.float32)).reshape(-1, n_groups)  # of logarithms
    heard = spectra.power[:, 1:].sum(axis=1) > 1e-9
    frames = means[heard]
    holes = np.zeros(n_groups)
    flicker = np.zeros(n_groups)
    if len(frames):
        sides = np.full_like(frames, -np.inf)
        sides[:, 2:-2] = np.minimum(frames[:, :-4], frames[:, 4:])
        holes = (sides - frames > HOLE_DB / DB_PER_NEPER).sum(axis=0).astype(np.float64)
        flicker = np.abs(np.diff(frames, axis=0)).sum(axis=0).astype(np.float64)
    power, ten = spectra.second_power, spectra.bin_at(10000.0)
    return {
        "total_power": (np.ones(len(heard), dtype=np.float32) @ spectra.power).astype(np.float64),
        "total_log": (heard.astype(np.float32) @ spectra.log_power).astype(np.float64),
        "total_heard": np.array([float(heard.sum())]),
        "total_holes": holes,
        "total_flicker": flicker,
        "bin_hz": np.array([spectra.bin_hz]),
        "high": np.stack([power[:, ten:].sum(axis=1), power.sum(axis=1)], axis=1).astype(np.float64),
    }


def summarise(part: Part) -> dict[str, float]:
    """Return the measures of the whole file; nothing if all is silent."""
    n_heard, bin_hz = float(part["total_heard"][0]), float(part["bin_hz"][0])
    if n_heard == 0:
        return {}
    power, levels_db = part["total_power"], DB_PER_NEPER * part["total_log"] / n_heard
    n_bins = power.size
    nyquist_hz = (n_bins - 1) * bin_hz
    cutoff, drop_db = cliff(levels_db, bin_hz)
    reached = np.cumsum(power[1:]) / max(float(power[1:].sum()), FLOOR_POWER)
    found = {
        "cutoff_hz": cutoff * bin_hz,
        "cutoff_share": cutoff * bin_hz / nyquist_hz,
        "cutoff_drop_db": drop_db,
        "above_cutoff_dbfs": max(FLOOR_DB, float(levels_db[min(cutoff + 5, n_bins - 1) :].mean())),
        "rolloff_hz": (1 + int(np.searchsorted(reached, ROLLOFF))) * bin_hz,
        "high_share_db": ratio_db(float(part["high"][:, 0].sum()), float(part["high"][:, 1].sum()), 100.0),
        "low_share_db": ratio_db(float(power[1 : 1 + round(120 / bin_hz)].sum()), float(power[1:].sum()), 100.0),
    }
    begin, end = round(HOLES_FROM_HZ / bin_hz / GROUP_BINS), int(0.95 * cutoff / GROUP_BINS)
    if end - begin >= 4:
        found["hole_share"] = float(part["total_holes"][begin:end].mean() / n_heard)
        found["flicker_db"] = DB_PER_NEPER * float(part["total_flicker"][begin:end].mean()) / n_heard
        found["band_gap_db"] = _deepest_gap(levels_db, slice(begin * GROUP_BINS, end * GROUP_BINS))
    return found


def line(part: Part) -> dict[str, NDArray[np.float64]]:
    """Return the measures of each second: power above 10 kHz against all, in dB, at least -100."""
    high, everything = part["high"].T
    return {"high_share_db": np.maximum(-100, 10 * np.log10((high + 1e-20) / (everything + 1e-20)))}


def cliff(levels_db: NDArray[np.float64], bin_hz: float) -> tuple[int, float]:
    """Return the bin where the mean spectrum ends and how far it falls there in dB; the last bin without a cliff.

    What comes back further up makes it a gap, not an end: the fall is to the highest level above.
    """
    last = levels_db.size - 1
    running = np.concatenate([[0.0], np.cumsum(levels_db)])
    near, far = max(1, round(NEAR_HZ / bin_hz)), max(3, round(FAR_HZ / bin_hz))
    places = np.arange(max(far, round(LOWEST_CUTOFF_HZ / bin_hz)), last + 1 - far)
    if places.size == 0:
        return last, 0.0
    below = (running[places - near] - running[places - far]) / (far - near)
    above = (running[places + far] - running[places + near]) / (far - near)
    above = np.maximum.accumulate(above[::-1])[::-1]
    falls = below - above
    steepest = int(falls.argmax())
    drop = max(0.0, float(falls[steepest]))
    if drop < SMALLEST_CLIFF_DB:
        return last, drop
    halfway = (below[steepest] + above[steepest]) / 2
    around = np.arange(places[steepest] - far, places[steepest] + far)
    return int(around[levels_db[around] > halfway].max(initial=int(around[0]))), drop


def _deepest_gap(levels_db: NDArray[np.float64], inside: slice) -> float:
    """Return how far the lowest group of bins lies under both sides of it, at least 0."""
    groups = levels_db[inside].reshape(-1, GROUP_BINS).mean(axis=1)
    if groups.size < 7:
        return 0.0
    left, right = np.maximum.accumulate(groups), np.maximum.accumulate(groups[::-1])[::-1]
    return float(max(0.0, (np.minimum(left[:-4], right[4:]) - groups[2:-2]).max()))
