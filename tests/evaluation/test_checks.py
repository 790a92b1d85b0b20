"""What evaluation refuses, and how it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import DataError, ModelError
from earmark.evaluation.checks import (
    check_groups,
    check_labels,
    check_level,
    check_probabilities,
    check_targets,
    check_thresholds,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

TARGETS = np.array([[1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.zeros(3), r"targets: shape \(3,\), expected \(n_clips, n_classes\)"),
        (np.zeros((0, 2)), r"shape \(0, 2\) holds nothing to evaluate"),
        (np.zeros((2, 0)), "holds nothing to evaluate"),
        (np.array([[1.0, 0.0], [0.5, 0.5]]), "row 1, column 0 is 0.5, expected 0 or 1"),
        (np.array([[np.nan, 1.0]]), "row 0, column 0 is nan, expected 0 or 1"),
        (np.array([[1.0, 0.0], [0.0, 0.0]]), 'row 1 has 0 labels, expected 1; use task "many"'),
        (np.array([[1.0, 1.0]]), "row 0 has 2 labels"),
    ],
)
def test_targets_that_break_the_conventions_are_refused_with_the_place(targets: NDArray[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_targets(targets, task="one")


def test_task_many_takes_rows_without_or_with_several_labels() -> None:
    assert check_targets(np.array([[0, 0], [1, 1]]), task="many").sum() == 2


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        (np.zeros((2, 3)), r"shape \(2, 3\), expected \(2, 2\) like the targets"),
        (np.array([[1.0, 0.0], [np.nan, 1.0]]), "row 1, column 0 is nan, expected 0 to 1; calibrate"),
        (np.array([[1.0, 0.0], [0.0, 1.5]]), "row 1, column 1 is 1.5"),
        (np.array([[1.0, -0.2], [0.0, 1.0]]), "row 0, column 1 is -0.2"),
        (np.array([[1.0, np.inf], [0.0, 1.0]]), "is inf"),
        (np.array([[1.0, 0.0], [0.9, 0.9]]), "row 1 sums to 1.8, expected 1"),
    ],
)
def test_probabilities_that_break_the_conventions_are_refused(probabilities: NDArray[Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_probabilities(probabilities, TARGETS, task="one")


def test_float16_rounding_of_row_sums_is_tolerated() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(50), size=20).astype(np.float16)
    targets = np.eye(50)[:20]
    assert check_probabilities(rows, targets, task="one").dtype == np.float64


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        (np.array([0.5]), r"thresholds: shape \(1,\), expected \(2,\)"),
        (np.array([0.5, np.nan]), "row 1 is nan"),
        (np.array([0.5, 2.0]), "row 1 is 2, expected 0 to 1"),
    ],
)
def test_thresholds_that_break_the_conventions_are_refused(thresholds: NDArray[Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_thresholds(thresholds, (5, 2))


def test_thresholds_are_one_half_unless_given() -> None:
    assert check_thresholds(None, (5, 3)).tolist() == [0.5, 0.5, 0.5]


def test_labels_must_be_one_per_column_and_differ() -> None:
    with pytest.raises(DataError, match="labels: 1 names, expected 2"):
        check_labels(["dog"], 2)
    with pytest.raises(DataError, match="names repeat: dog, dog"):
        check_labels(["dog", "dog"], 2)


def test_groups_are_numbered_in_the_order_of_their_names() -> None:
    groups = check_groups(np.array(["b", "a", "b"]), 3)
    assert (groups.n, groups.names.tolist(), groups.rows.tolist()) == (2, ["a", "b"], [1, 0, 1])


def test_one_group_is_refused_because_it_has_no_spread() -> None:
    with pytest.raises(DataError, match='all 2 clips belong to group "a", expected at least 2 groups'):
        check_groups(np.array(["a", "a"]), 2)


def test_groups_must_be_one_per_clip() -> None:
    with pytest.raises(DataError, match=r"groups: shape \(2,\), expected \(3,\)"):
        check_groups(np.array(["a", "b"]), 3)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, float("nan")])
def test_confidence_levels_lie_between_0_and_1(level: float) -> None:
    with pytest.raises(DataError, match=r"expected between 0 and 1, such as 0\.95"):
        check_level(level)


def test_thresholds_may_be_given_clip_by_clip() -> None:
    limits = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
    assert check_thresholds(limits, (3, 2)).tolist() == limits.tolist()
    with pytest.raises(ModelError, match=r"thresholds: shape \(2, 2\), expected \(2,\)"):
        check_thresholds(limits[:2], (3, 2))
