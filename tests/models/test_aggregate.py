"""Windows become clips in the clips' order."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.core.errors import ModelError
from earmark.models.aggregate import Aggregate, aggregate_windows
from earmark.models.scores import Scores

SCORES = np.array([[1, 0], [3, 2], [0, 5], [7, 7]], np.float32)
CLIPS = np.array([4, 4, 4, 9])
LEVELS = np.array([-30, -10, -20, -50], np.float32)


@pytest.mark.parametrize(
    ("how", "expected"),
    [("mean", [[4 / 3, 7 / 3], [7, 7]]), ("max", [[3, 5], [7, 7]]), ("loudest", [[3, 2], [7, 7]])],
)
def test_windows_of_a_clip_become_one_row(how: Aggregate, expected: list[list[float]]) -> None:
    assert np.allclose(aggregate_windows(SCORES, CLIPS, LEVELS, how), expected)


@pytest.mark.parametrize("how", ["mean", "max", "loudest"])
def test_single_windows_stay_as_they_are(how: Aggregate) -> None:
    assert np.array_equal(aggregate_windows(SCORES, np.arange(4), LEVELS, how), SCORES)


def test_scores_of_another_shape_are_refused() -> None:
    with pytest.raises(ModelError, match=r"found values \(2, 3\), times \(2, 2\) and 2 labels"):
        Scores(np.zeros((2, 3), np.float32), np.zeros((2, 2)), ("a", "b"))
