"""The number to quote has an interval, or says why it has none."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.core.errors import ModelError
from earmark.evaluation import headline

TARGETS = np.eye(2, dtype=np.float32)[[0, 1, 0, 1]]
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]], np.float32)
GROUPS = np.array(["x", "x", "y", "y"])


def test_headline_reads_as_one_phrase(rng: np.random.Generator) -> None:
    found = headline(TARGETS, PROBABILITIES, GROUPS, rng, task="one")
    assert found.value == 0.75
    assert str(found).startswith("accuracy 0.750 [")
    assert found.to_dict()["level"] == 0.95


def test_task_many_is_quoted_by_average_precision(rng: np.random.Generator) -> None:
    found = headline(TARGETS, PROBABILITIES, GROUPS, rng, task="many", thresholds=(0.5, 0.5))
    assert found.metric == "average_precision"


def test_one_group_has_a_value_and_a_reason(rng: np.random.Generator) -> None:
    found = headline(TARGETS, PROBABILITIES, np.array(["x"] * 4), rng, task="one")
    assert (str(found), found.low, found.level) == ("accuracy 0.750", None, None)
    assert found.method.startswith("none (")


def test_undefined_is_said_and_broken_arrays_are_refused(rng: np.random.Generator) -> None:
    found = headline(np.zeros((4, 2), np.float32), PROBABILITIES, GROUPS, rng, task="many")
    assert str(found) == "average_precision undefined"
    with pytest.raises(ModelError, match=r"shape \(4, 2\), expected \(3, 2\)"):
        headline(np.zeros((3, 2), np.float32), PROBABILITIES, GROUPS, rng, task="many")
