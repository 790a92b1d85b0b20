from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.core.errors import DataError
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.data.subsets import detection_subsets, nested_subsets

if TYPE_CHECKING:
    from collections.abc import Sequence


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def dataset_of(rows: Sequence[tuple[tuple[str, ...], str]]) -> Dataset:
    return Dataset.of(
        "d", [Clip(f"c{n:03d}", Path(f"{n}.wav"), labels, group) for n, (labels, group) in enumerate(rows)]
    )


def digits(n_speakers: int, n_each: int, n_classes: int = 10) -> Dataset:
    return dataset_of(
        [((str(d),), f"s{s}") for s in range(n_speakers) for d in range(n_classes) for _ in range(n_each)]
    )


def test_subsets_are_balanced_nested_and_spread_over_groups() -> None:
    dataset = digits(5, 10)
    train = np.arange(len(dataset.clips))
    subsets = nested_subsets(dataset, train, [100, 10, 50, 53], generator())
    assert [(subset.asked, subset.size) for subset in subsets] == [(10, 10), (50, 50), (53, 53), (100, 100)]
    for small, large in itertools.pairwise(subsets):
        assert set(small.rows) < set(large.rows)
    for subset in subsets:
        labels = Counter(dataset.clips[row].labels[0] for row in subset.rows)
        groups = Counter(dataset.clips[row].group for row in subset.rows)
        assert max(labels.values()) - min(labels.values()) <= 1
        assert len(groups) == 5
        assert max(groups.values()) - min(groups.values()) <= 1
        assert subset.rows.tolist() == sorted(subset.rows)


def test_only_training_rows_are_drawn() -> None:
    dataset = digits(5, 2)
    train = np.flatnonzero(dataset.groups != "s3")
    (subset,) = nested_subsets(dataset, train, [40], generator())
    assert "s3" not in dataset.groups[subset.rows]


def test_a_label_that_runs_out_limits_only_itself() -> None:
    dataset = dataset_of([(("owl",), f"g{n}") for n in range(3)] + [(("dog",), f"h{n}") for n in range(30)])
    small, large, all_of_it = nested_subsets(dataset, np.arange(33), [6, 20, 500], generator())
    assert Counter(dataset.clips[row].labels[0] for row in small.rows) == {"owl": 3, "dog": 3}
    assert Counter(dataset.clips[row].labels[0] for row in large.rows) == {"owl": 3, "dog": 10}
    assert (all_of_it.asked, all_of_it.size) == (500, 33)


def test_detection_draws_as_many_negatives_as_positives() -> None:
    rows = [(("owl",), f"g{n % 4}") for n in range(12)] + [((), f"n{n % 4}") for n in range(40)]
    dataset = dataset_of(rows)
    subsets = nested_subsets(dataset, np.arange(len(rows)), [4, 10, 24, 50], generator())
    for subset in subsets:
        positives = int(dataset.targets[subset.rows, 0].sum())
        assert positives == subset.size / 2
    assert [subset.size for subset in subsets] == [4, 10, 24, 24]


def test_scarce_negatives_limit_the_positives() -> None:
    dataset = dataset_of([(("owl",), f"g{n}") for n in range(9)] + [((), "n0"), ((), "n1")])
    (subset,) = nested_subsets(dataset, np.arange(11), [11], generator())
    assert dataset.targets[subset.rows, 0].sum() == 2
    assert subset.size == 4


def test_other_labels_serve_as_negatives_when_nothing_else_does() -> None:
    dataset = dataset_of([(("a",), f"g{n}") for n in range(6)] + [(("b",), f"h{n}") for n in range(6)] + [((), "x")])
    (subset,) = nested_subsets(dataset, np.arange(13), [8], generator())
    assert subset.size == 8
    assert dataset.targets[subset.rows].sum(axis=0).min() >= 3


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.lists(st.sampled_from("ab"), max_size=2, unique=True).map(tuple), st.integers(0, 5).map(str)),
        min_size=2,
        max_size=40,
    ),
    seed=st.integers(0, 5),
    order=st.randoms(use_true_random=False),
)
def test_subsets_never_depend_on_the_order_of_the_clips(
    rows: list[tuple[tuple[str, ...], str]], seed: int, order: object
) -> None:
    dataset = dataset_of(rows)
    if dataset.n_classes == 0:
        return
    shuffled = list(dataset.clips)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    other = dataset.with_clips(shuffled)
    train = np.arange(len(rows))
    sizes = [2 * dataset.n_classes, 9, 30]
    mine, theirs = (nested_subsets(d, train, sizes, generator(seed)) for d in (dataset, other))
    for a, b in zip(mine, theirs, strict=True):
        assert sorted(dataset.clips[row].id for row in a.rows) == sorted(other.clips[row].id for row in b.rows)
        assert a.size <= a.asked
        assert len(set(a.rows.tolist())) == a.size
    assert set(mine[0].rows) <= set(mine[1].rows) <= set(mine[2].rows)


def test_sizes_that_cannot_hold_every_label_are_refused() -> None:
    with pytest.raises(DataError, match="training size 5, expected at least 10 so that each of 10 labels is heard"):
        nested_subsets(digits(2, 2), np.arange(40), [5], generator())
    many = dataset_of([(("a", "b"), "g"), ((), "h")])
    with pytest.raises(DataError, match="expected at least 4"):
        nested_subsets(many, np.arange(2), [2], generator())
    with pytest.raises(DataError, match="no training clips"):
        nested_subsets(many, np.arange(0), [4], generator())


def test_no_sizes_give_no_subsets() -> None:
    assert nested_subsets(digits(2, 2), np.arange(40), [], generator()) == []


def test_detection_subsets_are_half_the_label_nested_and_spread_over_groups_and_other_labels() -> None:
    dataset = digits(5, 4)
    train = np.arange(len(dataset.clips))
    subsets = detection_subsets(dataset, train, "3", [40, 10, 20], generator())
    assert [(subset.asked, subset.size) for subset in subsets] == [(10, 10), (20, 20), (40, 40)]
    for small, large in itertools.pairwise(subsets):
        assert set(small.rows) < set(large.rows)
    for subset in subsets:
        clips = [dataset.clips[row] for row in subset.rows]
        labels = Counter(clip.labels[0] for clip in clips)
        others = [labels[str(digit)] for digit in range(10) if digit != 3]
        groups = Counter(clip.group for clip in clips if clip.labels == ("3",))
        assert labels.pop("3") == subset.size // 2
        assert max(others) - min(others) <= 1
        assert max(groups.values()) - min(groups.values()) <= 1
        assert subset.rows.tolist() == sorted(subset.rows)


def test_detection_subsets_stay_balanced_where_either_side_runs_out() -> None:
    dataset = dataset_of([(("a",), f"g{n}") for n in range(3)] + [((), f"h{n}") for n in range(9)])
    rows = np.arange(len(dataset.clips))
    few, all_of_a = detection_subsets(dataset, rows, "a", [2, 10], generator())
    assert (few.size, all_of_a.size) == (2, 6)
    assert detection_subsets(dataset, rows[3:], "a", [4], generator())[0].size == 0
    assert detection_subsets(dataset, rows[:0], "a", [4], generator())[0].size == 0
    assert detection_subsets(dataset, rows[:4], "a", [8], generator())[0].size == 2


def test_clips_with_the_label_and_others_are_no_negatives() -> None:
    dataset = dataset_of([(("a", "b"), "g0"), (("a",), "g1"), (("b",), "g2"), ((), "g3")])
    (subset,) = detection_subsets(dataset, np.arange(4), "a", [4], generator())
    assert subset.rows.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("size", [0, 1, 7, -2])
def test_detection_needs_even_sizes(size: int) -> None:
    with pytest.raises(DataError, match=f"training size {size}, expected an even number from 2: one half has 3"):
        detection_subsets(digits(2, 1), np.arange(20), "3", [size], generator())


def test_detection_subsets_do_not_depend_on_the_order_of_clips() -> None:
    dataset = digits(3, 2)
    turned = dataset.with_clips(dataset.clips[::-1])
    rows = np.arange(len(dataset.clips))
    (one,) = detection_subsets(dataset, rows, "3", [8], generator(4))
    (other,) = detection_subsets(turned, rows, "3", [8], generator(4))
    assert {dataset.clips[row].id for row in one.rows} == {turned.clips[row].id for row in other.rows}
