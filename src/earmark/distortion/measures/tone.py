"""The long-term spectrum in third octaves against what music and speech usually have.

The reference is the mean of popular recordings: Pestana, Ma, Reiss, Barbosa and Black, "Spectral characteristics of
popular commercial recordings 1950-2010", AES 135, 2013: power per Hz is level up to 100 Hz, falls 5 dB
per octave from there to 4 kHz and more steeply above (here 8 dB). The file's own level is taken out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.measures.scale import band_weights, third_octaves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.measures.block import Block, Part
    from earmark.distortion.measures.spectra import Spectra

CENTRES_HZ = third_octaves(63.0, 16000.0)
LOWEST_DB = -70.0  # deviations end there: an empty band is not more wrong than that
HIGHEST_DB = 40.0
LEVEL_PERCENTILE = 70.0
FEWEST_BANDS = 4


def gather(block: Block, spectra: Spectra) -> Part:
    """Return what a block adds: power of each third octave by second."""
    weights = band_weights(CENTRES_HZ, spectra.bin_hz, spectra.n_bins)
    return {"bands": (spectra.second_power @ weights).astype(np.float64), "rate": np.array([float(block.rate_hz)])}


def summarise(part: Part) -> dict[str, float]:
    """Return the measures of the whole file; nothing if all is silent."""
    power = part["bands"].mean(axis=0)
    n_there = sum(centre * 2 ** (1 / 6) <= part["rate"][0] / 2 for centre in CENTRES_HZ)
    power = power[:n_there]
    if n_there < FEWEST_BANDS or power.max() < 1e-12:
        return {}
    levels_db = 10 * np.log10(power + 1e-15)
    deviations = levels_db - reference_db()[:n_there]
    # A level that bands in good order share: a telephone leaves 11 of 25, and their middle has to stay at 0.
    deviations = np.clip(deviations - np.percentile(deviations, LEVEL_PERCENTILE), LOWEST_DB, HIGHEST_DB)
    octaves = np.arange(n_there) / 3
    slope, offset = np.polyfit(octaves, deviations, 1)
    bends = deviations[1:-1] - (deviations[:-2] + deviations[2:]) / 2
    found = {
        "tilt_db": float(slope),
        "deviation_db": float(np.abs(deviations).mean()),
        "residual_db": float(np.abs(deviations - slope * octaves - offset).mean()),
        "roughness_db": float(np.abs(bends).mean()),
        "highest_peak_db": float(bends.max()),
        "deepest_dip_db": float(-bends.min()),
    }
    return found | {band_name(centre): float(value) for centre, value in zip(CENTRES_HZ, deviations, strict=False)}


def band_name(centre_hz: float) -> str:
    """Return the name of the measure of a third octave."""
    return f"band_{centre_hz:g}_db"


def reference_db() -> NDArray[np.float64]:
    """Return the reference level of each third octave in dB, 0 at 100 Hz, float64 (n_bands,)."""
    octaves = np.log2(np.array(CENTRES_HZ) / 100)
    corner = np.log2(4000 / 100)
    density = -5.0 * np.clip(octaves, 0, corner) - 8.0 * np.maximum(octaves - corner, 0)
    return np.asarray(density + 3.0 * octaves, dtype=np.float64)  # bands widen by 3 dB each octave
