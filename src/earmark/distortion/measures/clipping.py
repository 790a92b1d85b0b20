"""Samples cut off at a level: at full scale, below it after a change of gain, and smeared by resampling or a codec.

Three signs, from the surest to the hardiest:
- full scale: samples at the largest 16-bit value;
- flat tops: runs of equal samples near the peak that begin and end with a corner (a slow wave that rounding flattens
  has none), whatever the level;
- the edge: how often each amplitude occurs, as shares of the block's peak in steps of 1 %. Music thins out towards its
  peak; clipping leaves a heap at the level it cut at, which survives gain and resampling, and behind it a fall
  steeper than any music's, which survives coding (after Eaton and Naylor, "Detection of clipping in coded speech
  signals", EUSIPCO 2013; here as ratios of smoothed counts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.measures.block import CELL_SAMPLES
from earmark.distortion.measures.scale import DB_PER_NEPER, amplitude_db, ratio_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.measures.block import Block, Part

FULL_SCALE = 0.99993  # two 16-bit steps below 1
# Amplitudes under half of the peak are of no use here and are nine tenths of the work.
LOWEST_SHARE = 0.5
SHORTEST_RUN = 2  # pairs of equal samples, so three samples
EQUAL_SHARE = 1e-4  # of the peak: rounding to 16 bits keeps equal samples equal at -20 dBFS peaks
CORNER = 8.0  # how much steeper than that a run has to begin or end
N_STEPS = 100
# Blocks whose peak lies further below the loudest say nothing about the level that was cut at.
EDGE_BLOCKS_DB = 1.0
FEWEST_COUNTS, FEWEST_SHARE = 10.0, 0.001
# Peaks of the wave above half of the largest: how many of them come near it, and 20 that do not.
CROWD_SHARES, FEW_PEAKS = (0.7, 0.8, 0.9), 20
CELL_PERCENTILES = (90.0, 98.0)
QUANTILES = (0.5, 0.9, 0.99, 0.999)


def gather(block: Block) -> Part:
    """Return what a block adds: counts by second, the amplitude histogram by block."""
    n_seconds = len(block.seconds)
    full, flat = np.zeros(n_seconds), np.zeros(n_seconds)
    longest, flat_level = 0.0, 0.0
    limit = np.float32(LOWEST_SHARE * block.peak)
    histogram = np.zeros(N_STEPS + 1)
    curves: list[float] = []
    crowd = np.zeros(len(CROWD_SHARES) + 1)
    if not block.is_silent:
        for channel, cells in zip(block.samples, block.cell_peaks, strict=True):
            high = reaching(channel, cells, limit)
            if high.size == 0:
                continue
            loud = np.abs(channel[high])
            histogram += np.bincount((loud * np.float32(N_STEPS / block.peak)).astype(np.int64), minlength=N_STEPS + 1)
            full += _by_second(high[loud >= FULL_SCALE], block)
            begins, lengths = flat_tops(channel, high, block.peak)
            flat += _by_second(begins, block, lengths)
            if lengths.size:
                longest = max(longest, float(lengths.max()))
                flat_level = max(flat_level, float(np.abs(channel[begins]).max()))
            crowd += _peaks_above(channel, high, loud, block.peak)
            curves.append(_curvature(channel, high[loud >= 0.9 * block.peak]))
    lengths_s = [(second.stop - second.start) * len(block.samples) for second in block.seconds]
    return {
        "full": full,
        "flat": flat,
        "samples": np.array(lengths_s, dtype=np.float64),
        "longest": np.array([longest]),
        "flat_level": np.array([flat_level]),
        "peak": np.array([block.peak]),
        "polarity": np.array([[float(block.extremes[:, 0].max()), -float(block.extremes[:, 1].min())]]),
        "histogram": histogram[np.newaxis],
        "crowd": crowd[np.newaxis],
        "cells": np.percentile(block.cell_peaks.max(axis=0), CELL_PERCENTILES)[np.newaxis].astype(np.float64),
        "curvature": np.array([min(curves, default=1.0)]),
    }


def summarise(part: Part) -> dict[str, float]:
    """Return the measures of the whole file."""
    n_samples = float(part["samples"].sum())
    loudest = part["peak"] >= part["peak"].max() * 10 ** (-EDGE_BLOCKS_DB / 20)
    histogram = part["histogram"][loudest].sum(axis=0)
    found = {
        "full_scale_share": float(part["full"].sum() / n_samples),
        "flat_top_share": float(part["flat"].sum() / n_samples),
        "flat_top_run_samples": float(part["longest"].max()),
    }
    if histogram.sum() == 0:
        return found
    if part["flat_level"].max() > 0:
        found["flat_top_dbfs"] = amplitude_db(float(part["flat_level"].max()))
    highest, lowest = part["polarity"].max(axis=0)
    found["peak_asymmetry_db"] = ratio_db(max(highest, 1e-9) ** 2, max(lowest, 1e-9) ** 2, 40.0)
    found["peak_curvature"] = float(np.median(part["curvature"][loudest]))
    crowd = part["crowd"][loudest].sum(axis=0)
    for share, count in zip(CROWD_SHARES, crowd[1:], strict=True):
        found[f"peaks_over_{100 * share:.0f}_share"] = float(count / (crowd[0] + FEW_PEAKS))
    cells = np.median(part["cells"][loudest], axis=0)
    for percentile, level in zip(CELL_PERCENTILES, cells, strict=True):
        found[f"moments_{percentile:g}_db"] = ratio_db(level**2, float(part["peak"].max()) ** 2, 60.0)
    return found | edge(histogram)


def line(part: Part) -> dict[str, NDArray[np.float64]]:
    """Return the measures of each second."""
    n_samples = np.maximum(part["samples"], 1)
    return {"full_scale_share": part["full"] / n_samples, "flat_top_share": part["flat"] / n_samples}


def flat_tops(
    channel: NDArray[np.float32], high: NDArray[np.int64], peak: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where flat tops of at least 3 samples begin and how long they are.

    high: the samples of the channel that reach half of the peak, in order.
    """
    none = np.zeros(0, dtype=np.int64)
    inside = high[high < channel.size - 1]
    if inside.size == 0:
        return none, none
    equal = np.float32(EQUAL_SHARE * peak)
    pairs = inside[np.abs(channel[inside + 1] - channel[inside]) <= equal]
    if pairs.size == 0:
        return none, none
    breaks = np.flatnonzero(np.diff(pairs) > 1)
    first = pairs[np.concatenate([[0], breaks + 1])]
    last = pairs[np.concatenate([breaks, [pairs.size - 1]])] + 1  # the last sample of the run
    before = np.abs(channel[first] - channel[np.maximum(first - 1, 0)])
    after = np.abs(channel[np.minimum(last + 1, channel.size - 1)] - channel[last])
    # A step up to the run alone would be a square wave's; a clipped wave also comes from below and leaves downwards.
    kept = (last - first >= SHORTEST_RUN) & (np.maximum(before, after) > CORNER * equal)
    return first[kept], (last - first + 1)[kept]


def edge(histogram: NDArray[np.float64]) -> dict[str, float]:
    """Return what the amplitude histogram (101,) of shares of the peak says, from half of the peak on."""
    counts = histogram.copy()
    counts[N_STEPS - 1] += counts[N_STEPS]  # the peak itself
    counts = counts[:N_STEPS]
    begin = round(LOWEST_SHARE * N_STEPS)
    heard = counts[begin:]
    # Some counts are added everywhere: the few samples near the peak of music make heaps by chance.
    few = max(FEWEST_COUNTS, FEWEST_SHARE * heard.sum())
    smooth = np.log(np.convolve(counts, np.full(3, 1 / 3), mode="same") + few)
    smooth[-1] = np.log(counts[-2:].mean() + few)
    steps = np.arange(begin + 8, N_STEPS)
    heaps = smooth[steps] - np.mean([smooth[steps - before] for before in range(4, 9)], axis=0)
    falls = smooth[begin + 8 : -8] - smooth[begin + 16 :]
    top = int(heaps.argmax())
    last, before = counts[-3:].mean(), counts[-13:-3].mean()
    reached = np.cumsum(heard) / heard.sum()
    found = {
        "edge_heap_db": float(heaps[top] * DB_PER_NEPER),
        "edge_level": (int(steps[top]) + 0.5) / N_STEPS,
        "edge_fall_db": float(falls.max() * DB_PER_NEPER),
        "edge_slope_db": ratio_db(last + 0.5, before + 0.5),
    }
    for quantile in QUANTILES:
        level = (begin + int(np.searchsorted(reached, quantile)) + 1) / N_STEPS
        found[f"amplitude_{100 * quantile:g}_db"] = 20 * float(np.log10(min(1.0, level)))
    return found


def reaching(channel: NDArray[np.float32], cells: NDArray[np.float32], limit: np.float32) -> NDArray[np.int64]:
    """Return the places of samples of that magnitude; only cells whose peak reaches it are looked into."""
    reach = np.flatnonzero(cells >= limit)
    if 4 * reach.size > cells.size:
        return np.flatnonzero((channel >= limit) | (channel <= -limit))
    places = (reach[:, np.newaxis] * CELL_SAMPLES + np.arange(CELL_SAMPLES)).ravel()
    if places.size and places[-1] >= channel.size:
        places = places[places < channel.size]
    found: NDArray[np.int64] = places[np.abs(channel[places]) >= limit]
    return found


def _peaks_above(
    channel: NDArray[np.float32], high: NDArray[np.int64], loud: NDArray[np.float32], peak: float
) -> NDArray[np.float64]:
    """Return how many peaks of the wave there are above half of the largest, and above each of `CROWD_SHARES`."""
    before, after = np.abs(channel[np.maximum(high - 1, 0)]), np.abs(channel[np.minimum(high + 1, channel.size - 1)])
    tops = loud[(loud > before) & (loud >= after)]
    return np.array([tops.size, *(np.count_nonzero(tops > share * peak) for share in CROWD_SHARES)], dtype=np.float64)


def _curvature(channel: NDArray[np.float32], top: NDArray[np.int64]) -> float:
    """Return how bent the wave is near its peak against its usual bend: near 0 where it is cut flat."""
    inside = top[(top > 0) & (top < channel.size - 1)]
    if inside.size == 0 or channel.size < 3:
        return 1.0
    bends = np.abs(channel[inside - 1] - 2 * channel[inside] + channel[inside + 1])
    step = max(1, channel.size // 8192)
    some = np.arange(1, channel.size - 1, step)
    usual = float(np.sqrt(np.mean((channel[some - 1] - 2 * channel[some] + channel[some + 1]) ** 2)))
    return min(10.0, float(np.median(bends)) / usual) if usual > 0 else 1.0


def _by_second(
    places: NDArray[np.int64], block: Block, weights: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    n_seconds = len(block.seconds)
    seconds = np.minimum(places // block.rate_hz, n_seconds - 1)
    return np.bincount(seconds, weights=weights, minlength=n_seconds).astype(np.float64)
