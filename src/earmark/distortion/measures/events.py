"""Faults at a moment: clicks and drop-outs, with their times.

A click is a bend of the wave (second difference) far above all bends within 9 ms before and after it: an attack has its
sound behind it and does not count (after Godsill and Rayner, "Digital audio restoration", 1998, where the residual of a
predictor takes the place of the bend). A drop-out is a stretch of near silence, 3-500 ms, that full sound runs into and
comes out of without fading. Both are looked for in cells of 64 samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.measures.block import CELL_SAMPLES, PIECE_SAMPLES, SILENCE, cells_of
from earmark.distortion.measures.scale import amplitude_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.measures.block import Block, Part

CLICK_RATIO = 6.0
SMALLEST_BEND = 1e-3  # 30 steps of 16 bits: less is not heard as a click
GUARD_CELLS, AROUND_CELLS = 1, 6
QUIET_SHARE = 0.003  # of the typical cell peak: -50 dB
SHORTEST_CELLS = 2
LONGEST_S = 0.5
FLANK_CELLS = 4
FLANK_SHARE = 0.25  # of the typical cell peak, on both sides, in the very next cells
MAX_EVENTS = 1000  # kept with their times in each block


def gather(block: Block) -> Part:
    """Return what a block adds: counts by second, and the times of clicks and drop-outs."""
    n_seconds = len(block.seconds)
    cell_s = CELL_SAMPLES / block.rate_hz
    click_cells, ratios = find_clicks(block)
    begins, ends = find_dropouts(block)
    starts = block.start_s + click_cells * cell_s
    return {
        "clicks": _count(click_cells, block, n_seconds),
        "dropouts": _count(begins, block, n_seconds),
        "seconds": np.array([(second.stop - second.start) / block.rate_hz for second in block.seconds]),
        "click_times": np.stack([starts, starts + cell_s, ratios], axis=1)[:MAX_EVENTS],
        "dropout_times": block.start_s + np.stack([begins, ends], axis=1)[:MAX_EVENTS] * cell_s,
        "gone_s": np.array([float((ends - begins).sum() * cell_s)]),
    }


def summarise(part: Part) -> dict[str, float]:
    """Return the measures of the whole file."""
    duration_s = float(part["seconds"].sum())
    gaps = part["dropout_times"][:, 1] - part["dropout_times"][:, 0]
    strengths = part["click_times"][:, 2]
    return {
        "clicks_per_s": float(part["clicks"].sum()) / duration_s,
        "click_strength_db": amplitude_db(float(np.median(strengths))) if strengths.size else 0.0,
        "dropouts_per_s": float(part["dropouts"].sum()) / duration_s,
        "dropout_share": float(part["gone_s"].sum()) / duration_s,
        "longest_dropout_ms": 1000 * float(gaps.max(initial=0)),
    }


def line(part: Part) -> dict[str, NDArray[np.float64]]:
    """Return the measures of each second."""
    seconds = np.maximum(part["seconds"], 1e-3)
    return {"clicks_per_s": part["clicks"] / seconds, "dropouts_per_s": part["dropouts"] / seconds}


def find_clicks(block: Block) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the cells that hold a click and how far it stands out, in order; a click in both channels counts once."""
    samples = block.samples
    n_reach = GUARD_CELLS + AROUND_CELLS
    if samples.shape[1] < (2 * n_reach + 1) * CELL_SAMPLES:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    cells = np.stack([_bends(channel) for channel in samples])  # (n_channels, n_cells)
    inner = cells[:, n_reach:-n_reach]
    around = np.zeros_like(inner)
    n_inner = inner.shape[1]
    for distance in range(GUARD_CELLS + 1, n_reach + 1):
        np.maximum(around, cells[:, n_reach - distance : n_reach - distance + n_inner], out=around)
        np.maximum(around, cells[:, n_reach + distance : n_reach + distance + n_inner], out=around)
    # Beside digital silence every edge stands out: those are drop-outs.
    ratios = inner / np.maximum(around, np.float32(SMALLEST_BEND / CLICK_RATIO))
    ratios[around < np.float32(2.0**-15)] = 0
    best = ratios.max(axis=0)
    found = np.flatnonzero(best > CLICK_RATIO)
    if found.size:  # a click on the border of two cells is one
        found = found[np.concatenate([[True], np.diff(found) > GUARD_CELLS])]
    return found + n_reach, best[found].astype(np.float64)


def find_dropouts(block: Block) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first cells of drop-outs and the first cells after them."""
    none = np.zeros(0, dtype=np.int64)
    peaks = block.cell_peaks.max(axis=0)
    sounding = peaks[peaks > SILENCE]
    if sounding.size < 2 * FLANK_CELLS:
        return none, none
    typical = float(np.median(sounding))
    quiet = np.concatenate([[False], peaks <= max(SILENCE, QUIET_SHARE * typical), [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    begins, ends = edges[0::2], edges[1::2]
    longest = LONGEST_S * block.rate_hz / CELL_SAMPLES
    inside = (begins >= FLANK_CELLS) & (ends <= peaks.size - FLANK_CELLS)
    chosen = inside & (ends - begins >= SHORTEST_CELLS) & (ends - begins <= longest)
    begins, ends = begins[chosen], ends[chosen]
    # The cell in which the sound stops is cut somewhere; the one before it still has to be in full sound.
    loud = np.float32(FLANK_SHARE * typical)
    sharp = np.array(
        [
            peaks[begin - 2 : begin].max() >= loud and peaks[end : end + 2].max() >= loud
            for begin, end in zip(begins, ends, strict=True)
        ],
        dtype=bool,
    )
    return begins[sharp], ends[sharp]


def _bends(channel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest second difference in each cell, taken piece by piece in memory that stays in the cache."""
    pieces = []
    for begin in range(0, channel.size - 2, PIECE_SAMPLES):
        piece = channel[begin : begin + PIECE_SAMPLES + 2]
        steps = piece[1:] - piece[:-1]
        pieces.append(cells_of(steps[1:] - steps[:-1]))
    return np.concatenate(pieces)


def _count(cells: NDArray[np.int64], block: Block, n_seconds: int) -> NDArray[np.float64]:
    seconds = np.minimum(cells * CELL_SAMPLES // block.rate_hz, n_seconds - 1)
    return np.bincount(seconds, minlength=n_seconds).astype(np.float64)
