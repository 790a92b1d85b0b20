"""The spectra of a block, taken once for all families that need them.

Frames of some 46 ms (2048 samples at 44.1 and 48 kHz), periodic Hann window, half overlapping, the last one ending
with the block. Powers are scaled so that the bins of a frame add up to the mean square of its samples. Single
precision: its rounding noise lies 140 dB below the loudest bin, below that of 16-bit audio.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.measures.block import Block

FRAME_S = 0.0464
# A megabyte with their spectra, which stay in the cache.
FRAMES_AT_ONCE = 32
# Where channels are compared: band edges in Hz.
STEREO_EDGES_HZ = (0.0, 250.0, 2000.0, 8000.0, math.inf)
# Power added before logarithms: -150 dB re full scale, far under the rounding noise of 24 bits.
TINY_POWER = 1e-15


@dataclass(frozen=True, eq=False)
class Spectra:
    """Power spectra of a block.

    Attributes:
        power: float32 (n_frames, n_bins), of the signal that `Block.mixed` names.
        log_power: float32 (n_frames, n_bins), natural logarithm of power + 1e-15.
        pair: float32 (n_frames, 4 bands, 4): sums of |l|^2, |r|^2, real and imaginary part of l r*; None without pair.
        bins: float64 (n_bins, 4): the same four summed over every second frame, bin by bin; None without pair.
        second_of_frame: int (n_frames,), which second of the block the middle of each frame lies in.
        bin_hz: Distance of bins.
        n_seconds: Length of the block's time line.
    """

    power: NDArray[np.float32]
    log_power: NDArray[np.float32]
    pair: NDArray[np.float32] | None
    bins: NDArray[np.float64] | None
    second_of_frame: NDArray[np.int64]
    bin_hz: float
    n_seconds: int

    @property
    def n_bins(self) -> int:
        """Number of bins from 0 Hz to half the rate."""
        return int(self.power.shape[1])

    @cached_property
    def frames_of_seconds(self) -> list[slice]:
        """The frames of each second; a second without any gets the nearest frame."""
        edges = np.searchsorted(self.second_of_frame, np.arange(self.n_seconds + 1))
        last = len(self.second_of_frame) - 1
        return [
            slice(int(begin), int(end)) if end > begin else slice(min(int(begin), last), min(int(begin), last) + 1)
            for begin, end in itertools.pairwise(edges)
        ]

    @cached_property
    def second_power(self) -> NDArray[np.float32]:
        """Mean power of each second, float32 (n_seconds, n_bins)."""
        return np.stack([self.power[chosen].mean(axis=0) for chosen in self.frames_of_seconds])

    def bin_at(self, frequency_hz: float) -> int:
        """Return the bin nearest to a frequency, at most the last."""
        return min(round(frequency_hz / self.bin_hz), self.n_bins - 1)


def frame_samples_at(rate_hz: int) -> int:
    """Return the power of two nearest to 46 ms (at least 64), in samples."""
    return int(2 ** max(6, round(math.log2(FRAME_S * rate_hz))))


def take_spectra(block: Block) -> Spectra:
    """Return the spectra of a block."""
    import scipy.fft  # in single precision half the time of numpy's

    n_frame = frame_samples_at(block.rate_hz)
    taper, bands = _taper(n_frame), _stereo_bands(n_frame, block.rate_hz)
    starts = frame_starts(block.samples.shape[1], n_frame)
    is_pair = len(block.samples) == 2
    channels = _padded(block.samples if is_pair else block.main[np.newaxis], n_frame)
    power = np.empty((len(starts), n_frame // 2 + 1), dtype=np.float32)
    pair = np.empty((len(starts), len(STEREO_EDGES_HZ) - 1, 4), dtype=np.float32) if is_pair else None
    bins = np.zeros((n_frame // 2 + 1, 4)) if is_pair else None
    views = np.lib.stride_tricks.sliding_window_view(channels, n_frame, axis=1)
    for begin in range(0, len(starts), FRAMES_AT_ONCE):
        chosen = slice(begin, begin + FRAMES_AT_ONCE)
        frames = views[:, starts[chosen]] * taper  # (n_channels, n_frames, n_frame)
        spectra = scipy.fft.rfft(frames, axis=2, overwrite_x=True)
        np.abs(_mixed(spectra, block.mixed), out=power[chosen])
        if pair is not None:
            _write_pair(pair[chosen], spectra, bands)
        if bins is not None:
            bins += _bin_sums(spectra[:, ::2])
    middles = starts + n_frame // 2
    seconds = np.minimum(middles // block.rate_hz, len(block.seconds) - 1)
    np.square(power, out=power)
    log_power = power + np.float32(TINY_POWER)
    np.log(log_power, out=log_power)
    return Spectra(power, log_power, pair, bins, seconds, block.rate_hz / n_frame, len(block.seconds))


def frame_starts(n_samples: int, n_frame: int) -> NDArray[np.int64]:
    """Return where frames begin: every half frame, and one that ends with the last sample."""
    last = max(0, n_samples - n_frame)
    starts = np.arange(0, last + 1, n_frame // 2)
    return starts if starts[-1] == last else np.append(starts, last)


def _padded(channels: NDArray[np.float32], n_frame: int) -> NDArray[np.float32]:
    missing = n_frame - channels.shape[1]
    return channels if missing <= 0 else np.pad(channels, ((0, 0), (0, missing)))


def _mixed(spectra: NDArray[np.complex64], mixed: str) -> NDArray[np.complex64]:
    if mixed == "mid":
        mid: NDArray[np.complex64] = spectra[0] + spectra[1]
        mid *= np.float32(0.5)
        return mid
    # A block that is not a pair brings only its main channel.
    chosen: NDArray[np.complex64] = spectra[int(mixed) if len(spectra) == 2 else 0]
    return chosen


def _write_pair(target: NDArray[np.float32], spectra: NDArray[np.complex64], bands: list[slice]) -> None:
    left, right = spectra
    for index, band in enumerate(bands):
        for kind, channel in enumerate((left, right)):
            parts = channel[:, band].view(np.float32)  # real and imaginary parts
            np.vecdot(parts, parts, out=target[:, index, kind])
        cross = np.vecdot(right[:, band], left[:, band])  # the first is conjugated
        target[:, index, 2], target[:, index, 3] = cross.real, cross.imag


def _bin_sums(spectra: NDArray[np.complex64]) -> NDArray[np.float64]:
    """Return the sums over frames of |l|^2, |r|^2, real and imaginary part of l r*, float64 (n_bins, 4)."""
    parts = spectra.view(np.float32)
    powers = np.einsum("cfb,cfb->cb", parts, parts).reshape(2, -1, 2).sum(axis=2)
    right = np.conj(spectra[1])
    cross = np.multiply(spectra[0], right, out=right).sum(axis=0)
    return np.stack([powers[0], powers[1], cross.real, cross.imag], axis=1).astype(np.float64)


@lru_cache(maxsize=8)
def _taper(n_frame: int) -> NDArray[np.float32]:
    """Return a Hann window scaled so that the powers of the bins 0..n/2 add up to the mean square."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_frame) / n_frame)
    return np.asarray(window * math.sqrt(2 / (n_frame * np.sum(window**2))), dtype=np.float32)


def _stereo_bands(n_frame: int, rate_hz: int) -> list[slice]:
    n_bins = n_frame // 2 + 1
    edges = [min(n_bins, math.ceil(min(edge, rate_hz) * n_frame / rate_hz)) for edge in STEREO_EDGES_HZ]
    return [slice(low, high) for low, high in itertools.pairwise(edges)]
