"""Confusion matrices: blue where right, orange where wrong, readable from 2 to 60 classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.evaluation.confusion import check_confusion, most_confused
from earmark.evaluation.style import CARD, INK, MUTED, RIGHT_COLOUR, WRONG_COLOUR, Picture, blend, draw, ink_on, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

EMPTY = "#f6f7f8"
GLYPH = 0.6  # mean width of a letter of DejaVu Sans, in its size


def plot_confusion(matrix: NDArray[Any], labels: Sequence[str], *, title: str = "Confusion matrix") -> Picture:
    """Draw a confusion matrix; rows are true classes, columns decided ones, with the recall of each row.

    Colour shows the share of a row's clips, its square root for mistakes, so that rare ones are seen.

    Args:
        matrix: int (n_classes, n_classes), clips of true class (row) by decided class (column).
        labels: (n_classes,) names.
        title: Heading of the picture.

    Raises:
        DataError: The matrix is not (n_classes, n_classes) of counts.
    """
    counts = check_confusion(matrix, labels)
    n_classes = len(labels)
    names = [shorten(label) for label in labels]
    font_pt = float(np.clip(220 / n_classes, 6.5, 11))
    cell_in = float(np.clip(4.0 / n_classes, font_pt / 72 * 1.5, 1.2))
    name_in = max(len(name) for name in names) * font_pt / 72 * GLYPH
    upright = name_in > cell_in
    size_in = (
        max(3.4, 0.75 + name_in + cell_in * n_classes + font_pt / 72 * 5),
        1.3 + cell_in * n_classes + (name_in if upright else font_pt / 72),
    )

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        _paint_cells(axes, counts, font_pt=font_pt)
        _name_classes(axes, names, font_pt=font_pt, upright=upright)
        _write_recall(axes, counts, font_pt=font_pt)
        axes.set_title(title, loc="left")

    return draw(size_in, paint, _describe(counts, labels, title))


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(counts / np.maximum(1, counts.sum(axis=1, keepdims=True)), dtype=np.float64)


def _amounts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the amount of colour in each cell, float64 (n_classes, n_classes) in [0, 1]."""
    shares = _shares(counts)
    diagonal = np.eye(len(counts), dtype=np.bool_)
    return np.where(diagonal, shares * 0.95, np.minimum(1, np.sqrt(shares) * 1.1))


def _paint_cells(axes: Axes, counts: NDArray[np.int64], *, font_pt: float) -> None:
    from matplotlib.collections import PolyCollection

    n_classes = len(counts)
    amounts = _amounts(counts)
    diagonal = np.eye(n_classes, dtype=np.bool_)
    colours = np.where(diagonal[..., None], blend(RIGHT_COLOUR, amounts), blend(WRONG_COLOUR, amounts))
    dark_ink = ink_on(colours)
    cells = np.argwhere((counts > 0) | diagonal)  # an empty cell is the background: 50 classes stay a small file
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) + cells[:, None, ::-1]
    axes.add_collection(PolyCollection(list(corners), facecolors=colours[cells[:, 0], cells[:, 1]]))
    lines = np.arange(n_classes + 1)
    for draw_lines in (axes.vlines, axes.hlines):
        draw_lines(lines, 0, n_classes, color=CARD, linewidth=1.4 if n_classes <= 20 else 0.7)
    for row, column in np.argwhere(counts):
        axes.text(
            column + 0.5,
            row + 0.52,
            str(counts[row, column]),
            color=INK if dark_ink[row, column] else "white",
            fontsize=font_pt,
            ha="center",
            va="center",
        )
    axes.set(xlim=(0, n_classes), ylim=(n_classes, 0), aspect="equal", facecolor=EMPTY)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _name_classes(axes: Axes, names: list[str], *, font_pt: float, upright: bool) -> None:
    centres = np.arange(len(names)) + 0.5
    axes.set_xticks(centres, names, rotation=90 if upright else 0, fontsize=font_pt)
    axes.set_yticks(centres, names, fontsize=font_pt)
    axes.set_xlabel("decided")
    axes.set_ylabel("true")


def _write_recall(axes: Axes, counts: NDArray[np.int64], *, font_pt: float) -> None:
    right = len(counts)
    texts = [("recall", 0.0, 0.6)]
    for row, n_clips in enumerate(counts.sum(axis=1)):
        texts.append((f"{100 * counts[row, row] / n_clips:.0f} %" if n_clips else "none", row + 0.52, 0.0))
    for text, place, rise in texts:
        axes.annotate(
            text,
            (right, place),
            xytext=(font_pt * 3.6, font_pt * rise),
            textcoords="offset points",
            color=MUTED,
            fontsize=font_pt,
            ha="right",
            va="center",
            annotation_clip=False,
        )


def _describe(counts: NDArray[np.int64], labels: Sequence[str], title: str) -> str:
    right, total = int(np.trace(counts)), int(counts.sum())
    text = f"{title}: {right} of {total} clips right."
    worst = most_confused(counts, labels, n=3)
    if worst:
        named = "; ".join(f"{mistake.true} taken for {mistake.decided} {mistake.n_clips} times" for mistake in worst)
        text += f" Most frequent mistakes: {named}."
    return text
