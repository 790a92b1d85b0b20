"""Small pictures of a dataset as SVG text, in the colours of `core.page`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.core.page import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 460
BAR_HEIGHT = 16
N_HISTOGRAM_BARS = 24
CHARACTER_WIDTH = 6.7  # of the 12 px label font, on average


def bars(values: Sequence[tuple[str, float]], *, highlight: Sequence[str] = ()) -> str:
    """Return horizontal bars, one for each named value; highlighted ones in the colour of a warning."""
    longest = max((len(name) for name, _ in values), default=0)
    left = min(200.0, longest * CHARACTER_WIDTH) + 10
    top = max((value for _, value in values), default=0.0) or 1.0
    room = WIDTH - left - 50
    lines = []
    for row, (name, value) in enumerate(values):
        middle = row * (BAR_HEIGHT + 5) + BAR_HEIGHT / 2
        width = room * value / top
        short = name if len(name) <= 30 else name[:29] + "\N{HORIZONTAL ELLIPSIS}"
        lines.append(
            f'<text class="label" text-anchor="end" x="{left - 8:.1f}" y="{middle + 4:.1f}">{escape(short)}</text>'
            f'<rect class="{"warning" if name in highlight else "accent"}" rx="2" x="{left:.1f}" '
            f'y="{middle - BAR_HEIGHT / 2:.1f}" width="{max(1.0, width):.1f}" height="{BAR_HEIGHT}"/>'
            f'<text class="label" x="{left + width + 6:.1f}" y="{middle + 4:.1f}">{value:,.0f}</text>'
        )
    return _svg("".join(lines), len(values) * (BAR_HEIGHT + 5))


def histogram(values: Sequence[float], unit: str, *, logarithmic: bool = False) -> str:
    """Return a histogram with the ends and the middle of its axis named.

    Args:
        values: What to count, at least one; above 0 where the axis is logarithmic.
        unit: Shown behind the numbers of the axis.
        logarithmic: Whether equal steps are equal ratios.
    """
    array = np.asarray(values, dtype=np.float64)
    low, high = float(array.min()), float(array.max())
    if high <= low:
        low, high = (low / 2, high * 2) if logarithmic else (low - 1, high + 1)
    edges = (np.geomspace if logarithmic else np.linspace)(low, high, N_HISTOGRAM_BARS + 1)
    counts = np.histogram(array, bins=edges)[0]
    height, base, step = 110.0, 130.0, (WIDTH - 20) / N_HISTOGRAM_BARS
    lines = [f'<line class="rule" x1="10" x2="{WIDTH - 10}" y1="{base}" y2="{base}"/>']
    for index, count in enumerate(counts.tolist()):
        tall = height * count / int(counts.max())
        lines.append(
            f'<rect class="accent" rx="1" x="{10 + index * step + 1:.1f}" y="{base - tall:.1f}" '
            f'width="{step - 2:.1f}" height="{tall:.1f}"/>'
        )
    for index, anchor in ((0, "start"), (N_HISTOGRAM_BARS // 2, "middle"), (N_HISTOGRAM_BARS, "end")):
        lines.append(
            f'<text class="label" text-anchor="{anchor}" x="{10 + index * step:.1f}" y="{base + 18}">'
            f"{edges[index]:.3g} {escape(unit)}</text>"
        )
    lines.append(f'<text class="label" x="10" y="12">at most {int(counts.max()):,} clips in a bar</text>')
    return _svg("".join(lines), base + 26)


def _svg(content: str, height: float) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}">{content}</svg>'
