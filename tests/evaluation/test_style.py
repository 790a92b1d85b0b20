"""The look: deterministic pictures, labels that do not overlap, settings left as they were."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.evaluation.style import (
    MARKERS,
    PALETTE,
    Picture,
    blend,
    colour_of,
    darken,
    draw,
    ink_on,
    marker_of,
    shorten,
    spread,
)


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.001, 0.3))
def test_spread_positions_keep_their_order_their_distance_and_the_limits(wanted: list[float], gap: float) -> None:
    placed = spread(wanted, gap, 0, 1)
    assert len(placed) == len(wanted)
    if not wanted:
        return
    order = np.argsort(wanted, kind="stable")
    steps = np.diff(np.array(placed)[order])
    assert (steps >= min(gap, 1 / max(1, len(wanted) - 1)) - 1e-9).all()
    assert min(placed) >= -1e-9
    assert max(placed) <= 1 + 1e-9


def test_positions_far_enough_apart_stay_where_they_are() -> None:
    assert spread([0.9, 0.1, 0.5], 0.2, 0, 1) == pytest.approx([0.9, 0.1, 0.5])
    assert spread([0.5, 0.5], 0.2, 0, 1) == pytest.approx([0.4, 0.6])


def test_series_beyond_the_palette_differ_by_marker() -> None:
    looks = {(colour_of(index), marker_of(index)) for index in range(2 * len(PALETTE))}
    assert len(looks) == 2 * len(PALETTE)
    assert len(set(PALETTE)) == len(PALETTE) == len(MARKERS)


def test_letters_are_readable_on_every_cell_colour() -> None:
    assert ink_on(blend(PALETTE[0], np.array([0.0, 1.0]))).tolist() == [True, False]
    for colour in PALETTE:
        assert max(darken(colour)) < 0.72


def test_long_labels_are_cut() -> None:
    assert shorten("dog") == "dog"
    assert shorten("a very long label indeed, too long", 10) == "a very lo…"


def paint_once() -> Picture:
    def paint(figure: object) -> None:
        axes = figure.add_subplot()  # type: ignore[attr-defined]
        axes.plot([0, 1], [0, 1], label="$not maths$ & <tag>")
        axes.legend()

    return draw((3, 2), paint, "A line & <nothing> else.")


def test_equal_data_give_equal_bytes_without_dates_or_versions() -> None:
    first, second = paint_once(), paint_once()
    assert first == second
    assert first.png.startswith(b"\x89PNG")
    assert b"Matplotlib" not in first.png
    for unwanted in ("<dc:date>", "Matplotlib v", "<?xml", "<!DOCTYPE"):
        assert unwanted not in first.svg


def test_svg_is_well_formed_and_says_what_it_shows() -> None:
    picture = paint_once()
    root = ET.fromstring(picture.svg)  # noqa: S314 (made by ourselves)
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == picture.description == "A line & <nothing> else."
    assert picture.data_uri.startswith("data:image/svg+xml;base64,")


def test_users_settings_are_neither_used_nor_changed() -> None:
    import matplotlib as mpl

    plain = paint_once()
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert paint_once() == plain
        assert mpl.rcParams["font.size"] == 30


def test_neither_heavy_libraries_nor_pyplot_are_imported() -> None:
    code = (
        "import sys, earmark.evaluation, earmark.evaluation.report, earmark.evaluation.plots as plots\n"
        "assert not {'scipy', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "plots.plot_confusion([[1]], ['a'])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
