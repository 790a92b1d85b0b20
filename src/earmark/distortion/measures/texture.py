"""The texture of a block: several hundred plain statistics that models learn from and nobody reads.

Beside the measures, which name what they find, they say how sound is spread over frequency, time, channels and
amplitudes. All are relative to the block itself, so that loudness tells nothing. What cannot be told is NaN: bands
above half the rate, channels where there is one, everything where there is silence.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.measures.spectra import TINY_POWER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.measures.block import Block
    from earmark.distortion.measures.spectra import Spectra

LOWEST_HZ, HIGHEST_HZ = 40.0, 21_500.0
N_BANDS, N_FINE_BANDS = 40, 80
LEVELS = (2, 10, 50, 90, 98)  # percentiles over frames
QUIET_SHARE = 0.1
NEIGHBOURS = 4  # fine bands on each side that a fine band is compared with
# Amplitudes against the largest, in dB: closer steps where clipping leaves its heap.
AMPLITUDES_DB = (-60, -50, -42, -36, -30, -26, -22, -18, -15, -12, -10, -8, -6, -5, -4, -3, -2, -1, -0.5, -0.2)
BENDS = (50, 90, 99, 99.9, 100)  # percentiles of second differences, and the largest
EVERY = 5  # samples: a fifth of them has the same histogram
OF_BAND = (
    *(f"level_{share}" for share in LEVELS),
    "flux",
    "rise",
    "hold",
    "flatness",
    "flatness_spread",
    "flatness_quiet",
    "heap",
)
OF_PAIR = ("coherence", "in_phase", "balance")
TEXTURE_NAMES: tuple[str, ...] = (
    *(f"{name}:{band}" for name in OF_BAND for band in range(N_BANDS)),
    *(f"ripple:{band}" for band in range(N_FINE_BANDS)),
    *(f"{name}:{band}" for name in OF_PAIR for band in range(N_BANDS)),
    *(f"above_{step}_db" for step in AMPLITUDES_DB),
    *(f"bend_{share}" for share in BENDS),
)


def texture_of(block: Block, spectra: Spectra) -> NDArray[np.float32]:
    """Return the texture of a block, float32 (n_textures,) in the order of `TEXTURE_NAMES`, NaN where untold."""
    if block.is_silent:
        return np.full(len(TEXTURE_NAMES), np.nan, dtype=np.float32)
    edges = _edges(spectra.n_bins, spectra.bin_hz, N_BANDS)
    parts = [_of_bands(spectra, edges), _ripples(spectra), _of_pair(spectra, edges), _amplitudes(block)]
    return np.concatenate(parts).astype(np.float32)


def _of_bands(spectra: Spectra, edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the statistics of each band over frames, (12 * 40,): those of one kind side by side."""
    n_told, n_frames = len(edges) - 1, len(spectra.power)
    widths = np.diff(edges)
    # Bands by frames, so that each statistic runs along memory.
    power = np.ascontiguousarray(_sums(spectra.power, edges).T) / widths[:, np.newaxis]
    level = np.log(power + np.float32(TINY_POWER))
    flatness = np.ascontiguousarray(_sums(spectra.log_power, edges).T) / widths[:, np.newaxis] - level
    ranked = np.sort(level, axis=1)
    mean_level = np.log(power.mean(axis=1) + TINY_POWER)
    steps = np.diff(level, axis=1) if n_frames > 1 else np.zeros((n_told, 1), dtype=np.float32)
    centred = level - level.mean(axis=1, keepdims=True)
    spread = np.square(centred).mean(axis=1) + 1e-6
    hold = (centred[:, 1:] * centred[:, :-1]).mean(axis=1) / spread if n_frames > 1 else np.zeros(n_told)
    frame_level = np.log(spectra.power.sum(axis=1) + TINY_POWER)
    quiet = np.argsort(frame_level, kind="stable")[: max(1, round(QUIET_SHARE * n_frames))]
    overall = np.log(power.mean(axis=1) @ widths + TINY_POWER)
    found = [
        *(ranked[:, round(share / 100 * (n_frames - 1))] - overall for share in LEVELS),
        np.abs(steps).mean(axis=1),
        np.maximum(steps, 0).max(axis=1),
        hold,
        flatness.mean(axis=1),
        flatness.std(axis=1),
        flatness[:, quiet].mean(axis=1),
        mean_level - level.mean(axis=1),
    ]
    table = np.full((len(OF_BAND), N_BANDS), np.nan)
    table[:, :n_told] = found
    return table.ravel()


def _ripples(spectra: Spectra) -> NDArray[np.float64]:
    """Return how each narrow band of the long-term spectrum stands out of its neighbours, (80,), natural logarithms."""
    edges = _edges(spectra.n_bins, spectra.bin_hz, N_FINE_BANDS)
    mean = spectra.power.mean(axis=0)[np.newaxis]
    level = np.log(_sums(mean, edges)[0] / np.diff(edges) + TINY_POWER).astype(np.float64)
    padded = np.pad(level, NEIGHBOURS, mode="reflect") if len(level) > NEIGHBOURS else np.pad(level, NEIGHBOURS, "edge")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * NEIGHBOURS + 1), axis=1)
    ripples = np.full(N_FINE_BANDS, np.nan)
    ripples[: len(level)] = level - around
    return ripples


def _of_pair(spectra: Spectra, edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how alike the channels are in each band, (3 * 40,): coherence, in-phase part, level difference."""
    table = np.full((len(OF_PAIR), N_BANDS), np.nan)
    if spectra.bins is not None:
        left, right, real, imaginary = np.add.reduceat(spectra.bins[: edges[-1]], edges[:-1], axis=0).T
        both = np.sqrt(left * right)
        told = both > spectra.bins[:, :2].sum() * 1e-12
        with np.errstate(divide="ignore", invalid="ignore"):
            rows = np.hypot(real, imaginary) / both, real / both, np.log(left / right)
        table[:, : len(edges) - 1] = np.where(told, rows, np.nan)
    return table.ravel()


def _amplitudes(block: Block) -> NDArray[np.float64]:
    """Return the shares of samples above each step below the largest, and how sharply the wave bends, (20 + 5,)."""
    main = block.main
    sizes = np.sort(np.abs(main[::EVERY]))
    thresholds = max(float(sizes[-1]), 1e-9) * 10 ** (np.array(AMPLITUDES_DB) / 20)
    above = 1 - np.searchsorted(sizes, thresholds.astype(np.float32)) / len(sizes)
    if len(main) < 3:
        return np.concatenate([np.log(above + 1e-6), np.zeros(len(BENDS))])
    slopes = np.diff(main)
    bends = np.abs(np.diff(slopes))
    ranked = np.sort(bends[::EVERY])
    sharpest = [ranked[round(share / 100 * (len(ranked) - 1))] for share in BENDS[:-1]]
    scale = float(np.sqrt(np.vdot(main, main) / len(main))) + 1e-9
    return np.concatenate([np.log(above + 1e-6), np.log(np.array([*sharpest, bends.max()]) / scale + 1e-6)])


def _sums(rows: NDArray[np.float32], edges: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the sums of bins between edges, float32 (n_rows, n_edges - 1)."""
    summed: NDArray[np.float32] = np.add.reduceat(rows[:, : edges[-1]], edges[:-1], axis=1)
    return summed


@lru_cache(maxsize=32)
def _edges(n_bins: int, bin_hz: float, n_bands: int) -> NDArray[np.int64]:
    """Return the first bins of bands that are told, and where the last of them ends: at most n_bands + 1.

    Bands are equally wide on a logarithmic scale, at least one bin, the same frequencies at every rate.
    """
    borders_hz = np.geomspace(LOWEST_HZ, HIGHEST_HZ, n_bands + 1)
    edges = np.round(borders_hz / bin_hz).astype(np.int64)
    for band in range(1, len(edges)):
        edges[band] = max(edges[band], edges[band - 1] + 1)
    return edges[edges <= n_bins]
