"""The one look of all pictures: a white card that also sits well on a dark page, safe for colour-blind eyes.

Pictures are made on `Figure` objects without pyplot, under matplotlib's own defaults plus the few settings below,
whatever the user's matplotlibrc says. Equal data give equal bytes: no dates, no versions, fixed SVG identifiers.
Type is 12 pt on a figure 6.4 inches wide, which is still 7 pt on a phone.
"""

from __future__ import annotations

import base64
import io
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

# Okabe & Ito 2008, Color Universal Design, without their yellow (too pale on white), blue first.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f4fa8", "#5b5b5b")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
INK = "#22262b"
MUTED = "#6b7280"
FAINT = "#e3e6ea"
CARD = "#ffffff"
RIGHT_COLOUR = PALETTE[0]
WRONG_COLOUR = PALETTE[1]
WIDTH_IN = 6.4
DPI = 160

_STYLE: dict[str, object] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 12,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.12,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.facecolor": CARD,
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "savefig.dpi": DPI,
    "savefig.facecolor": CARD,
    "svg.fonttype": "path",
    "svg.hashsalt": "earmark",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 11,
    "xtick.major.size": 3,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 11,
    "ytick.major.size": 0,
}
_lock = threading.Lock()  # matplotlib's settings are global: two of our pictures must not restore each other's


@dataclass(frozen=True)
class Picture:
    """One picture as PNG bytes and as SVG text, with what it shows in words."""

    png: bytes
    svg: str
    description: str = ""

    @property
    def data_uri(self) -> str:
        """The SVG as the `src` of an HTML image, free of clashes with other pictures on the page."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode()


def draw(size_in: tuple[float, float], paint: Callable[[Figure], None], description: str) -> Picture:
    """Return what `paint` draws on an empty figure of this width and height in inches."""
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _lock, matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        # Letters that DejaVu Sans lacks (Chinese, Japanese) become boxes: no reason to fail or to scold the user.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        figure = Figure(figsize=size_in, layout="constrained")
        FigureCanvasAgg(figure)
        paint(figure)
        png, svg = io.BytesIO(), io.StringIO()
        figure.savefig(png, format="png", metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None, "Title": description})
    text = svg.getvalue()
    return Picture(png.getvalue(), text[text.index("<svg") :], description)


def colour_of(index: int) -> str:
    """Return the colour of the n-th series."""
    return PALETTE[index % len(PALETTE)]


def marker_of(index: int) -> str:
    """Return the marker of the n-th series; it changes too when the colours begin again."""
    return MARKERS[(index + index // len(PALETTE)) % len(MARKERS)]


def darken(colour: str) -> tuple[float, float, float]:
    """Return a darker shade for text: some line colours are too pale for letters on white."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return 0.72 * red, 0.72 * green, 0.72 * blue


def ink_on(colours: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return True where dark ink reads better than white on RGB colours (*shape, 3): relative luminance of WCAG 2."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.asarray(luminance > 0.3)


def blend(colour: str, amount: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return white (0) to the colour (1) as RGB, float64 (*shape, 3) for amounts of any shape."""
    from matplotlib.colors import to_rgb

    return np.asarray(1 - amount[..., None] * (1 - np.array(to_rgb(colour))))


def shorten(label: str, n_characters: int = 24) -> str:
    """Return a label of at most n characters, cut with an ellipsis."""
    return label if len(label) <= n_characters else label[: n_characters - 1].rstrip() + "…"


def rate_axis(axes: Axes, *, lowest: float, highest: float = 1.0) -> None:
    """Scale the y axis for a rate: from a round tenth below the lowest value to just above the highest."""
    bottom = max(0.0, np.floor((lowest - 0.02) * 10) / 10)
    top = 1.0 if highest > 0.85 else min(1.0, highest)
    axes.set_ylim(bottom, top + 0.02 * (1 - bottom))


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return positions at least `gap` apart, as near to the wanted ones as their order allows, within the limits.

    Where they cannot all fit, the gap shrinks evenly.
    """
    n = len(positions)
    if n == 0:
        return []
    gap = min(gap, (high - low) / max(1, n - 1))
    order = np.argsort(np.asarray(positions), kind="stable")
    # Without the gaps the task is to fit a rising sequence in least squares: pool adjacent violators.
    wanted = np.clip(np.asarray(positions)[order], low, high) - gap * np.arange(n)
    blocks: list[tuple[float, int]] = []
    for value in wanted:
        total, size = float(value), 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / size:
            last_total, last_size = blocks.pop()
            total, size = total + last_total, size + last_size
        blocks.append((total, size))
    fitted = np.concatenate([np.full(size, total / size) for total, size in blocks])
    placed = np.clip(fitted, low, high - gap * (n - 1)) + gap * np.arange(n)
    result = np.empty(n)
    result[order] = placed
    return [float(value) for value in result]
