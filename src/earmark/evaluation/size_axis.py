"""A log axis with a place for 0 left of a break: training sizes from zero-shot on, or seconds from "none" on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.evaluation.style import CARD, INK, MUTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

GAP = 0.22  # share of the axis between 0 and the smallest number above it
MARGIN = 0.035
CHARACTER_PT = 7.2
ZERO = "zero-\nshot"


@dataclass(frozen=True)
class SizeAxis:
    """Places of numbers on a linear axis: natural logarithms, and 0 at the left end behind a break.

    Attributes:
        lowest: The smallest number above 0.
        highest: The largest number.
        has_zero: Whether 0 has a place.
    """

    lowest: float
    highest: float
    has_zero: bool

    @classmethod
    def of(cls, numbers: Iterable[float]) -> SizeAxis:
        """Return an axis that holds all of these numbers, each at least 0."""
        given = list(numbers)
        above = [number for number in given if number > 0] or [1.0]
        return cls(min(above), max(above), 0 in given)

    @property
    def span(self) -> float:
        """Length of the part above 0."""
        return float(np.log(self.highest / self.lowest)) or 0.7

    @property
    def zero(self) -> float:
        """The place of 0."""
        return float(np.log(self.lowest)) - GAP * self.span

    def place(self, numbers: Sequence[float]) -> NDArray[np.float64]:
        """Return the place of each number, float64 (n,)."""
        values = np.asarray(numbers, dtype=np.float64)
        return np.where(values > 0, np.log(np.maximum(values, 1e-300)), self.zero)

    def scale(self, axes: Axes) -> None:
        """Set the limits, and mark the break."""
        left = self.zero if self.has_zero else float(np.log(self.lowest))
        margin = MARGIN * (np.log(self.highest) - left or 1.0)
        if self.lowest == self.highest and not self.has_zero:
            margin = 0.11
        axes.set_xlim(left - margin, float(np.log(self.highest)) + margin)
        axes.set_xticks([], minor=True)
        axes.grid(visible=False, axis="x")
        if self.has_zero:
            middle = (self.zero + np.log(self.lowest)) / 2
            place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False}
            place |= {"ha": "center", "va": "center"}
            axes.text(float(middle), 0.0, "  ", fontsize=4, backgroundcolor=CARD, **place)
            axes.text(float(middle), 0.0, "//", fontsize=9, color=MUTED, **place)

    def name(self, axes: Axes, sizes: Sequence[int], width_pt: float, *, zero: str = ZERO) -> None:
        """Write training sizes below the axis, without those that would run into their neighbour."""
        trained = [size for size in sizes if size > 0]
        names = tick_names(trained, width_pt * (self.span / (self.span * (1 + GAP * self.has_zero))))
        ticks = [*([0] if 0 in sizes else []), *trained]
        axes.set_xticks(self.place(ticks), [*([zero] if 0 in sizes else []), *names], color=INK)


def tick_names(sizes: Sequence[int], width_pt: float) -> list[str]:
    """Name the sizes, leaving out those that would run into their neighbour on a log axis of this width."""
    span = np.log(sizes[-1] / sizes[0]) if len(sizes) > 1 else 1.0
    names, last_end = [], -np.inf
    for size in reversed(sizes):  # the largest size matters most, so it is named first
        name = f"{size:,}"
        centre = (1 - np.log(size / sizes[0]) / span) * width_pt
        half = len(name) * CHARACTER_PT / 2
        fits = centre - half > last_end + 4
        names.append(name if fits else "")
        last_end = centre + half if fits else last_end
    return names[::-1]
