"""Models by training sizes as a field of numbers, and what each score costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError
from earmark.evaluation.plots_models import label_line_ends, scale_values
from earmark.evaluation.size_axis import SizeAxis
from earmark.evaluation.style import (
    INK,
    MUTED,
    PALETTE,
    WIDTH_IN,
    Picture,
    blend,
    colour_of,
    draw,
    ink_on,
    marker_of,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from earmark.evaluation.learning import LearningCurve
    from earmark.evaluation.metrics import Scale

PALEST, DARKEST = 0.04, 0.92
TIMES_S = (0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 36_000.0)
TIME_NAMES = ("1 ms", "10 ms", "0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h", "10 h")


def plot_heat_map(
    values: NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    notes: Mapping[tuple[int, int], str] | None = None,
    higher_is_better: bool = True,
) -> Picture:
    """Draw numbers in a field, the better the darker; the best of each column is bold, missing cells are hatched.

    Args:
        values: (n_rows, n_columns), NaN where missing.
        rows: Names of the models.
        columns: Names of the sizes.
        title: What the numbers are; the heading of the picture.
        notes: What stands in missing cells, such as "7 of 10".
        higher_is_better: Whether high numbers are dark.

    Raises:
        DataError: The shapes differ, or every cell is missing.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.shape != (len(rows), len(columns)) or np.isnan(table).all():
        raise DataError(
            f"heat map: shape {table.shape}, expected ({len(rows)}, {len(columns)}) with at least one value"
        )
    goodness = table if higher_is_better else -table
    low, high = float(np.nanmin(goodness)), float(np.nanmax(goodness))
    amounts = PALEST + (DARKEST - PALEST) * (goodness - low) / (high - low or 1.0)
    best = np.where(np.isnan(goodness), -np.inf, goodness).max(axis=0)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        colours = blend(PALETTE[0], np.nan_to_num(amounts, nan=0.0))
        axes.imshow(colours, aspect="auto", interpolation="nearest")
        dark = ink_on(colours)
        for row, column in np.ndindex(table.shape):
            if np.isnan(table[row, column]):
                _hatch(axes, row, column, (notes or {}).get((row, column), ""))
                continue
            weight = "bold" if goodness[row, column] == best[column] else "normal"
            ink = INK if dark[row, column] else "white"
            text = f"{table[row, column]:.3f}"
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=11.5, fontweight=weight)
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), [shorten(row) for row in rows], fontsize=12)
        _separate(axes, table.shape)
        axes.set_xlabel("training clips (bold: best of the size)")
        axes.set_title(title)

    words = "; ".join(
        f"{column}: {rows[int(np.nanargmax(goodness[:, at]))]} {table[int(np.nanargmax(goodness[:, at])), at]:.3f}"
        for at, column in enumerate(columns)
        if not np.isnan(goodness[:, at]).all()
    )
    size_in = max(WIDTH_IN, 2.2 + 0.95 * len(columns)), 1.5 + 0.43 * len(rows)
    return draw(size_in, paint, f"{title}, best at each size: {words}.")


def _hatch(axes: Axes, row: int, column: int, note: str) -> None:
    from matplotlib.patches import Rectangle

    box = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="#f4f5f7", edgecolor="#c9ced6", hatch="///", linewidth=0)
    axes.add_patch(box)
    if note:
        background = {"facecolor": "#f4f5f7", "edgecolor": "none", "pad": 1.5}
        axes.text(column, row, note, ha="center", va="center", color=MUTED, fontsize=10, bbox=background)


def _separate(axes: Axes, shape: tuple[int, ...]) -> None:
    """Draw white lines between the cells, and nothing else around them."""
    axes.grid(visible=False)
    axes.set_xticks(np.arange(shape[1] - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(shape[0] - 1) + 0.5, minor=True)
    axes.grid(visible=True, which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def plot_costs(
    curves: Sequence[LearningCurve],
    seconds: Mapping[str, Sequence[float]],
    metric: str,
    *,
    models: Sequence[str],
    scale: Scale = "rate",
    title: str = "What the score costs",
) -> Picture:
    """Draw the metric of each model against the time to train it, from the smallest size to the largest.

    Args:
        curves: One per model.
        seconds: Time to fit at each size of the model's curve; 0 where nothing is trained.
        metric: The name on the y axis.
        models: All models in the order that decides their colours.
        scale: "rate" for an axis that ends at 1.
        title: Heading of the picture.

    Raises:
        DataError: There is no curve, or a model has not one time for each of its sizes.
    """
    if not curves:
        raise DataError("costs: no model given, expected at least one; run the experiment first")
    for curve in curves:
        if len(seconds.get(curve.model, ())) != len(curve.sizes):
            raise DataError(f'costs of "{curve.model}": expected one time for each of the sizes {curve.sizes}')

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        places = SizeAxis.of(time for curve in curves for time in seconds[curve.model])
        places.scale(axes)
        scale_values(axes, [_bare(curve) for curve in curves], None, scale)
        ends = [_paint_cost(axes, curve, places.place(seconds[curve.model]), models, seconds) for curve in curves]
        _name_times(axes, places)
        axes.set_xlabel("time to train one model (median)")
        axes.set_ylabel(metric)
        axes.set_title(title)
        label_line_ends(figure, axes, ends)

    words = "; ".join(
        f"{curve.model} {curve.means[-1]:.3f} in {seconds[curve.model][-1]:.2g} s at {curve.sizes[-1]} clips"
        for curve in curves
    )
    return draw((WIDTH_IN, 4.3), paint, f"{title}, {metric}: {words}.")


def _paint_cost(
    axes: Axes,
    curve: LearningCurve,
    x: NDArray[np.float64],
    models: Sequence[str],
    seconds: Mapping[str, Sequence[float]],
) -> tuple[str, float, float, str]:
    """Draw one line and return its name, its end and its colour; zero-shot stands apart, at no time at all."""
    index = models.index(curve.model)
    colour = colour_of(index)
    style: dict[str, Any] = {"color": colour, "marker": marker_of(index), "markersize": 5.5}
    first = 1 if seconds[curve.model][0] == 0 else 0
    axes.plot(x[:1], curve.means[:1], linestyle="", **style)
    axes.plot(x[first:], curve.means[first:], linewidth=1.6, **style)
    if first and len(x) > 1:
        axes.plot(x[:2], curve.means[:2], color=colour, linewidth=1.1, linestyle=(0, (1, 2)))
    return curve.model, float(x[-1]), curve.means[-1], colour


def _bare(curve: LearningCurve) -> LearningCurve:
    from dataclasses import replace

    nothing = (None,) * len(curve.sizes)
    return replace(curve, lows=nothing, highs=nothing)


def _name_times(axes: Axes, places: SizeAxis) -> None:
    shown = [
        (time, name)
        for time, name in zip(TIMES_S, TIME_NAMES, strict=True)
        if places.lowest / 1.05 <= time <= places.highest * 1.05
    ]
    if len(shown) < 2:
        ends = sorted({places.lowest, places.highest})
        shown = [(time, f"{1000 * time:.2g} ms" if time < 1 else f"{time:.2g} s") for time in ends]
    ticks = [*([(0.0, "none")] if places.has_zero else []), *shown]
    axes.set_xticks(places.place([time for time, _ in ticks]), [name for _, name in ticks])
