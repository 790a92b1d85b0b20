"""A stretch of some ten seconds that every family of measures looks at, and what they share about it.

Whole files and streams are cut in the same way, so that both give the same numbers: into blocks of ten seconds, a rest
of less than one second belonging to the block before it. Inside a block the time line runs in seconds; a rest of less
than half a second belongs to the second before it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from earmark.audio.waveform import Waveform
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

BLOCK_S = 10
# Cells of 64 samples carry peaks: short enough to place a click, long enough to save most of the work.
CELL_SAMPLES = 64
PIECE_SAMPLES = CELL_SAMPLES << 9
# 16-bit audio that is not silent holds at least a few steps of 2^-15; below -84 dBFS nothing can be told.
SILENCE = 2.0**-14
# Full scale is 1; beyond this, float files are taken for damaged rather than loud (powers would overflow).
LARGEST = 1e6

Part: TypeAlias = "dict[str, NDArray[np.float64]]"


@dataclass(frozen=True, eq=False)
class Block:
    """Samples of a block with what is known of it before any family looks.

    Attributes:
        samples: float32 (n_channels, n_samples).
        rate_hz: Samples per second and channel.
        start_samples: Where the block begins in the file.
    """

    samples: NDArray[np.float32]
    rate_hz: int
    start_samples: int

    @property
    def start_s(self) -> float:
        """Where the block begins in the file, in seconds."""
        return self.start_samples / self.rate_hz

    @cached_property
    def seconds(self) -> list[slice]:
        """The samples of each second."""
        n_samples = self.samples.shape[1]
        n_seconds = max(1, (2 * n_samples + self.rate_hz) // (2 * self.rate_hz))
        edges = [min(index * self.rate_hz, n_samples) for index in range(n_seconds)] + [n_samples]
        return [slice(begin, end) for begin, end in itertools.pairwise(edges)]

    @cached_property
    def cell_peaks(self) -> NDArray[np.float32]:
        """Largest magnitude in each cell of 64 samples, float32 (n_channels, n_cells); the last may be shorter."""
        return np.stack([cells_of(channel) for channel in self.samples])

    @cached_property
    def extremes(self) -> NDArray[np.float32]:
        """Highest and lowest sample of each second in any channel, float32 (n_seconds, 2)."""
        sounds = [self.samples[:, second] for second in self.seconds]
        return np.array([(sound.max(), sound.min()) for sound in sounds], dtype=np.float32)

    @cached_property
    def products(self) -> NDArray[np.float64]:
        """Sums over each second of l l, r r and l r of the first two channels, float64 (n_seconds, 3).

        With one channel all three are its power.
        """
        left, right = self.samples[0], self.samples[min(1, len(self.samples) - 1)]
        rows = []
        for second in self.seconds:
            first, other = left[second], right[second]
            if left is right or len(self.samples) == 1:
                rows.append([float(first @ first)] * 3)
            else:
                rows.append([float(first @ first), float(other @ other), float(first @ other)])
        return np.array(rows, dtype=np.float64)

    @cached_property
    def mixed(self) -> str:
        """What the spectral measures listen to: "mid", or "0", "1", ... for one channel.

        The mean of the channels, unless it lies more than 6 dB below the louder channel (as with a channel turned
        over, where nothing would be left); with more than two channels the loudest.
        """
        if len(self.samples) == 2:
            left, right, cross = self.products.sum(axis=0)
            if (left + right + 2 * cross) / 4 >= max(left, right) / 4:
                return "mid"
            return "1" if right > left else "0"
        if len(self.samples) == 1:
            return "0"
        return str(int(np.argmax([float(channel @ channel) for channel in self.samples])))

    @cached_property
    def main(self) -> NDArray[np.float32]:
        """The signal that `mixed` names, float32 (n_samples,)."""
        if self.mixed != "mid":
            chosen: NDArray[np.float32] = self.samples[int(self.mixed)]
            return chosen
        half = np.float32(0.5)
        mid: NDArray[np.float32] = half * self.samples[0] + half * self.samples[1]
        return mid

    @cached_property
    def peak(self) -> float:
        """Largest magnitude of all channels."""
        return float(self.cell_peaks.max())

    @property
    def is_silent(self) -> bool:
        """Whether nothing reaches -84 dBFS."""
        return self.peak < SILENCE


def cells_of(channel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest magnitude of each 64 samples, float32 (n_cells,); the last may be shorter.

    Piece by piece: all magnitudes at once would leave the cache.
    """
    cells = [
        _cells_of_piece(np.abs(channel[begin : begin + PIECE_SAMPLES]))
        for begin in range(0, channel.size, PIECE_SAMPLES)
    ]
    return np.concatenate(cells)


def _cells_of_piece(values: NDArray[np.float32]) -> NDArray[np.float32]:
    n_whole = values.size // CELL_SAMPLES
    # The bits of floats that are not negative are in the order of their values; integers are compared twice as fast.
    whole = values[: n_whole * CELL_SAMPLES].view(np.int32).reshape(n_whole, CELL_SAMPLES).max(axis=1).view(np.float32)
    rest = values[n_whole * CELL_SAMPLES :]
    return np.append(whole, rest.max()) if rest.size else whole


def cut_blocks(waveforms: Iterable[Waveform]) -> Iterator[Block]:
    """Yield blocks of ten seconds of waveforms that follow on each other.

    Raises:
        AudioError: There is no sample at all, rate or channels change, or a sample is NaN, infinite or beyond 1e6.
    """
    start, rate_hz, held = 0, 0, None
    for waveform in _whole_blocks(waveforms):
        rate_hz = waveform.rate_hz
        samples = waveform.samples
        if held is not None:
            if samples.shape[1] < rate_hz:  # only the last can be so short
                samples, held = np.concatenate([held, samples], axis=1), None
            else:
                yield Block(held, rate_hz, start)
                start += held.shape[1]
        held = samples
    if held is None:
        raise AudioError("found no samples to measure, expected at least one; the file is empty")
    yield Block(held, rate_hz, start)


def _whole_blocks(waveforms: Iterable[Waveform]) -> Iterator[Waveform]:
    """Yield waveforms of exactly ten seconds and a last one of at most that, checked."""
    waiting: list[NDArray[np.float32]] = []
    n_waiting, first = 0, None
    for waveform in waveforms:
        first = first or waveform
        _check(waveform, first)
        n_block = BLOCK_S * waveform.rate_hz
        samples = waveform.samples
        while n_waiting + samples.shape[1] >= n_block:
            taken = n_block - n_waiting
            yield Waveform(_joined([*waiting, samples[:, :taken]]), waveform.rate_hz)
            samples, waiting, n_waiting = samples[:, taken:], [], 0
        if samples.shape[1]:
            waiting.append(samples)
            n_waiting += samples.shape[1]
    if first is not None and waiting:
        yield Waveform(_joined(waiting), first.rate_hz)


def _joined(pieces: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    pieces = [piece for piece in pieces if piece.shape[1]]
    return np.ascontiguousarray(pieces[0]) if len(pieces) == 1 else np.concatenate(pieces, axis=1)


def _check(waveform: Waveform, first: Waveform) -> None:
    if (waveform.rate_hz, waveform.n_channels) != (first.rate_hz, first.n_channels):
        raise AudioError(
            f"found {waveform.n_channels} channels at {waveform.rate_hz} Hz after {first.n_channels} at "
            f"{first.rate_hz} Hz; all blocks of a file have to be alike"
        )
    if waveform.n_channels == 0:
        raise AudioError("found a waveform with no channel, expected at least one")
    if waveform.n_samples == 0:
        return
    # The largest and smallest value are NaN if any sample is: cheaper than asking each.
    highest, lowest = float(waveform.samples.max()), float(waveform.samples.min())
    if not (highest <= LARGEST and lowest >= -LARGEST):
        raise AudioError(
            f"found samples from {lowest} to {highest}, expected finite numbers within +-{LARGEST:.0f} "
            "(full scale is 1); the file is damaged or not audio"
        )
