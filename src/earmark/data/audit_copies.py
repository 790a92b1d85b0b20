"""Which clips hold the same sound: by content hash, or by fingerprint confirmed by listening again.

Two clips that share fingerprint words are read once more. They are copies where the slopes of their waveforms (first
differences, which lift the treble: without them two takes of one vowel reach 0.95) at 8 kHz correlate by 0.88 or more
over at least half of the shorter clip. Measured on 150 clips each of fsdd, oneshots and esc50:
copies at other levels, rates and offsets correlate by 0.88 to 1.00, Vorbis and MP3 at their lowest quality by 0.86 to
0.99; of the 12,467 pairs of fsdd that share a word, none meant to be a copy, 2 reach 0.88. Missed are one-shots whose
attack was cut off: of those that lost a tenth at the front and a twentieth at the end, one in ten.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.progress import SILENT, track
from earmark.data.acoustic_print import PRINT_RATE_HZ, Candidate, find_candidates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from earmark.core.progress import Progress
    from earmark.data.acoustic import ClipFacts
    from earmark.data.clip import Clip

SAME_SOUND = 0.88
WORTH_REFINING = 0.5
REFINEMENT = 4  # half a sample at 8 kHz costs up to 0.2 of correlation near 3 kHz
EXCERPT_S = 10.0
MARGIN_S = 0.5
LEAST_OVERLAP = 0.5
LEAST_ENERGY = 0.002  # the overlap may miss the attack of a drum, but must not be background alone
KEPT_BYTES = 128 * 2**20


@dataclass(frozen=True)
class CopySet:
    """Clips that hold the same sound.

    Attributes:
        rows: Their positions in the dataset, ascending.
        exact: Whether all have the same decoded samples; else some are near-duplicates.
    """

    rows: tuple[int, ...]
    exact: bool


def find_copies(
    clips: Sequence[Clip], facts: Sequence[ClipFacts | None], *, progress: Progress = SILENT
) -> tuple[CopySet, ...]:
    """Return the sets of clips with the same sound, ordered by their first clip.

    Silent clips are no copies of each other. Stretches of one file are compared by their hash only: that they
    overlap is for their times to say.

    Raises:
        AudioError: A file that could be read before cannot be read any more.
    """
    audible = {row: item for row, item in enumerate(facts) if item is not None and not item.is_silent}
    by_content: dict[str, list[int]] = defaultdict(list)
    for row, item in audible.items():
        by_content[item.content_hash].append(row)
    leaders = [rows[0] for rows in by_content.values()]
    parents = {row: rows[0] for rows in by_content.values() for row in rows}
    near = _near_pairs(clips, {row: audible[row] for row in leaders}, progress)
    sets = _merge(parents, near)
    return tuple(CopySet(rows, len({audible[row].content_hash for row in rows}) == 1) for rows in sets)


def _near_pairs(clips: Sequence[Clip], leaders: Mapping[int, ClipFacts], progress: Progress) -> list[tuple[int, int]]:
    rows = sorted(leaders)
    candidates = [
        candidate
        for candidate in find_candidates([leaders[row].print for row in rows])
        if clips[rows[candidate.first]].path != clips[rows[candidate.second]].path
    ]
    excerpts = _Excerpts()
    found = []
    for candidate in track(candidates, "Comparing similar clips", len(candidates), progress):
        first, second = rows[candidate.first], rows[candidate.second]
        facts = leaders[first], leaders[second]
        if similarity(*excerpts.of_pair((clips[first], clips[second]), facts, candidate)) >= SAME_SOUND:
            found.append((first, second))
    return found


class _Excerpts:
    """Reads stretches of clips at 8 kHz and keeps as many as fit into 128 MiB."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, float, float], NDArray[np.float32]] = {}
        self._n_bytes = 0

    def of_pair(
        self, clips: tuple[Clip, Clip], facts: tuple[ClipFacts, ClipFacts], candidate: Candidate
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return both clips, or where one is long about 10 s of each around the word they share."""
        heard_s = max(0.0, candidate.first_s), max(0.0, candidate.first_s - candidate.offset_s)
        begins_s = [0.0, 0.0]
        if max(item.duration_s for item in facts) > EXCERPT_S:
            before_s = min(EXCERPT_S / 2, *heard_s)
            begins_s = [max(0.0, heard - before_s - MARGIN_S) for heard in heard_s]
        return self._read(clips[0], facts[0], begins_s[0]), self._read(clips[1], facts[1], begins_s[1])

    def _read(self, clip: Clip, facts: ClipFacts, begin_s: float) -> NDArray[np.float32]:
        from earmark.audio.read import read_audio

        window_s = min(facts.duration_s - begin_s, EXCERPT_S + 2 * MARGIN_S)
        key = (clip.id, begin_s, window_s)
        if key not in self._kept:
            sound = read_audio(
                clip.path, start_s=clip.start_s + begin_s, duration_s=window_s, rate_hz=PRINT_RATE_HZ, mono=True
            ).mono()
            if self._n_bytes > KEPT_BYTES:
                self._kept.clear()
                self._n_bytes = 0
            self._kept[key] = sound
            self._n_bytes += sound.nbytes
        return self._kept[key]


def similarity(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return the largest normalised correlation of two sounds over all shifts, in [0, 1].

    Only shifts count at which at least half of the shorter sound overlaps and both overlapping parts hold at least
    0.2 % of the energy of their sound. Level and polarity do not matter.

    Args:
        first: float32 (n_samples,).
        second: float32 (n_samples,), of any length, at the same rate.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    first, second = np.diff(first), np.diff(second)
    least = max(1, int(LEAST_OVERLAP * min(first.size, second.size)))
    if min(first.size, second.size) == 0:
        return 0.0
    n_fft = next_fast_len(first.size + second.size, real=True)
    cross = rfft(first, n_fft) * np.conj(rfft(second, n_fft))
    shifts = np.arange(least - second.size, first.size - least + 1)
    low, high = np.maximum(shifts, 0), np.minimum(first.size, shifts + second.size)
    energies = [np.concatenate([[0.0], np.cumsum(np.square(part, dtype=np.float64))]) for part in (first, second)]
    energy_first = energies[0][high] - energies[0][low]
    energy_second = energies[1][high - shifts] - energies[1][low - shifts]
    enough = (energy_first > LEAST_ENERGY * energies[0][-1]) & (energy_second > LEAST_ENERGY * energies[1][-1])
    if not enough.any():
        return 0.0
    shifts, scale = shifts[enough], np.sqrt(energy_first[enough] * energy_second[enough])
    best = float((np.abs(irfft(cross, n_fft)[shifts]) / scale).max())
    if WORTH_REFINING <= best < SAME_SOUND:
        fine = np.abs(irfft(cross, n_fft * REFINEMENT)) * REFINEMENT
        between = np.maximum.reduce([fine[shifts * REFINEMENT + step] for step in range(REFINEMENT)])
        best = max(best, float((between / scale).max()))
    return min(1.0, best)


def _merge(parents: dict[int, int], pairs: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Return the connected sets of more than one row."""

    def root(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parents[high] = low
    sets: dict[int, list[int]] = defaultdict(list)
    for row in sorted(parents):
        sets[root(row)].append(row)
    return [tuple(rows) for _, rows in sorted(sets.items()) if len(rows) > 1]
