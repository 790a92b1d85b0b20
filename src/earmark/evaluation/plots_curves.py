"""ROC, precision-recall and reliability: how well probabilities rank clips, and whether they mean what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError
from earmark.evaluation.checks import check_labels
from earmark.evaluation.curves import (
    Curve,
    Reliability,
    macro_roc_curve,
    precision_recall_curve,
    reliability_curve,
    roc_curve,
)
from earmark.evaluation.metrics import check_scored
from earmark.evaluation.style import (
    CARD,
    FAINT,
    INK,
    MUTED,
    PALETTE,
    RIGHT_COLOUR,
    WIDTH_IN,
    WRONG_COLOUR,
    Picture,
    colour_of,
    draw,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from earmark.data.dataset import Task

MAX_COLOURED = len(PALETTE) - 1  # with more classes, all are grey but the lowest few
N_LOWEST = 5
GREY = "#c3c8cf"


@dataclass(frozen=True)
class _Named:
    label: str
    curve: Curve
    colour: str
    listed: bool


def plot_roc(
    targets: NDArray[Any],
    probabilities: NDArray[Any],
    *,
    task: Task,
    labels: Sequence[str],
    title: str = "ROC, each class against the rest",
) -> Picture:
    """Draw the ROC curve of each class against the rest, and their mean.

    Raises:
        DataError: Arrays or labels break the conventions, or no class has clips with and without it.
        ModelError: The probabilities break the conventions.
    """
    scored = check_scored(targets, probabilities, task=task)
    names = check_labels(tuple(labels), scored.targets.shape[1])
    curves = _named([roc_curve(scored.targets[:, i], scored.probabilities[:, i]) for i in range(len(names))], names)
    mean = macro_roc_curve(scored.targets, scored.probabilities, task=task)
    if mean is None:
        raise DataError("ROC: no class has clips with and without it; evaluate on clips of at least two classes")

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 4)))
        _paint_curves(axes, curves)
        if len(curves) > 1:
            axes.plot(mean.x, mean.y, color=INK, linewidth=2.6)
        _finish_unit_square(axes, title, ("false positive rate", "true positive rate"))
        _list_areas(axes, "area below", curves, mean if len(curves) > 1 else None)

    lowest = min(curves, key=lambda named: named.curve.area)
    words = f"{title}: mean area {mean.area:.3f}, lowest {lowest.curve.area:.3f} for {lowest.label}."
    return draw((WIDTH_IN, 4.5), paint, words)


def plot_precision_recall(
    targets: NDArray[Any],
    probabilities: NDArray[Any],
    *,
    task: Task,
    labels: Sequence[str],
    title: str = "Precision against recall",
) -> Picture:
    """Draw the precision-recall curve of each class against the rest.

    Raises:
        DataError: Arrays or labels break the conventions, or no class has a clip.
        ModelError: The probabilities break the conventions.
    """
    scored = check_scored(targets, probabilities, task=task)
    names = check_labels(tuple(labels), scored.targets.shape[1])
    found = [precision_recall_curve(scored.targets[:, i], scored.probabilities[:, i]) for i in range(len(names))]
    curves = _named([None if curve is None else _stairs(curve) for curve in found], names)
    if not curves:
        raise DataError("precision-recall: no clip has any label; evaluate on clips with labels")
    mean = float(np.mean([named.curve.area for named in curves]))

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        _paint_curves(axes, curves, steps=True)
        _finish_unit_square(axes, title, ("recall", "precision"))
        _list_areas(axes, f"average precision\n(mean {mean:.3f})", curves)

    lowest = min(curves, key=lambda named: named.curve.area)
    words = f"{title}: mean average precision {mean:.3f}, lowest {lowest.curve.area:.3f} for {lowest.label}."
    return draw((WIDTH_IN, 4.5), paint, words)


def _named(found: Sequence[Curve | None], labels: Sequence[str]) -> list[_Named]:
    """Give each defined curve its colour: all of a few in label order, else the lowest, worst first, before grey."""
    defined = [(label, curve) for label, curve in zip(labels, found, strict=True) if curve is not None]
    if len(defined) <= MAX_COLOURED:
        return [_Named(label, curve, colour_of(index), True) for index, (label, curve) in enumerate(defined)]
    defined.sort(key=lambda pair: pair[1].area)
    return [
        _Named(label, curve, colour_of(rank) if rank < N_LOWEST else GREY, rank < N_LOWEST)
        for rank, (label, curve) in enumerate(defined)
    ]


def _paint_curves(axes: Axes, curves: Sequence[_Named], *, steps: bool = False) -> None:
    for named in reversed(curves):
        axes.plot(
            named.curve.x,
            named.curve.y,
            color=named.colour,
            linewidth=1.8 if named.listed else 0.9,
            drawstyle="steps-pre" if steps else "default",
        )


def _stairs(curve: Curve) -> Curve:
    """Keep the best precision at each recall: the stairs whose area is average precision."""
    rises = np.flatnonzero(np.diff(curve.x) > 0) + 1
    y = curve.y[rises]
    return Curve(np.r_[0.0, curve.x[rises]], np.r_[y[0], y], curve.thresholds[np.r_[0, rises]], curve.area)


def _finish_unit_square(axes: Axes, title: str, axis_names: tuple[str, str]) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", xlabel=axis_names[0], ylabel=axis_names[1])
    axes.set_anchor("W")
    axes.set_title(title)


def _list_areas(axes: Axes, heading: str, curves: Sequence[_Named], mean: Curve | None = None) -> None:
    from matplotlib.lines import Line2D

    handles = []
    if mean is not None:
        handles.append(Line2D([], [], color=INK, linewidth=2.6, label=f"{mean.area:.3f}  mean"))
    for named in curves:
        if named.listed:
            text = f"{named.curve.area:.3f}  {shorten(named.label, 17)}"
            handles.append(Line2D([], [], color=named.colour, linewidth=2, label=text))
    n_hidden = sum(not named.listed for named in curves)
    if n_hidden:
        handles.append(Line2D([], [], color=GREY, linewidth=1.2, label=f"{n_hidden} better ones"))
    axes.legend(
        handles=handles,
        title=heading,
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(1.0, 1.02),
        handlelength=1.1,
        handletextpad=0.6,
        title_fontproperties={"size": 11, "weight": "bold"},
    )


def plot_reliability(
    targets: NDArray[Any],
    probabilities: NDArray[Any],
    *,
    task: Task,
    column: int | None = None,
    title: str = "Reliability",
) -> Picture:
    """Draw how often decisions of each confidence are right, above how many clips have that confidence.

    Args:
        targets: (n_clips, n_classes).
        probabilities: (n_clips, n_classes).
        task: "one" or "many".
        column: The class to look at; None for the decided class (task "one") or all classes pooled (task "many").
        title: Heading of the picture.

    Raises:
        DataError: The targets break the conventions, or there is no such column.
        ModelError: The probabilities break the conventions.
    """
    found = reliability_curve(targets, probabilities, task=task, column=column)
    noun = "accuracy" if task == "one" and column is None else "share with the label"

    def paint(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        _paint_reliability(upper, found)
        upper.set_ylabel(noun)
        upper.set_title(title)
        centres, widths = found.edges.mean(axis=1), np.diff(found.edges, axis=1)[:, 0]
        lower.bar(centres, found.counts, width=widths * 0.92, color="#aab2bd")
        lower.set_ylabel("clips" if task == "one" or column is not None else "decisions")
        lower.set_xlabel("confidence")
        lower.set_yticks([0, int(found.counts.max())])
        lower.grid(visible=False)
        figure.align_ylabels([upper, lower])

    words = f"{title}: expected calibration error {found.error:.3f} over {int(found.counts.sum())} decisions."
    return draw((WIDTH_IN * 0.85, 5.6), paint, words)


def _paint_reliability(axes: Axes, found: Reliability) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 4)))
    # Small bins scatter: the bar is the Wilson 95 % interval of the bin's own clips (Wilson 1927).
    spread = 1.96**2 / found.counts
    middle = (found.frequency + spread / 2) / (1 + spread)
    half = np.sqrt(found.frequency * (1 - found.frequency) * spread + spread**2 / 4) / (1 + spread)
    axes.vlines(found.confidence, middle - half, middle + half, color=RIGHT_COLOUR, alpha=0.35, linewidth=5)
    axes.vlines(found.confidence, found.confidence, found.frequency, color=WRONG_COLOUR, linewidth=1.6)
    axes.plot(found.confidence, found.frequency, "o", color=RIGHT_COLOUR, markersize=7)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.02, 1.02)
    axes.text(
        0.98,
        0.06,
        f"calibration error {found.error:.3f}\nbars: 95 % interval of the bin",
        transform=axes.transAxes,
        ha="right",
        linespacing=1.5,
        fontsize=10.5,
        bbox={"facecolor": CARD, "edgecolor": FAINT, "boxstyle": "round,pad=0.5"},
    )
