"""A clip on its way to its answer: cut into windows, then with what the bundle's graphs said of each.

Between the two stands a stack of windows. It may hold those of many clips: no row depends on its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SILENCE_DB = -90.0  # below the last bit of 16-bit audio: nothing was recorded


@dataclass(frozen=True, eq=False)
class Cut:
    """The windows of a clip.

    Attributes:
        windows: float32 (n_windows, n_samples) at the frontend's rate, often a view of the sound.
        levels_db: float32 (n_windows,).
        times_s: float64 (n_windows, 2), start and end of each.
        duration_s: Duration of the clip.
    """

    windows: NDArray[np.float32]
    levels_db: NDArray[np.float32]
    times_s: NDArray[np.float64]
    duration_s: float

    def heard(self, rows: Rows) -> Heard:
        """Return the clip with the rows of all its windows."""
        return Heard(rows, self.levels_db, self.times_s, self.duration_s)


@dataclass(frozen=True, eq=False)
class Rows:
    """What the graphs of a bundle say of windows, before calibration.

    Attributes:
        scores: float32 (n_windows, n_classes).
        known: float32 (n_windows, n_classes + 1), of the labels and of "none of them"; None where the bundle cannot
            tell.
    """

    scores: NDArray[np.float32]
    known: NDArray[np.float32] | None

    def part(self, first: int, end: int) -> Rows:
        """Return the rows of windows from `first` to before `end`."""
        return Rows(self.scores[first:end], None if self.known is None else self.known[first:end])

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Return the rows of parts that follow on each other, at least one."""
        if len(parts) == 1:
            return parts[0]
        known = [part.known for part in parts if part.known is not None]
        return cls(np.concatenate([part.scores for part in parts]), np.concatenate(known) if known else None)


@dataclass(frozen=True, eq=False)
class Heard:
    """All that the answer for a clip is made of; attributes as of `Cut` and `Rows`."""

    rows: Rows
    levels_db: NDArray[np.float32]
    times_s: NDArray[np.float64]
    duration_s: float


def refuse_silence(levels_db: NDArray[np.float32]) -> None:
    """Raise AudioError where no window of a clip is louder than silence."""
    loudest_db = levels_db.max()
    if loudest_db < SILENCE_DB:
        raise AudioError(f"is silent (level {loudest_db:.0f} dB), expected sound above {SILENCE_DB:.0f} dB")
