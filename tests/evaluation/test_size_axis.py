"""Places on an axis that begins with zero-shot."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from earmark.evaluation.size_axis import SizeAxis, tick_names


def test_zero_has_a_place_before_the_smallest_size() -> None:
    axis = SizeAxis.of([0, 4, 32])
    places = axis.place([0, 4, 8, 32])
    assert places.tolist() == sorted(places.tolist())
    assert places[2] - places[1] == pytest.approx(np.log(2))
    assert axis.has_zero


def test_without_zero_nothing_is_broken() -> None:
    axes = Figure().add_subplot()
    axis = SizeAxis.of([4, 32])
    axis.scale(axes)
    assert not axes.texts
    low, high = axes.get_xlim()
    assert low < np.log(4) < np.log(32) < high


def test_the_break_is_marked_and_zero_is_named() -> None:
    axes = Figure().add_subplot()
    axis = SizeAxis.of([0, 4, 32])
    axis.scale(axes)
    axis.name(axes, [0, 4, 32], 300)
    assert [text.get_text() for text in axes.texts][-1] == "//"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["zero-\nshot", "4", "32"]


@pytest.mark.parametrize("numbers", [[0], [16], [0, 16], []])
def test_few_numbers_still_make_an_axis(numbers: list[int]) -> None:
    axes = Figure().add_subplot()
    axis = SizeAxis.of(numbers)
    axis.scale(axes)
    axis.name(axes, numbers, 300)
    low, high = axes.get_xlim()
    assert np.isfinite(low)
    assert low < high
    assert len(axes.get_xticks()) == len(numbers)


def test_names_that_would_touch_are_left_out_from_the_small_end() -> None:
    assert tick_names([1000, 1010, 5000], 100) == ["", "1,010", "5,000"]
    assert tick_names([7], 100) == ["7"]
