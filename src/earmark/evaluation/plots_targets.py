"""One small panel per target, all on the same axes: how each model learns to detect each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.core.errors import DataError
from earmark.evaluation.plots_models import paint_curve
from earmark.evaluation.size_axis import SizeAxis
from earmark.evaluation.style import MUTED, Picture, colour_of, darken, draw, marker_of, rate_axis, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from earmark.evaluation.learning import LearningCurve
    from earmark.evaluation.metrics import Scale

WIDTH_IN = 9.6
PANEL_IN = 1.95
KEY_IN = 1.0
N_COLUMNS = 4
FONT_PT = 9.5
DEEPEST = 0.12  # how far below the lowest point intervals are drawn: one wide interval must not flatten all panels


def plot_targets(
    panels: Mapping[str, Sequence[LearningCurve]],
    metric: str,
    *,
    models: Sequence[str],
    chance: float | None = None,
    scale: Scale = "rate",
    title: str = "Target by target",
) -> Picture:
    """Draw the learning curves of each target in a panel of its own.

    Args:
        panels: The curves of each target; targets without any are left out.
        metric: The name on the y axis, such as "ROC-AUC".
        models: All models in the order that decides their colours.
        chance: Value of guessing, drawn as a dashed line.
        scale: "rate" for an axis that ends at 1.
        title: Heading of the picture.

    Raises:
        DataError: No target has a curve.
    """
    shown = {target: list(curves) for target, curves in panels.items() if curves}
    if not shown:
        raise DataError("targets: no learning curve given, expected at least one; run the experiment first")
    n_columns = min(N_COLUMNS, len(shown)) if len(shown) != 5 else 3
    n_rows = -(-len(shown) // n_columns)
    every = [curve for curves in shown.values() for curve in curves]
    sizes = sorted({size for curve in every for size in curve.sizes})

    def paint(figure: Figure) -> None:
        grid = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
        places = SizeAxis.of(sizes)
        _limit(grid[0, 0], every, chance, scale)
        for axes, (target, curves) in zip(grid.flat, shown.items(), strict=False):
            axes.set_title(shorten(target, 26), fontsize=11, pad=5)
            axes.tick_params(labelsize=FONT_PT)
            places.scale(axes)
            for curve in curves:
                paint_curve(axes, curve, places, models, size_pt=4.0)
            if chance is not None:
                axes.axhline(chance, color=MUTED, linewidth=1, linestyle=(0, (4, 4)), zorder=1.5)
        for axes in list(grid.flat)[len(shown) :]:
            axes.set_visible(False)
        for axes in list(grid.flat)[max(0, len(shown) - n_columns) : len(shown)]:
            axes.tick_params(labelbottom=True)
        figure.supxlabel("training clips", fontsize=11)
        figure.supylabel(metric, fontsize=11)
        _name_models(figure, title, models, {curve.model for curve in every})
        figure.draw_without_rendering()
        places.name(grid[0, 0], sizes, grid[0, 0].get_window_extent().width * 72 / figure.dpi, zero="0")

    return draw((WIDTH_IN, KEY_IN + PANEL_IN * n_rows + 0.5), paint, _describe(shown, metric, title))


def _limit(axes: Axes, curves: Sequence[LearningCurve], chance: float | None, scale: Scale) -> None:
    means = [mean for curve in curves for mean in curve.means] + ([] if chance is None else [chance])
    lows = [low for curve in curves for low in curve.lows if low is not None]
    highs = [high for curve in curves for high in curve.highs if high is not None]
    lowest = max(min([*lows, *means]), min(means) - DEEPEST)
    if scale == "rate":
        rate_axis(axes, lowest=lowest, highest=max([*highs, *means]))
    else:
        room = 0.05 * (max([*highs, *means]) - min(means) or 1.0)
        axes.set_ylim(min(means) - room, max([*highs, *means]) + room)


def _name_models(figure: Figure, title: str, models: Sequence[str], present: set[str]) -> None:
    """Write the title and the models above the panels: at the ends of the lines their names would not fit."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour_of(index), marker=marker_of(index), markersize=6, label=shorten(model, 22))
        for index, model in enumerate(models)
        if model in present
    ]
    legend = figure.legend(
        handles=handles,
        loc="outside upper left",
        title=title,
        title_fontproperties={"size": 14, "weight": "bold"},
        alignment="left",
        ncols=min(len(handles), 5),
        fontsize=10.5,
        handlelength=1.6,
        columnspacing=1.6,
        borderaxespad=0.2,
    )
    for text, handle in zip(legend.get_texts(), handles, strict=True):
        text.set_color(darken(str(handle.get_color())))
        text.set_fontweight("bold")


def _describe(panels: Mapping[str, Sequence[LearningCurve]], metric: str, title: str) -> str:
    best = {target: max(curves, key=lambda curve: curve.means[-1]) for target, curves in panels.items()}
    parts = "; ".join(
        f"{target}: {curve.model} {curve.means[-1]:.3f} at {curve.sizes[-1]}" for target, curve in best.items()
    )
    return f"{title}, {metric}, highest at the largest size: {parts}."
