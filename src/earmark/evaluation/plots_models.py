"""Models beside each other: learning curves by training size, and a forest plot of final results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.core.errors import DataError
from earmark.evaluation.report import format_interval
from earmark.evaluation.size_axis import SizeAxis
from earmark.evaluation.style import (
    INK,
    MUTED,
    WIDTH_IN,
    Picture,
    colour_of,
    darken,
    draw,
    marker_of,
    rate_axis,
    shorten,
    spread,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from earmark.evaluation.intervals import Interval
    from earmark.evaluation.learning import LearningCurve
    from earmark.evaluation.metrics import Scale

LABEL_PT = 11.5
NUDGE = 0.012  # models stand this share of the axis apart at one size, so that their error bars can be told apart


def plot_learning_curves(
    curves: Sequence[LearningCurve],
    metric: str,
    *,
    chance: float | None = None,
    scale: Scale = "rate",
    title: str = "Learning curves",
    models: Sequence[str] = (),
) -> Picture:
    """Draw the metric of each model against the number of training clips, with intervals.

    Zero-shot, size 0, stands left of a break; a dotted line leads from it to the first training size.

    Args:
        curves: One per model; a model keeps its colour as long as it keeps its place.
        metric: The name on the y axis, such as "Accuracy".
        chance: Value of guessing, drawn as a dashed line.
        scale: "rate" for an axis that ends at 1.
        title: Heading of the picture.
        models: All models, where some have no curve, so that colours are the same in all pictures.

    Raises:
        DataError: There is no curve.
    """
    if not curves:
        raise DataError("learning curves: none given, expected at least one; run the experiment first")
    order = list(models) or [curve.model for curve in curves]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.set_title(title)
        axes.set_xlabel("training clips")
        axes.set_ylabel(metric)
        sizes = sorted({size for curve in curves for size in curve.sizes})
        places = SizeAxis.of(sizes)
        places.scale(axes)
        scale_values(axes, curves, chance, scale)
        for curve in curves:
            paint_curve(axes, curve, places, order)
        if chance is not None:
            axes.axhline(chance, color=MUTED, linewidth=1.2, linestyle=(0, (4, 4)), zorder=1.5)
        ends = [(curve.model, None, curve.means[-1], colour_of(order.index(curve.model))) for curve in curves]
        label_line_ends(figure, axes, ends if chance is None else [*ends, ("chance", None, chance, MUTED)])
        places.name(axes, sizes, axes.get_window_extent().width * 72 / figure.dpi)

    return draw((WIDTH_IN, 4.3), paint, _describe(curves, metric, title))


def _describe(curves: Sequence[LearningCurve], metric: str, title: str) -> str:
    ends = "; ".join(
        f"{curve.model} {curve.means[0]:.3f} at {curve.sizes[0]} to {curve.means[-1]:.3f} at {curve.sizes[-1]}"
        for curve in curves
    )
    return f"{title}, {metric}: {ends}."


def scale_values(axes: Axes, curves: Sequence[LearningCurve], chance: float | None, scale: Scale) -> None:
    """Set the limits of the y axis so that all points and intervals are seen."""
    limits = [value for curve in curves for part in (curve.lows, curve.highs, curve.means) for value in part]
    known = [value for value in (*limits, chance) if value is not None]
    if scale == "rate":
        rate_axis(axes, lowest=min(known), highest=max(known))
    else:
        room = 0.05 * (max(known) - min(known) or 1.0)
        axes.set_ylim(min(known) - room, max(known) + room)


def paint_curve(
    axes: Axes, curve: LearningCurve, places: SizeAxis, order: Sequence[str], *, size_pt: float = 6.0
) -> None:
    """Draw one curve with its intervals, a little beside the others; `order` decides colour and marker."""
    index, n_curves = order.index(curve.model), len(order)
    colour = colour_of(index)
    low, high = axes.get_xlim()
    nudge = NUDGE * (high - low) * (index - (n_curves - 1) / 2) / max(1, (n_curves - 1) / 3)
    x = places.place(curve.sizes) + nudge
    first = 1 if curve.sizes[0] == 0 else 0
    if first and len(x) > 1:
        axes.plot(x[:2], curve.means[:2], color=colour, linewidth=1.1, linestyle=(0, (1, 2)), zorder=2.5)
    axes.plot(x[first:], curve.means[first:], color=colour, linewidth=size_pt / 3, zorder=3)
    axes.plot(x, curve.means, color=colour, marker=marker_of(index), markersize=size_pt, linestyle="", zorder=3)
    for place, bottom, top in zip(x, curve.lows, curve.highs, strict=True):
        if bottom is not None and top is not None:
            axes.vlines(place, bottom, top, color=colour, alpha=0.4, linewidth=0.53 * size_pt, zorder=2)


def label_line_ends(figure: Figure, axes: Axes, ends: Sequence[tuple[str, float | None, float, str]]) -> None:
    """Write each name right of the axes, moved apart where names would overlap.

    Args:
        figure: Is laid out here, for the layout decides how large the axes are.
        axes: Where the lines are.
        ends: Name, x (None for the right edge), y and colour of each line's end.
    """
    texts = [
        axes.annotate(
            shorten(name),
            (1.0 if x is None else x, value),
            xycoords=("axes fraction" if x is None else "data", "data"),
            xytext=(1.05, value),
            textcoords=("axes fraction", "data"),
            color=darken(colour),
            fontsize=LABEL_PT,
            fontweight="normal" if name == "chance" else "bold",
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.9,
                "shrinkA": 1,
                "shrinkB": 2,
                "relpos": (0, 0.5),  # the middle of the left edge: never through a name
            },
            annotation_clip=False,
        )
        for name, x, value, colour in ends
    ]
    figure.draw_without_rendering()
    bottom, top = axes.get_ylim()
    gap = LABEL_PT * 1.25 / (axes.get_window_extent().height * 72 / figure.dpi) * (top - bottom)
    for text, place in zip(texts, spread([value for _, _, value, _ in ends], gap, bottom, top), strict=True):
        text.set_position((1.05, place))


def plot_comparison(
    entries: Sequence[tuple[str, Interval]],
    metric: str,
    *,
    chance: float | None = None,
    title: str = "Models compared",
    higher_is_better: bool = True,
) -> Picture:
    """Draw a forest plot: one row per model, best first, with its interval as a line and as text.

    Raises:
        DataError: There is no entry.
    """
    if not entries:
        raise DataError("comparison: no model given, expected at least one")
    rows = sorted(entries, key=lambda entry: entry[1].estimate, reverse=higher_is_better)
    levels = {interval.level for _, interval in rows}
    note = f" with {100 * levels.pop():g} % interval" if len(levels) == 1 else " with interval"
    lows, highs = [interval.low for _, interval in rows], [interval.high for _, interval in rows]
    near = chance is not None and min(lows) - chance < max(highs) - min(lows)
    if chance is not None and not near:  # a line far to the left would squeeze all intervals to dots
        note += f" (chance {chance:.3g})"

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for place, (name, interval) in enumerate(rows):
            colour = colour_of([entry[0] for entry in entries].index(name))
            axes.hlines(place, interval.low, interval.high, color=colour, alpha=0.45, linewidth=5)
            axes.plot(interval.estimate, place, "o", color=colour, markersize=7.5)
            text = format_interval(interval.estimate, interval.low, interval.high)
            axes.text(1.03, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize=11)
        if chance is not None and near:
            axes.axvline(chance, color=MUTED, linewidth=1.2, linestyle=(0, (4, 4)), zorder=1)
            axes.text(chance, -0.62, " chance", color=MUTED, fontsize=10.5, va="center")
        axes.set_yticks(range(len(rows)), [shorten(name) for name, _ in rows], fontsize=12)
        axes.set_ylim(len(rows) - 0.4, -0.85)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(metric + note, color=INK)
        axes.set_title(title)

    best = rows[0]
    words = f"{title}, {metric}: best is {best[0]} with "
    words += format_interval(best[1].estimate, best[1].low, best[1].high) + f" of {len(rows)} models."
    return draw((WIDTH_IN, 1.7 + 0.42 * len(rows)), paint, words)
