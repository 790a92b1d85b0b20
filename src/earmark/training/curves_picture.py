"""A network's training as a picture: loss and validation F1 by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import DataError
from earmark.evaluation.style import INK, MUTED, WIDTH_IN, Picture, colour_of, draw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def curves_picture(history: Sequence[Mapping[str, float]], title: str = "Training") -> Picture:
    """Draw loss, and validation loss and F1 where there are any, against the epoch.

    Args:
        history: The figures of each epoch, as `fit_network` returns them.
        title: Stands above the picture.

    Raises:
        DataError: There is no epoch.
    """
    if not history:
        raise DataError("training curves: found no epoch; only networks have any")
    validated = "validation_loss" in history[0]
    epochs = np.arange(1, len(history) + 1)
    losses = [_series(history, name) for name in ("loss", "validation_loss")[: 1 + validated]]
    best = int(losses[-1].argmin()) if validated else len(history) - 1

    def paint(figure: Figure) -> None:
        panels = figure.subplots(1, 1 + validated, squeeze=False)[0]
        panels[0].set_title(title)
        for index, (name, values) in enumerate(zip(("training", "validation"), losses, strict=False)):
            panels[0].plot(epochs, values, color=colour_of(index), label=name)
        _finish(panels[0], epochs, "loss")
        panels[0].legend()
        if validated:
            f1 = _series(history, "validation_f1")
            panels[1].plot(epochs, f1, color=colour_of(1))
            panels[1].plot(epochs[best], f1[best], "o", color=INK)
            side = "right" if 2 * best > len(history) else "left"
            place = (float(epochs[best]), float(f1[best]))
            panels[1].annotate(f"kept: {f1[best]:.2f}", place, (0, -34), textcoords="offset points", ha=side)
            panels[1].set_ylim(0, 1.02)
            _finish(panels[1], epochs, "validation F1 (macro)")

    words = f"{title}: loss {losses[0][0]:.3f} in epoch 1, {losses[0][-1]:.3f} in epoch {len(history)}."
    if validated:
        words += f" Best validation loss {losses[1][best]:.3f} in epoch {best + 1}."
    return draw((WIDTH_IN * (1.4 if validated else 1), 3.6), paint, words)


def _series(history: Sequence[Mapping[str, float]], name: str) -> NDArray[np.float64]:
    return np.array([figures[name] for figures in history], dtype=np.float64)


def _finish(axes: Axes, epochs: NDArray[np.int64], label: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.set_xlim(0.5, len(epochs) + 0.5)
    axes.tick_params(colors=MUTED)
