from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.models.rejection import Rejection, known_margins


def test_the_margin_is_that_of_the_best_label_over_none_of_them() -> None:
    scores = np.array([[1.0, 3.0, -1.0], [0.5, 0.2, 2.0]], dtype=np.float32)
    assert known_margins(scores, "margin").tolist() == [4.0, -1.5]


def test_probabilities_become_logarithms_first_and_nothing_is_infinite() -> None:
    margins = known_margins(np.array([[0.8, 0.2], [0.0, 1.0]], dtype=np.float32), "probability")
    assert margins == pytest.approx([np.log(4), np.log(1e-3)], rel=1e-5)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_a_larger_margin_is_never_less_likely(one: float, other: float) -> None:
    rejection = Rejection("margin", 1.3, -2.0, 0.3)
    low, high = sorted([one, other])
    first, second = rejection(np.array([[low, 0], [high, 0]], dtype=np.float32))
    assert 0 <= first <= second <= 1
