"""The part of a file in which a fault is heard, as the sentences about it ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from earmark.distortion.measures.table import LINE_NAMES, NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.heard import Heard
    from earmark.distortion.measures.measurements import Evidence


@dataclass(frozen=True)
class Value:
    """A measured number with its place in the file, in seconds."""

    number: float
    start_s: float
    end_s: float


@dataclass(frozen=True, eq=False)
class View:
    """The part of a file in which a fault is heard.

    Attributes:
        heard: All that was measured of the file.
        seconds: bool (n_seconds,), those in which the fault is heard.
        severity: Of the fault in this part.
        probability: Of the fault in the file.
    """

    heard: Heard
    seconds: NDArray[np.bool_]
    severity: float
    probability: float

    def extreme(self, name: str, which: Literal["highest", "lowest"] = "highest") -> Value | None:
        """Return the highest or lowest value of a measure among the blocks of this part, None where not known."""
        place = NAMES.index(name)
        blocks = [block for block in self._blocks() if self.heard.known[block, place]]
        if not blocks:
            return None
        values = self.heard.values[blocks, place]
        block = blocks[int(values.argmax() if which == "highest" else values.argmin())]
        start_s, end_s = self.heard.blocks_s[block]
        return Value(float(self.heard.values[block, place]), float(start_s), float(end_s))

    def beside(self, name: str, value: Value) -> float | None:
        """Return another measure of the block that a value was found in, None where not known."""
        block = int(np.flatnonzero(self.heard.blocks_s[:, 0] == value.start_s)[0])
        place = NAMES.index(name)
        return float(self.heard.values[block, place]) if self.heard.known[block, place] else None

    def mean(self, name: str) -> float:
        """Return the mean of a column of the time line over the seconds of this part, 0 where not known."""
        return float(self._column(name)[self.seconds].mean())

    def worst_second(self, name: str) -> Value:
        """Return the second of this part in which a column of the time line is highest."""
        second = int(np.argmax(np.where(self.seconds, self._column(name), -np.inf)))
        start_s, end_s = self.heard.times_s[second]
        return Value(float(self._column(name)[second]), float(start_s), float(end_s))

    def total(self, name: str) -> int:
        """Return how many moments of a kind lie in this part, from a column of the time line that counts per second."""
        lengths_s = self.heard.times_s[:, 1] - self.heard.times_s[:, 0]
        return round(float((self._column(name) * lengths_s)[self.seconds].sum()))

    def strongest(self, name: str) -> Evidence | None:
        """Return the strongest moment of a kind in this part."""
        spans = self.heard.times_s[self.seconds]
        inside = [
            moment
            for moment in self.heard.moments
            if moment.measure == name and bool(((spans[:, 0] <= moment.start_s) & (moment.start_s < spans[:, 1])).any())
        ]
        return max(inside, key=lambda moment: moment.value, default=None)

    def _blocks(self) -> list[int]:
        return [int(block) for block in np.unique(self.heard.block_of[self.seconds])]

    def _column(self, name: str) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self.heard.line[:, LINE_NAMES.index(name)]
        return values
