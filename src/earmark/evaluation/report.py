"""Numbers as people read them: text for intervals, p-values and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.evaluation.metrics import Summary

NOTHING = "-"  # where a value is undefined
CLASS_HEADERS = ("label", "clips", "precision", "recall", "F1", "ROC-AUC", "avg. precision", "threshold")


def format_number(value: float | None, *, digits: int = 3) -> str:
    """Return a number with fixed decimals, a dash for None."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def format_interval(value: float, low: float | None, high: float | None, *, digits: int = 3) -> str:
    """Return ``0.985 [0.970, 0.993]``; only the value where a limit is None."""
    if low is None or high is None:
        return format_number(value, digits=digits)
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def format_difference(value: float, low: float, high: float, *, digits: int = 3) -> str:
    """Return ``+0.042 [+0.010, +0.074]``."""
    return f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def format_p_value(p_value: float) -> str:
    """Return ``p = 0.031``, or ``p < 0.001`` below that."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def class_table(summary: Summary, *, digits: int = 3) -> list[tuple[str, ...]]:
    """Return a row of text per class, under `CLASS_HEADERS`."""
    return [
        (
            row.label,
            str(row.n_clips),
            *(
                format_number(value, digits=digits)
                for value in (row.precision, row.recall, row.f1, row.roc_auc, row.average_precision, row.threshold)
            ),
        )
        for row in summary.classes
    ]


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns: the first to the left, the others to the right.

    Raises:
        DataError: A row has more or fewer cells than there are headers.
    """
    for number, row in enumerate(rows):
        if len(row) != len(headers):
            raise DataError(f"table: row {number} has {len(row)} cells, expected {len(headers)} like the headers")
    table = [[_escape(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(3, *(len(row[column]) for row in table)) for column in range(len(headers))]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_line(table[0], widths), "| " + " | ".join(rule) + " |", *(_line(row, widths) for row in table[1:])]
    return "\n".join(lines) + "\n"


def _escape(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cells[0].ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)),
    ]
    return "| " + " | ".join(padded) + " |"
