"""The frontend `midside`: pictures of the middle and the side of a sound up to 22 kHz, at its own rate.

Unlike mel spectrograms they keep the treble, where codecs leave holes, and what differs between the channels.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from earmark.core.config import Config, parse_config
from earmark.distortion.frontend import native_spec, window_of
from earmark.distortion.measures.block import BLOCK_S, cut_blocks
from earmark.features.base import NativeFrontend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform
    from earmark.distortion.measures.block import Block
    from earmark.features.base import NativeWindow

# Five sixteenths of the bands share what lies below 2 kHz, the others what lies above, all alike on either side.
LOW_SHARE, LOW_TOP_HZ, TOP_HZ = 5 / 16, 2000.0, 22_050.0
FRAME_S = 0.0464  # 2048 samples at 44.1 kHz; the nearest power of two at other rates
FLOOR_DB, CEILING_DB = -100.0, 20.0  # re the whole block
FRAMES_AT_ONCE = 64


class MidSideOptions(Config):
    """Options of the frontend `midside`."""

    n_bands: Annotated[int, Field(ge=16, le=512, description="Bands from 0 to 22.05 kHz")] = 128
    n_frames: Annotated[int, Field(ge=8, le=1000, description="Frames of a block of ten seconds")] = 250


class MidSideFrontend(NativeFrontend):
    """Two pictures of each block of ten seconds: middle and side, float32 (2, n_bands, n_frames + 1).

    Decibels of bands re the mean power of the block, floored at -100, so that loudness tells nothing. The last column
    is a mask, 1 where a band can be told: below half the rate, and in the side only if there are two channels. With
    more channels the loudest is the middle. Shorter blocks are repeated until the picture is full.
    """

    def __init__(self, options: MidSideOptions | None = None) -> None:
        self.options = options or MidSideOptions()
        shape = (2, self.options.n_bands, self.options.n_frames + 1)
        self.spec = native_spec("midside", shape, self.options.model_dump(), version=1)

    def measure(self, waveforms: Iterable[Waveform]) -> Iterator[NativeWindow]:
        """Yield the pictures of each block.

        Raises:
            AudioError: There is no sample, rate or channels change, or a sample is NaN, infinite or beyond +-1e6.
        """
        for block in cut_blocks(waveforms):
            yield window_of(block, _pictures(block, self.options))


def midside(**options: Any) -> MidSideFrontend:
    """Return the frontend `midside`, options of `MidSideOptions`. Raises ConfigError for others."""
    return MidSideFrontend(parse_config(MidSideOptions, options, 'frontend "midside"'))


def band_edges_hz(n_bands: int) -> NDArray[np.float64]:
    """Return the edges of bands, float64 (n_bands + 1,)."""
    n_low = round(LOW_SHARE * n_bands)
    low = np.linspace(0, LOW_TOP_HZ, n_low, endpoint=False)
    return np.concatenate([low, np.linspace(LOW_TOP_HZ, TOP_HZ, n_bands - n_low + 1)])


def mid_and_side(block: Block) -> list[NDArray[np.float32]]:
    """Return the middle and, of two channels, half the difference; of others one channel alone, the loudest."""
    if len(block.samples) != 2:
        return [block.main]
    left, right = np.float32(0.5) * block.samples
    return [left + right, left - right]


def _pictures(block: Block, options: MidSideOptions) -> NDArray[np.float32]:
    n_bands, n_frames = options.n_bands, options.n_frames
    picture = np.full((2, n_bands, n_frames + 1), FLOOR_DB, dtype=np.float32)
    picture[:, :, n_frames] = 0
    n_fft = 2 ** round(math.log2(FRAME_S * block.rate_hz))
    bins = _band_bins(n_bands, n_fft, block.rate_hz)
    powers = [_band_power(signal, n_fft, bins, _starts(block, n_fft, n_frames)) for signal in mid_and_side(block)]
    total = sum(float(power.sum(dtype=np.float64)) / len(power) for power in powers)
    if block.is_silent or not total > 0:
        return picture
    n_told = len(bins)
    for channel, power in enumerate(powers):
        levels_db = 10 * np.log10(power.T * np.float32(1 / total) + np.float32(1e-10))
        np.clip(levels_db, FLOOR_DB, CEILING_DB, out=levels_db)
        picture[channel, :n_told, :n_frames] = np.resize(levels_db.T, (n_frames, n_told)).T
        picture[channel, :n_told, n_frames] = 1
    return picture


def _starts(block: Block, n_fft: int, n_frames: int) -> NDArray[np.int64]:
    """Return where frames begin: evenly from the first to the last sample, at least `BLOCK_S / n_frames` apart."""
    n_samples = block.samples.shape[1]
    n_wanted = min(n_frames, max(1, round(n_samples * n_frames / (BLOCK_S * block.rate_hz))))
    return np.linspace(0, max(0, n_samples - n_fft), n_wanted).astype(np.int64)


def _band_power(
    signal: NDArray[np.float32], n_fft: int, bins: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the power in bands, float32 (n_frames, n_bands): sums over the bins from one of `bins` to the next."""
    import scipy.fft  # in single precision half the time of numpy's

    if signal.size < n_fft:
        signal = np.pad(signal, (0, n_fft - signal.size))
    frames = np.lib.stride_tricks.sliding_window_view(signal, n_fft)
    found = np.empty((len(starts), len(bins)), dtype=np.float32)
    for first in range(0, len(starts), FRAMES_AT_ONCE):
        part = slice(first, first + FRAMES_AT_ONCE)
        spectrum = scipy.fft.rfft(frames[starts[part]] * _taper(n_fft), axis=1)
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        found[part] = np.add.reduceat(power, bins, axis=1)
    return found


@lru_cache(maxsize=8)
def _taper(n_fft: int) -> NDArray[np.float32]:
    return np.asarray(np.hanning(n_fft + 1)[:-1] / math.sqrt(n_fft), dtype=np.float32)


@lru_cache(maxsize=8)
def _band_bins(n_bands: int, n_fft: int, rate_hz: int) -> NDArray[np.int64]:
    """Return the first bin of each band that lies wholly below half the rate; the last takes all bins above."""
    edges_hz = band_edges_hz(n_bands)
    n_told = max(1, int(np.searchsorted(edges_hz[1:], rate_hz / 2 * (1 + 1e-9), side="right")))
    bins = np.ceil(edges_hz[:n_told] * n_fft / rate_hz).astype(np.int64)
    return np.minimum(np.maximum.accumulate(bins), n_fft // 2)
