"""Figures for the browser, drawn by plotly.js: plain JSON that needs the library only once on a page.

The figures are data; nothing here imports plotly but `library`, which returns its JavaScript.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError
from earmark.core.optional import import_extra
from earmark.evaluation.size_axis import SizeAxis
from earmark.evaluation.style import CARD, FAINT, INK, MUTED, PALETTE, colour_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from earmark.evaluation.learning import LearningCurve

Figure = dict[str, Any]

SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "hexagon")
FONT = 'system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif'
# Plotly's own logo is a link, and one of its buttons would send the data to its makers: both are left out.
_DRAW = (
    "for(const[id,figure]of Object.entries({figures}))"
    "Plotly.newPlot(id,figure.data,figure.layout,"
    '{{responsive:true,displaylogo:false,showSendToCloud:false,modeBarButtonsToRemove:["select2d","lasso2d"]}});'
)


def library() -> str:
    """Return plotly.js as one script.

    Raises:
        MissingExtraError: The extra `plots` is not installed.
    """
    offline = import_extra("plotly.offline", "plots", "An interactive report")
    return str(offline.get_plotlyjs())


def drawing_script(figures: Mapping[str, Figure]) -> str:
    """Return the script that draws each figure into the element of its identifier."""
    # "<" is escaped so that no name of a model can end the script.
    return _DRAW.format(figures=json.dumps(figures, allow_nan=False).replace("<", "\\u003c"))


def interactive_curves(
    panels: Mapping[str, Sequence[LearningCurve]], metric: str, *, models: Sequence[str], chance: float | None = None
) -> Figure:
    """Return learning curves with a menu to choose the panel: the mean, or a target.

    Args:
        panels: The curves by what the menu calls them; the first one is shown first.
        metric: The name on the y axis.
        models: All models in the order that decides their colours.
        chance: Value of guessing, drawn as a dashed line.

    Raises:
        DataError: No panel has a curve.
    """
    shown = {name: curves for name, curves in panels.items() if curves}
    if not shown:
        raise DataError("interactive curves: none given, expected at least one; run the experiment first")
    sizes = sorted({size for curves in shown.values() for curve in curves for size in curve.sizes})
    places = SizeAxis.of(sizes)
    traces, owners = [], []
    for number, (name, curves) in enumerate(shown.items()):
        for curve in curves:
            parts = _traces(curve, places, models.index(curve.model), visible=number == 0)
            traces += parts
            owners += [name] * len(parts)
    ticks = {
        "tickvals": places.place(sizes).tolist(),
        "ticktext": [f"{size:,}" if size else "zero-shot" for size in sizes],
    }
    layout = _layout(metric, {"title": {"text": "training clips"}, **ticks, "showgrid": False})
    layout["updatemenus"] = [_menu(list(shown), owners)]
    if chance is not None:
        line = {"color": MUTED, "width": 1, "dash": "dash"}
        layout["shapes"] = [
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": chance, "y1": chance, "line": line}
        ]
    return {"data": traces, "layout": layout}


def interactive_heat_map(
    tables: Mapping[str, NDArray[np.float64]], rows: Sequence[str], columns: Sequence[str], metric: str
) -> Figure:
    """Return models by sizes as a field of numbers with a menu to choose the table; NaN cells stay empty.

    Raises:
        DataError: There is no table.
    """
    if not tables:
        raise DataError("interactive heat map: no table given, expected at least one; run the experiment first")
    known = np.concatenate([table[~np.isnan(table)] for table in tables.values()])
    limits = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    traces = [
        {
            "type": "heatmap",
            "x": list(columns),
            "y": list(rows),
            "z": [[None if np.isnan(value) else round(float(value), 6) for value in row] for row in table],
            "zmin": limits[0],
            "zmax": limits[1],
            "colorscale": [[0, "#f2f8fc"], [1, PALETTE[0]]],
            "texttemplate": "%{z:.3f}",
            "hovertemplate": "%{y}, %{x} clips: %{z:.3f}<extra></extra>",
            "xgap": 2,
            "ygap": 2,
            "showscale": False,
            "hoverongaps": False,
            "visible": number == 0,
        }
        for number, table in enumerate(tables.values())
    ]
    layout = _layout("", {"title": {"text": f"training clips; numbers are {metric}"}, "type": "category"})
    layout["yaxis"] = {"autorange": "reversed", "automargin": True, "showgrid": False, "type": "category"}
    layout["updatemenus"] = [_menu(list(tables), list(tables))]
    layout["height"] = 190 + 36 * len(rows)
    return {"data": traces, "layout": layout}


def _traces(curve: LearningCurve, places: SizeAxis, index: int, *, visible: bool) -> list[Figure]:
    """Return the trained part as a line and, where there is one, zero-shot as a point before it."""
    first = 1 if curve.sizes[0] == 0 else 0
    parts = [slice(first, None), slice(0, first)] if first else [slice(0, None)]
    return [
        _trace(curve, part, places, index, visible=visible, listed=number == 0)
        for number, part in enumerate(part for part in parts if curve.sizes[part])
    ]


def _trace(curve: LearningCurve, part: slice, places: SizeAxis, index: int, *, visible: bool, listed: bool) -> Figure:
    means, lows, highs = curve.means[part], curve.lows[part], curve.highs[part]
    known = list(zip(means, lows, highs, strict=True))
    colour = colour_of(index)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": curve.model,
        "legendgroup": curve.model,
        "showlegend": listed,
        "visible": visible,
        "x": places.place(curve.sizes[part]).tolist(),
        "y": list(means),
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [0 if high is None else high - mean for mean, _, high in known],
            "arrayminus": [0 if low is None else mean - low for mean, low, _ in known],
            "thickness": 1.2,
            "width": 3,
            "color": colour,
        },
        "customdata": [
            [
                f"{size:,} clips" if size else "zero-shot",
                "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]",
            ]
            for size, (_, low, high) in zip(curve.sizes[part], known, strict=True)
        ],
        "hovertemplate": "%{customdata[0]}: %{y:.3f}%{customdata[1]}",
        "line": {"color": colour, "width": 2.2},
        "marker": {"color": colour, "size": 8, "symbol": SYMBOLS[(index + index // len(PALETTE)) % len(SYMBOLS)]},
    }


def _menu(names: Sequence[str], owners: Sequence[str]) -> Figure:
    """Return a menu that shows the traces of one owner at a time."""
    buttons = [
        {"label": name, "method": "restyle", "args": [{"visible": [owner == name for owner in owners]}]}
        for name in names
    ]
    place = {"x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom", "bgcolor": CARD, "bordercolor": FAINT}
    return {"type": "dropdown", "direction": "down", "buttons": buttons, "showactive": True, **place}


def _layout(metric: str, x_axis: Figure) -> Figure:
    return {
        "font": {"family": FONT, "size": 14, "color": INK},
        "paper_bgcolor": CARD,
        "plot_bgcolor": CARD,
        "height": 480,
        "margin": {"l": 64, "r": 24, "t": 64, "b": 60},
        "hovermode": "closest",
        "xaxis": {"zeroline": False, "linecolor": MUTED, "automargin": True, **x_axis},
        "yaxis": {"title": {"text": metric}, "gridcolor": FAINT, "zeroline": False, "linecolor": MUTED},
    }
