"""What is left when the music pauses: the noise floor by frequency and the signal-to-noise ratio it means.

Minimum statistics (Martin, IEEE Trans. Speech Audio Process. 9, 2001): power averaged over six frames (0.16 s), in each
second the least of each bin, and of the bins in an octave the lower quartile, so that steady tones do not count. For
steady noise this lies 4 to 5 dB under its mean power; the figures are corrected by that. Over seconds the 10th
percentile stands for the file. Music that neither pauses nor leaves gaps is taken for noise: a ratio is a lower bound.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.measures.scale import DB_PER_NEPER, FLOOR_DB, power_db, powers_db, ratio_db
from earmark.distortion.measures.spectra import TINY_POWER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.measures.block import Block, Part
    from earmark.distortion.measures.spectra import Spectra

OCTAVES_HZ = (125, 250, 500, 1000, 2000, 4000, 8000, 16000)
SILENT_POWER = 1e-14  # of a bin; the rounding noise of 16 bits has 8e-14
PERCENTILE = 10.0
UNEVEN = (5, 6, 7)  # the octaves from 4 kHz on, where noise is heard first
QUARTILE = 25.0
FRAMES_TOGETHER = 6
# Mean power of white noise above what is found for it (2.5 to 3.0 by octave, ten seconds at 44.1 kHz).
UNBIASED = 2.65


def gather(block: Block, spectra: Spectra) -> Part:
    """Return what a block adds: floor and level of each octave by second."""
    bands = octave_bins(spectra)
    least = np.stack([_least_of_means(spectra.power[chosen]) for chosen in spectra.frames_of_seconds])
    floors = [_valley(least[:, band]) for band in bands]
    levels = [spectra.second_power[:, band].sum(axis=1, dtype=np.float64) for band in bands]
    means = spectra.power[:, 1:].mean(axis=1)
    flat = np.exp(spectra.log_power[:, 1:].mean(axis=1)) / (means + TINY_POWER)
    flat[means < SILENT_POWER] = 0  # digital silence is no noise
    quiet = np.sort(flat)[-max(1, flat.size // 10) :]
    return {
        "floor": np.stack(floors, axis=1),
        "level": np.stack(levels, axis=1),
        "uneven": _unevenness(spectra, [bands[index] for index in UNEVEN]),
        "flatness": np.array([float(quiet.mean())]),
        "rate": np.array([float(block.rate_hz)]),
    }


def summarise(part: Part) -> dict[str, float]:
    """Return the measures of the whole file; nothing if all is silent."""
    levels = part["level"]
    if levels.max() <= 0:
        return {}
    # Seconds of digital silence have no floor: what plays in the others may still have one.
    heard = levels.sum(axis=1) > 1e-12
    if not heard.any():
        return {}
    floor = np.percentile(part["floor"][heard], PERCENTILE, axis=0)
    level = levels[heard].mean(axis=0)
    floors_db = powers_db(floor)
    total_floor = float(floor.sum())
    by_second = powers_db(part["floor"][heard].sum(axis=1))
    found = {
        "noise_floor_dbfs": power_db(total_floor),
        "snr_db": ratio_db(float(level.sum()) - min(total_floor, 0.999 * float(level.sum())), total_floor, 100.0),
        "noise_spread_db": float(np.subtract(*np.percentile(by_second, (50, PERCENTILE)))),
        "noise_flatness": float(part["flatness"].max()),
    }
    there = [index for index, centre in enumerate(OCTAVES_HZ) if centre < part["rate"][0] / 2.5]
    if len(there) > 1:
        above = [index for index in there if floors_db[index] > FLOOR_DB]
        found["noise_tilt_db"] = float(np.polyfit(above, floors_db[above], 1)[0]) if len(above) > 1 else 0.0
    uneven = np.percentile(part["uneven"][heard], PERCENTILE, axis=0)
    for index, value in zip(UNEVEN, uneven, strict=True):
        if index in there:
            found[f"noise_unevenness_{OCTAVES_HZ[index]}_db"] = float(value)
    for index in there:
        found[f"snr_{OCTAVES_HZ[index]}_db"] = ratio_db(float(level[index]), float(floor[index]), 100.0)
    return found


def line(part: Part) -> dict[str, NDArray[np.float64]]:
    """Return the measures of each second."""
    return {"noise_floor_dbfs": powers_db(part["floor"].sum(axis=1))}


def octave_bins(spectra: Spectra) -> list[slice]:
    """Return the bins of each octave; none where it lies above half the rate."""
    edges = [max(1, math.ceil(centre / math.sqrt(2) / spectra.bin_hz)) for centre in (*OCTAVES_HZ, 2 * OCTAVES_HZ[-1])]
    edges = [min(edge, spectra.n_bins) for edge in edges]
    return [slice(low, high) for low, high in itertools.pairwise(edges)]


def _least_of_means(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the least power of each bin, averaged over six frames."""
    n_groups = len(power) // FRAMES_TOGETHER
    if n_groups == 0:
        mean: NDArray[np.float32] = power.mean(axis=0)
        return mean
    grouped = power[: n_groups * FRAMES_TOGETHER].reshape(n_groups, FRAMES_TOGETHER, -1)
    least: NDArray[np.float32] = grouped.mean(axis=1).min(axis=0)
    return least


def _unevenness(spectra: Spectra, bands: list[slice]) -> NDArray[np.float64]:
    """Return the deviation of the mean levels of a band's bins in dB by second: steady noise has some 1.2 dB.

    float64 (n_seconds, n_bands); 0 where a band has less than two bins.
    """
    means = np.stack([spectra.log_power[chosen].mean(axis=0) for chosen in spectra.frames_of_seconds])
    found = [means[:, band].std(axis=1) if band.stop - band.start > 1 else np.zeros(len(means)) for band in bands]
    return DB_PER_NEPER * np.stack(found, axis=1).astype(np.float64)


def _valley(least: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the power of steady noise in a band of bins by second, float64 (n_seconds,)."""
    if not least.size:
        return np.zeros(len(least))
    quartiles = np.asarray(np.percentile(least, QUARTILE, axis=1), dtype=np.float64)
    return np.asarray(UNBIASED * least.shape[1] * quartiles, dtype=np.float64)
