"""Confusion matrices and their most frequent mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.core.errors import DataError
from earmark.evaluation.confusion import Mistake, class_counts, confusion_matrix, most_confused


def test_rows_are_true_classes_and_columns_decided_ones() -> None:
    targets = np.eye(3)[[0, 0, 1, 2]]
    probabilities = np.eye(3)[[0, 1, 1, 0]]
    assert confusion_matrix(targets, probabilities).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_counts_of_task_many_are_a_table_per_class() -> None:
    targets, probabilities = np.array([[1, 0], [1, 1], [0, 0]]), np.array([[0.9, 0.9], [0.1, 0.6], [0.2, 0.4]])
    assert class_counts(targets, probabilities).tolist() == [[[1, 0], [1, 1]], [[1, 1], [0, 1]]]
    assert class_counts(targets, probabilities, thresholds=[0.1, 0.95])[1].tolist() == [[2, 0], [1, 0]]


def test_most_confused_lists_mistakes_only_most_clips_first() -> None:
    matrix = np.array([[5, 2, 0], [7, 3, 0], [0, 1, 9]])
    assert most_confused(matrix, ["a", "b", "c"]) == [
        Mistake("b", "a", 7, 0.7),
        Mistake("a", "b", 2, 2 / 7),
        Mistake("c", "b", 1, 0.1),
    ]
    assert len(most_confused(matrix, ["a", "b", "c"], n=1)) == 1


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1, 2]], r"shape \(1, 2\), expected \(2, 2\)"),
        ([[1, 0.5], [0, 1]], "whole numbers of clips"),
        ([[1, -1], [0, 1]], "whole numbers of clips"),
    ],
)
def test_matrices_that_are_no_counts_are_refused(matrix: list[list[float]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        most_confused(np.array(matrix), ["a", "b"])


def test_no_labels_are_refused() -> None:
    with pytest.raises(DataError, match=r"shape \(0, 0\)"):
        most_confused(np.zeros((0, 0)), [])
