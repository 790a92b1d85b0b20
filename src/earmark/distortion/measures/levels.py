"""How loud it is: peaks, true peak, loudness, crest, offset, silence, and how finely samples are stepped."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.measures.block import CELL_SAMPLES, SILENCE
from earmark.distortion.measures.scale import amplitude_db, power_db, powers_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.measures.block import Block, Part
    from earmark.distortion.measures.spectra import Spectra

# True peaks are looked for in the loudest cells only: they stand beside the largest samples.
TRUE_PEAK_CELLS = 128
TAPS_PER_PHASE = 24
# Loudness is gated as in BS.1770-4: blocks of 400 ms, absolute gate -70 LUFS, relative gate 10 LU below.
GATE_BLOCK_S = 0.4
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU = -70.0, 10.0
STEP_SAMPLES = 1 << 14


def gather(block: Block, spectra: Spectra) -> Part:
    """Return what a block adds: rows by second, by block and by loudness gate."""
    samples, seconds = block.samples, block.seconds
    sums = np.array([[float(channel[second].sum()) for channel in samples] for second in seconds])
    if len(samples) > 2:
        powers = np.array([[float(channel[second] @ channel[second]) for channel in samples] for second in seconds])
    else:
        powers = block.products[:, : len(samples)]
    lengths = np.array([second.stop - second.start for second in seconds], dtype=np.float64)
    quiet_cells = (block.cell_peaks.max(axis=0) < SILENCE).mean()
    bits, distinct = _steps(block)
    return {
        "peak": np.abs(block.extremes).max(axis=1).astype(np.float64),
        "offset": np.abs(sums).max(axis=1),
        "signed": sums,
        "power": powers.mean(axis=1),
        "samples": lengths,
        "quiet": np.array([quiet_cells * lengths.sum()]),
        "true_peak": np.array([true_peak(block)]),
        "bits": np.array([bits]),
        "distinct": np.array([distinct]),
        "gates": _gates(block, spectra),
    }


def summarise(part: Part) -> dict[str, float]:
    """Return the measures of the whole file."""
    n_samples = float(part["samples"].sum())
    mean_power = float(part["power"].sum() / n_samples)
    peak = float(part["peak"].max())
    found = {
        "peak_dbfs": amplitude_db(peak),
        "rms_dbfs": power_db(mean_power),
        "true_peak_dbtp": amplitude_db(float(part["true_peak"].max())),
        "dc_offset": float(np.abs(part["signed"].sum(axis=0)).max() / n_samples),
        "silence_share": float(part["quiet"].sum() / n_samples),
    }
    if peak < SILENCE:
        return found
    loud = part["power"] > 0
    crests = 20 * np.log10(np.maximum(part["peak"][loud], 1e-9)) - powers_db((part["power"] / part["samples"])[loud])
    heard = powers_db(part["gates"])
    heard = heard[heard > ABSOLUTE_GATE_LUFS]
    found |= {
        "loudness_lufs": _integrated_lufs(part["gates"]),
        "crest_db": amplitude_db(peak) - power_db(mean_power),
        "crest_second_db": float(np.median(crests)),
        "level_spread_db": float(np.subtract(*np.percentile(heard, (95, 10)))) if heard.size else 0.0,
        "bit_depth": float(part["bits"].max()),
        "distinct_share": float(np.median(part["distinct"])),
    }
    return found


def line(part: Part) -> dict[str, NDArray[np.float64]]:
    """Return the measures of each second."""
    mean_power = part["power"] / np.maximum(part["samples"], 1)
    return {"peak_dbfs": powers_db(part["peak"] ** 2), "rms_dbfs": powers_db(mean_power)}


def true_peak(block: Block) -> float:
    """Return the largest magnitude of the block after fourfold oversampling (ITU-R BS.1770-4, annex 2).

    The 128 cells of 64 samples with the highest peaks are oversampled; the filter is a Kaiser-windowed sinc.
    """
    cells = block.cell_peaks
    n_chosen = min(TRUE_PEAK_CELLS, cells.size)
    chosen = np.argpartition(cells.ravel(), cells.size - n_chosen)[-n_chosen:]
    channels, numbers = np.divmod(chosen, cells.shape[1])
    reach, n_samples = TAPS_PER_PHASE // 2, block.samples.shape[1]
    places = numbers[:, np.newaxis] * CELL_SAMPLES + np.arange(-reach, CELL_SAMPLES + reach)
    inside = np.clip(places, 0, n_samples - 1)
    around = np.where(places == inside, block.samples[channels[:, np.newaxis], inside], np.float32(0))
    windows = np.lib.stride_tricks.sliding_window_view(around, TAPS_PER_PHASE, axis=1)
    between = windows.reshape(-1, TAPS_PER_PHASE) @ _phases()
    return max(block.peak, float(np.abs(between).max(initial=0)))


@lru_cache(maxsize=1)
def _phases() -> NDArray[np.float32]:
    """Return the filters for 1/4, 1/2 and 3/4 of a sample, float32 (24, 3)."""
    places = np.arange(TAPS_PER_PHASE)[:, np.newaxis] - (TAPS_PER_PHASE // 2 - 1) - np.array([0.25, 0.5, 0.75])
    taper = np.i0(7 * np.sqrt(np.maximum(0, 1 - (places / (TAPS_PER_PHASE / 2)) ** 2))) / np.i0(7)
    filters = np.sinc(places) * taper
    return np.asarray(filters / filters.sum(axis=0), dtype=np.float32)


def _gates(block: Block, spectra: Spectra) -> NDArray[np.float64]:
    """Return the K-weighted power of all channels in each 400 ms, three quarters overlapping."""
    weights = _k_weights(spectra.bin_hz, spectra.n_bins)
    main = spectra.power @ weights
    # The spectrum is that of one signal; all channels together are so much more powerful than it.
    all_power = sum(float(channel @ channel) for channel in block.samples)
    main_power = float(block.main @ block.main)
    scaled = main.astype(np.float64) * (all_power / main_power if main_power > 0 else 0.0)
    hop_s = block.rate_hz and 1 / (2 * spectra.bin_hz)
    n_together = max(1, round(GATE_BLOCK_S / hop_s))
    if scaled.size <= n_together:
        return np.array([scaled.mean()])
    running = np.concatenate([[0.0], np.cumsum(scaled)])
    means = (running[n_together:] - running[:-n_together]) / n_together
    return np.asarray(means[:: max(1, n_together // 4)], dtype=np.float64)


@lru_cache(maxsize=8)
def _k_weights(bin_hz: float, n_bins: int) -> NDArray[np.float32]:
    """Return the power response of the K filter (ITU-R BS.1770-4, tables 1 and 2, for 48 kHz), float32 (n_bins,)."""
    angles = 2 * np.pi * np.minimum(np.arange(n_bins) * bin_hz, 23999.0) / 48000
    delays = np.exp(-1j * np.outer(np.arange(3), angles))
    shelf = np.array([1.53512485958697, -2.69169618940638, 1.19839281085285]) @ delays
    shelf /= np.array([1.0, -1.69065929318241, 0.73248077421585]) @ delays
    high_pass = np.array([1.0, -2.0, 1.0]) @ delays / (np.array([1.0, -1.99004745483398, 0.99007225036621]) @ delays)
    return np.asarray(np.abs(shelf * high_pass) ** 2, dtype=np.float32)


def _integrated_lufs(gates: NDArray[np.float64]) -> float:
    levels = -0.691 + powers_db(gates)
    heard = gates[levels > ABSOLUTE_GATE_LUFS]
    if heard.size == 0:
        return ABSOLUTE_GATE_LUFS
    relative = -0.691 + power_db(float(heard.mean())) - RELATIVE_GATE_LU
    kept = gates[(levels > ABSOLUTE_GATE_LUFS) & (levels > relative)]
    return -0.691 + power_db(float(kept.mean()))


def _steps(block: Block) -> tuple[float, float]:
    """Return the number of bits that samples need, and how many of them are different from all others.

    Looked at in the middle of the block. 24 stands for 24 bits and more.
    """
    middle = max(0, (block.samples.shape[1] - STEP_SAMPLES) // 2)
    some = block.samples[0, middle : middle + STEP_SAMPLES]
    scaled = some.astype(np.float64) * 2.0**22
    steps = scaled.astype(np.int64)
    bits = 24.0
    if np.array_equal(scaled, steps):
        together = int(np.bitwise_or.reduce(np.abs(steps)))
        lowest = (together & -together).bit_length() - 1 if together else 22  # zeros at the end of all numbers
        bits = float(max(4, 23 - lowest))
    n_moving = max(1, int(np.count_nonzero(np.diff(some))))
    return bits, math.sqrt(min(1.0, len(np.unique(some)) / n_moving))
