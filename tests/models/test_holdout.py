"""Validation parts are whole groups with every class on both sides, or there is none and a reason."""

from __future__ import annotations

from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from earmark.models.holdout import split_rows


def rows(n_rows: int, n_groups: int) -> tuple[Any, Any]:
    targets = np.eye(2, dtype=np.float32)[np.arange(n_rows) % 2]
    return targets, np.array([f"g{row * n_groups // n_rows}" for row in range(n_rows)])


@hypothesis.given(
    n_rows=st.integers(20, 120), n_groups=st.integers(1, 30), n_classes=st.integers(1, 4), seed=st.integers(0, 2**32)
)
def test_no_group_stands_on_both_sides(n_rows: int, n_groups: int, n_classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets = (rng.random((n_rows, n_classes)) < 0.4).astype(np.float32)
    groups = np.array([f"g{number}" for number in rng.integers(n_groups, size=n_rows)])
    training, validation, reason = split_rows(targets, groups, rng, share=0.2, min_rows=4)
    assert sorted([*training, *validation]) == list(range(n_rows))
    assert (reason == "") == (len(validation) > 0)
    assert not set(groups[training]) & set(groups[validation])
    if len(validation):
        assert 4 <= len(validation) <= 1.5 * round(0.2 * n_rows)
        assert targets[validation].any(axis=0).all()
        assert targets[training].any(axis=0).all()


def test_the_choice_is_the_generators() -> None:
    targets, groups = rows(100, 20)
    parts = [split_rows(targets, groups, np.random.default_rng(seed), share=0.2, min_rows=4)[1] for seed in (1, 1, 2)]
    assert np.array_equal(parts[0], parts[1])
    assert not np.array_equal(parts[0], parts[2])
    assert len(parts[0]) == 20


@pytest.mark.parametrize(
    ("n_rows", "n_groups", "share", "reason"),
    [
        (100, 20, 0.0, "none was asked for"),
        (100, None, 0.2, "the groups of the rows are not known"),
        (40, 10, 0.2, "40 rows, 8 would be too few to judge by"),
        (100, 1, 0.2, "1 groups cannot be parted with all classes in both"),
        (100, 2, 0.2, "2 groups cannot be parted"),
    ],
)
def test_where_there_is_no_part_the_reason_is_told(
    n_rows: int, n_groups: int | None, share: float, reason: str
) -> None:
    targets, groups = rows(n_rows, n_groups or 1)
    found = split_rows(
        targets, None if n_groups is None else groups, np.random.default_rng(0), share=share, min_rows=16
    )
    assert len(found[0]) == n_rows
    assert len(found[1]) == 0
    assert reason in found[2]
