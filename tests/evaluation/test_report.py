"""Numbers as text."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.core.errors import DataError
from earmark.evaluation.metrics import summarize
from earmark.evaluation.report import (
    CLASS_HEADERS,
    class_table,
    format_difference,
    format_interval,
    format_number,
    format_p_value,
    markdown_table,
)


def test_intervals_read_as_value_and_limits() -> None:
    assert format_interval(0.985, 0.97, 0.993) == "0.985 [0.970, 0.993]"
    assert format_interval(0.98512, 0.97, 0.993, digits=2) == "0.99 [0.97, 0.99]"
    assert format_interval(0.985, None, None) == "0.985"


def test_differences_show_their_sign() -> None:
    assert format_difference(0.042, -0.01, 0.074) == "+0.042 [-0.010, +0.074]"


def test_p_values_below_a_thousandth_are_not_written_out() -> None:
    assert [format_p_value(value) for value in (0.03125, 0.0009, 1.0)] == ["p = 0.031", "p < 0.001", "p = 1.000"]


def test_undefined_values_are_a_dash() -> None:
    assert format_number(None) == "-"
    assert format_number(0.5, digits=1) == "0.5"


def test_class_table_has_a_cell_per_header() -> None:
    targets = np.array([[1, 0], [1, 0]])
    rows = class_table(summarize(targets, targets, task="one", labels=["dog", "owl"]))
    assert [len(row) for row in rows] == [len(CLASS_HEADERS)] * 2
    assert rows[0] == ("dog", "2", "1.000", "1.000", "1.000", "-", "1.000", "-")
    assert rows[1] == ("owl", "0", "-", "-", "-", "-", "-", "-")


def test_markdown_columns_are_aligned_and_pipes_do_not_break_them() -> None:
    assert markdown_table(["model", "accuracy"], [["svm | pca", "0.5"], ["speech\nembedding", "0.985"]]) == (
        "| model            | accuracy |\n"
        "| :--------------- | -------: |\n"
        "| svm \\| pca       |      0.5 |\n"
        "| speech embedding |    0.985 |\n"
    )


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(DataError, match="row 1 has 1 cells, expected 2"):
        markdown_table(["a", "b"], [["1", "2"], ["3"]])
