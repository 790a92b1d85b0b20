"""Acoustic fingerprints: which clips may be copies of each other, whatever their level, codec, rate or trim.

A print holds one 32-bit word for every 16 ms: bit b says whether band b is louder than band b + 1, over 33 bands from
150 to 3200 Hz. That is the sub-fingerprint of Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System"
(ISMIR 2002), without their difference in time, which is mere noise in steady sounds, and with frames of 128 ms, so
that a clip of 0.2 s still has a dozen. The three bits that were decided most narrowly are kept beside each word:
words that differ only there count as equal. Equal words make candidates; `audit_copies` listens to those again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

PRINT_RATE_HZ = 8000
FRAME_SAMPLES = 1024
HOP_SAMPLES = 128
N_BITS = 32
N_WEAK_BITS = 3
LOWEST_HZ, HIGHEST_HZ = 150.0, 3200.0
QUIET_FRAME = 1e-4  # frames 40 dB below the loudest frame of their block hold background, not the event
MAX_MATCHES = 16  # clips linked for one word; more of them are linked through these
FRAMES_AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class AcousticPrint:
    """The words of one clip.

    Attributes:
        words: uint32 (n_frames,).
        weak: uint8 (n_frames, 3), the bits of each word that were decided most narrowly.
        positions: int32 (n_frames,), the frame of each word, in hops of 16 ms from the start of the clip.
    """

    words: NDArray[np.uint32]
    weak: NDArray[np.uint8]
    positions: NDArray[np.int32]


@dataclass(frozen=True)
class Candidate:
    """Two clips that share words.

    Attributes:
        first: Position of one clip in the sequence of prints.
        second: Position of the other, larger than `first`.
        offset_s: How much later the shared sound begins in the first clip than in the second.
        first_s: Where in the first clip it is heard.
    """

    first: int
    second: int
    offset_s: float
    first_s: float


class PrintStream:
    """Makes the print of a clip that arrives in blocks."""

    def __init__(self, rate_hz: int) -> None:
        from earmark.audio.resample import StreamResampler

        self._resampler = StreamResampler(rate_hz, PRINT_RATE_HZ, 1) if rate_hz != PRINT_RATE_HZ else None
        # Zeros before the first and after the last sample give short clips words of their edges as well.
        self._pending = np.zeros(FRAME_SAMPLES - HOP_SAMPLES, dtype=np.float32)
        self._n_frames = 0
        self._parts: list[AcousticPrint] = []

    def add(self, mono: NDArray[np.float32]) -> None:
        """Take the next block, float32 (n_samples,)."""
        self._take(mono if self._resampler is None else self._resampler.push(mono[np.newaxis])[0])

    def finish(self) -> AcousticPrint:
        """Return the print of everything taken."""
        if self._resampler is not None:
            self._take(self._resampler.finish()[0])
        self._take(np.zeros(FRAME_SAMPLES - HOP_SAMPLES, dtype=np.float32))
        return AcousticPrint(
            np.concatenate([part.words for part in self._parts]),
            np.concatenate([part.weak for part in self._parts]),
            np.concatenate([part.positions for part in self._parts]),
        )

    def _take(self, samples: NDArray[np.float32]) -> None:
        pending = np.concatenate([self._pending, samples])
        if pending.size >= FRAME_SAMPLES:
            frames = np.lib.stride_tricks.sliding_window_view(pending, FRAME_SAMPLES)[::HOP_SAMPLES]
            self._parts.append(_print_of(frames, self._n_frames))
            self._n_frames += len(frames)
            pending = pending[len(frames) * HOP_SAMPLES :]
        self._pending = pending


def _print_of(frames: NDArray[np.float32], first_position: int) -> AcousticPrint:
    from scipy.fft import rfft

    window, weights = _tables()
    bands = np.empty((len(frames), N_BITS + 1), dtype=np.float32)
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        spectra = rfft(frames[start : start + FRAMES_AT_ONCE] * window, axis=1)
        bands[start : start + FRAMES_AT_ONCE] = (spectra.real**2 + spectra.imag**2) @ weights
    total = bands.sum(axis=1)
    positions = np.flatnonzero(total > max(QUIET_FRAME * float(total.max(initial=0)), 1e-9)).astype(np.int32)
    bands = bands[positions]
    level = np.log(bands + np.float32(1e-5) * bands.max(initial=0))
    steps = level[:, :-1] - level[:, 1:]
    words = (steps > 0).astype(np.uint32) @ (np.uint32(1) << np.arange(N_BITS, dtype=np.uint32))
    weak = np.argpartition(np.abs(steps), N_WEAK_BITS, axis=1)[:, :N_WEAK_BITS].astype(np.uint8)
    return AcousticPrint(words, weak, positions + np.int32(first_position))


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the window, float32 (n_samples,), and the weights of the bands, float32 (n_bins, n_bands).

    The bands are triangles of equal width on a logarithmic axis of frequency.
    """
    bins_hz = np.arange(FRAME_SAMPLES // 2 + 1) * PRINT_RATE_HZ / FRAME_SAMPLES
    edges_hz = np.geomspace(LOWEST_HZ, HIGHEST_HZ, N_BITS + 2)
    centres_hz = np.sqrt(edges_hz[:-1] * edges_hz[1:])
    distance = np.abs(np.log(np.maximum(bins_hz, 1.0)[:, None] / centres_hz)) / np.log(edges_hz[1] / edges_hz[0])
    return np.hanning(FRAME_SAMPLES).astype(np.float32), np.maximum(0.0, 1.0 - distance).astype(np.float32)


def find_candidates(prints: Sequence[AcousticPrint]) -> list[Candidate]:
    """Return the pairs of clips that share at least one word, sorted, each pair once.

    Work grows with the number of words, not with the square of the number of clips. Where a pair agrees at several
    offsets, the one with most words counts.
    """
    if not prints:
        return []
    pairs, lags, positions = (np.concatenate(column) for column in zip(*_matches(prints), strict=True))
    order = np.lexsort((positions, lags, pairs))
    pairs, lags, positions = pairs[order], lags[order], positions[order]
    begins = np.flatnonzero(np.diff(pairs, prepend=-1) | np.diff(lags, prepend=0))
    n_votes = np.diff(begins, append=pairs.size)
    pairs, lags, positions = pairs[begins], lags[begins], positions[begins]
    best = np.lexsort((np.abs(lags), -n_votes, pairs))
    best = best[np.flatnonzero(np.diff(pairs[best], prepend=-1))]
    hop_s = HOP_SAMPLES / PRINT_RATE_HZ
    return [
        Candidate(
            int(pairs[row]) // len(prints), int(pairs[row]) % len(prints), lags[row] * hop_s, positions[row] * hop_s
        )
        for row in best
    ]


def _matches(
    prints: Sequence[AcousticPrint],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield pair (first clip * n_clips + second), lag and position in the first, in hops, of equal words."""
    words = np.concatenate([item.words for item in prints])
    weak = np.concatenate([item.weak for item in prints])
    positions = np.concatenate([item.positions for item in prints]).astype(np.int64)
    owners = np.repeat(np.arange(len(prints)), [item.words.size for item in prints])
    # A word that a steady sound repeats counts once for its clip, or it would crowd out all other clips.
    order = np.argsort(words, kind="stable")
    new = (np.diff(words[order].astype(np.int64), prepend=-1) != 0) | (np.diff(owners[order], prepend=-1) != 0)
    order = order[new]
    words, weak, positions, owners = words[order], weak[order], positions[order], owners[order]
    for flips in range(2**N_WEAK_BITS):
        probes = words.copy()
        for bit in range(N_WEAK_BITS):
            if flips >> bit & 1:
                probes ^= np.uint32(1) << weak[:, bit].astype(np.uint32)
        begin = np.searchsorted(words, probes, side="left")
        count = np.minimum(np.searchsorted(words, probes, side="right") - begin, MAX_MATCHES)
        mine = np.repeat(np.arange(words.size), count)
        other = np.repeat(begin, count) + np.arange(mine.size) - np.repeat(np.cumsum(count) - count, count)
        keep = owners[mine] != owners[other]
        mine, other = mine[keep], other[keep]
        swap = owners[mine] > owners[other]
        mine, other = np.where(swap, other, mine), np.where(swap, mine, other)
        yield owners[mine] * len(prints) + owners[other], positions[mine] - positions[other], positions[mine]
