from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.core.errors import ConfigError, DataError, LeakError
from earmark.data.clip import Clip
from earmark.data.corpora import corpus
from earmark.data.dataset import Dataset
from earmark.data.split import (
    Fold,
    check_leaks,
    given_folds,
    grouped_folds,
    grouped_parts,
    leave_one_group_out,
    make_folds,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def clip(number: int, label: str, group: str, fold: str | None = None) -> Clip:
    return Clip(f"c{number:04d}", Path(f"{number}.wav"), (label,), group, fold=fold)


def dataset_of(rows: Sequence[tuple[str, str]], folds: Sequence[str | None] | None = None) -> Dataset:
    folds = folds or [None] * len(rows)
    clips = [clip(n, label, group, fold) for n, ((label, group), fold) in enumerate(zip(rows, folds, strict=True))]
    return Dataset.of("birds", clips)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def groups_at(dataset: Dataset, rows: NDArray[np.intp]) -> set[str]:
    return set(dataset.groups[rows].tolist())


def names_at(dataset: Dataset, rows: NDArray[np.intp]) -> list[str]:
    return sorted(dataset.clips[row].id for row in rows)


PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12).map(str)), min_size=4, max_size=60)


@settings(max_examples=40, deadline=None)
@given(pairs=PAIRS, n_folds=st.integers(2, 4), seed=st.integers(0, 9))
def test_split_never_puts_one_group_on_both_sides(pairs: list[tuple[str, str]], n_folds: int, seed: int) -> None:
    dataset = dataset_of(pairs)
    n_groups = len(set(dataset.groups.tolist()))
    if n_groups < max(n_folds, 3):
        return
    folds = grouped_folds(dataset, n_folds, generator(seed)) + leave_one_group_out(dataset)
    for fold in folds:
        assert len(fold.test) > 0
        assert len(fold.train) > 0
        assert not groups_at(dataset, fold.train) & groups_at(dataset, fold.test)
        assert sorted([*fold.train, *fold.test]) == list(range(len(pairs)))
    tested = np.concatenate([fold.test for fold in folds[:n_folds]])
    assert sorted(tested) == list(range(len(pairs)))
    parts = grouped_parts(dataset, rng=generator(seed))
    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(pairs)))
    assert sum(len(groups_at(dataset, rows)) for rows in parts.values()) == n_groups


@settings(max_examples=30, deadline=None)
@given(pairs=PAIRS, seed=st.integers(0, 5), order=st.randoms(use_true_random=False))
def test_a_split_does_not_depend_on_the_order_of_the_clips(
    pairs: list[tuple[str, str]], seed: int, order: object
) -> None:
    dataset = dataset_of(pairs)
    if len(set(dataset.groups.tolist())) < 3:
        return
    shuffled = list(dataset.clips)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    other = dataset.with_clips(shuffled)
    for mine, theirs in zip(
        make_folds(dataset, "grouped:3", generator(seed)), make_folds(other, "grouped:3", generator(seed)), strict=True
    ):
        assert names_at(dataset, mine.test) == names_at(other, theirs.test)
        assert names_at(dataset, mine.train) == names_at(other, theirs.train)
    mine_parts, their_parts = (grouped_parts(d, rng=generator(seed)) for d in (dataset, other))
    assert names_at(dataset, mine_parts["test"]) == names_at(other, their_parts["test"])


def test_folds_keep_the_proportions_of_labels() -> None:
    rng = generator(3)
    rows = [(label, f"{label}{group}") for label, n_groups in (("dog", 40), ("owl", 10)) for group in range(n_groups)]
    rows = [row for row in rows for _ in range(int(rng.integers(1, 6)))]
    dataset = dataset_of(rows)
    share = dataset.targets[:, 1].mean()
    for fold in grouped_folds(dataset, 5, generator()):
        assert len(fold.test) == pytest.approx(len(rows) / 5, abs=4)
        assert dataset.targets[fold.test, 1].mean() == pytest.approx(share, abs=0.06)


def test_parts_have_about_the_sizes_that_were_asked() -> None:
    dataset = dataset_of([("dog" if n % 3 else "owl", str(n // 4)) for n in range(400)])
    parts = grouped_parts(dataset, (0.7, 0.15, 0.15), rng=generator())
    assert {name: len(rows) for name, rows in parts.items()} == {
        "train": pytest.approx(280, abs=8),
        "validation": pytest.approx(60, abs=8),
        "test": pytest.approx(60, abs=8),
    }
    assert list(grouped_parts(dataset, (0.8, 0.2), rng=generator())) == ["train", "test"]


def test_equal_generators_give_equal_folds_and_others_other_folds() -> None:
    dataset = dataset_of([("dog", str(n // 2)) for n in range(80)])
    first, again, other = (
        [fold.test.tolist() for fold in grouped_folds(dataset, 4, generator(seed))] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_clips_of_many_labels_are_shared_out_too() -> None:
    labels = [("a",), ("a", "b"), (), ("b",)] * 20
    clips = [Clip(f"c{n}", Path(f"{n}.wav"), found, str(n)) for n, found in enumerate(labels)]
    dataset = Dataset.of("many", clips)
    for fold in grouped_folds(dataset, 4, generator()):
        assert dataset.targets[fold.test].sum(axis=0).tolist() == [10.0, 10.0]


def test_too_few_groups_are_counted_and_named() -> None:
    dataset = dataset_of([("dog", "ann"), ("owl", "bob")])
    with pytest.raises(
        DataError, match=r"birds: has 2 groups \(ann, bob\), expected at least 3 for 3 folds; use fewer"
    ):
        grouped_folds(dataset, 3, generator())
    with pytest.raises(DataError, match="expected at least 3 for 3 parts"):
        grouped_parts(dataset, rng=generator())
    with pytest.raises(DataError, match="has 1 group, expected at least 2 to leave one out"):
        leave_one_group_out(dataset.take([0]))


def test_leave_one_group_out_tests_each_group_once() -> None:
    folds = leave_one_group_out(dataset_of([("dog", "bob"), ("dog", "ann"), ("owl", "bob")]))
    assert [(fold.name, fold.train.tolist(), fold.test.tolist()) for fold in folds] == [
        ("ann", [0, 2], [1]),
        ("bob", [1], [0, 2]),
    ]


def test_a_leak_names_its_groups() -> None:
    dataset = dataset_of([("dog", f"g{n % 7}") for n in range(14)])
    with pytest.raises(LeakError, match=r"birds: 7 groups \(g0, g1, g2, g3, g4 and 2 more\) on both sides of a split"):
        check_leaks(dataset, np.arange(7), np.arange(7, 14))
    check_leaks(dataset, np.array([0, 7]), np.array([1, 8]))


def test_the_same_moment_in_two_groups_is_a_leak() -> None:
    clips = [
        Clip("a", Path("r.wav"), ("x",), "g1", 0.0, 3.0),
        Clip("b", Path("r.wav"), ("x",), "g2", 2.0, 3.0),
        Clip("c", Path("r.wav"), ("x",), "g3", 5.0, None),
    ]
    dataset = Dataset.of("d", clips)
    with pytest.raises(LeakError, match=r"the same moment of 1 recording \(r\.wav\) on both sides"):
        check_leaks(dataset, np.array([0]), np.array([1]))
    check_leaks(dataset, np.array([0, 1]), np.array([2]))  # they touch, and share nothing
    with pytest.raises(LeakError, match="same moment"):
        leave_one_group_out(dataset)


def test_named_folds_are_tested_one_after_the_other_in_their_order() -> None:
    dataset = dataset_of([("dog", str(n)) for n in range(4)], ["fold10", "fold2", "fold1", "fold2"])
    assert [(fold.name, fold.test.tolist(), fold.train.tolist()) for fold in given_folds(dataset)] == [
        ("fold1", [2], [0, 1, 3]),
        ("fold2", [1, 3], [0, 2]),
        ("fold10", [0], [1, 2, 3]),
    ]


@pytest.mark.parametrize(
    ("names", "test", "validation"),
    [(["train", "test"], [1], []), (["Train", "val", "TEST"], [2], [1]), (["train", "dev"], [1], [])],
)
def test_train_and_test_make_one_fold(names: list[str], test: list[int], validation: list[int]) -> None:
    dataset = dataset_of([("dog", str(n)) for n in range(len(names))], names)
    (fold,) = given_folds(dataset)
    assert (fold.train.tolist(), fold.test.tolist(), fold.validation.tolist()) == ([0], test, validation)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", None], r"1 of 2 clips have no fold \(first: c0001\); fill the column fold"),
        (["a", "a"], "all clips are of fold a, expected at least 2 folds"),
        (["test", "fold1"], "found folds fold1, test; expected train and test"),
        (["test", "validation"], "expected train and test"),
        (["test", "eval"], "expected train and test"),
    ],
)
def test_unclear_folds_are_refused(names: list[str | None], message: str) -> None:
    with pytest.raises(DataError, match=message):
        given_folds(dataset_of([("dog", "a"), ("dog", "b")], names))


def test_given_folds_that_share_groups_need_a_reason_or_lose_clips() -> None:
    dataset = dataset_of([("dog", "ann"), ("dog", "ann"), ("dog", "bob")], ["test", "train", "train"])
    with pytest.raises(LeakError, match=r"its own split test has 1 group \(ann\) on both sides; use grouped folds"):
        given_folds(dataset)
    (allowed,) = given_folds(dataset, allow_shared_groups="the official split")
    assert (allowed.leaks, allowed.reason) == (("ann",), "the official split")
    (dropped,) = given_folds(dataset, drop_shared=True)
    assert (dropped.train.tolist(), dropped.test.tolist(), dropped.leaks, dropped.reason) == ([2], [0], (), "")


def test_a_clean_split_records_no_reason() -> None:
    dataset = dataset_of([("dog", "ann"), ("dog", "bob")], ["test", "train"])
    assert given_folds(dataset, allow_shared_groups="just in case")[0].reason == ""


@pytest.mark.parametrize(
    ("spec", "n_folds"), [("grouped:4", 4), ("leave-one-group-out", 6), ("parts:70/15/15", 1), ("parts:80/20", 1)]
)
def test_a_text_asks_for_folds(spec: str, n_folds: int) -> None:
    folds = make_folds(dataset_of([("dog", str(n % 6)) for n in range(30)]), spec, generator())
    assert len(folds) == n_folds
    assert all(isinstance(fold, Fold) for fold in folds)


def test_given_folds_by_text() -> None:
    dataset = dataset_of([("dog", "ann"), ("dog", "ann"), ("dog", "bob")], ["test", "train", "train"])
    assert make_folds(dataset, "given", generator(), allow_shared_groups="why not")[0].leaks == ("ann",)
    assert make_folds(dataset, "given:drop-shared", generator())[0].train.tolist() == [2]


@pytest.mark.parametrize("spec", ["", "grouped", "grouped:x", "random", "given:some", "parts:70", "parts:"])
def test_another_text_is_refused_with_the_known_ones(spec: str) -> None:
    with pytest.raises(ConfigError, match=rf'split: found "{spec}", expected "grouped:5"'):
        make_folds(dataset_of([("dog", "a")]), spec, generator())


def test_numbers_out_of_range_are_refused() -> None:
    dataset = dataset_of([("dog", "a"), ("dog", "b")])
    with pytest.raises(ConfigError, match="folds: found 1, expected 2 or more"):
        grouped_folds(dataset, 1, generator())
    for fractions in ((1.0,), (0.5, 0.6), (1.2, -0.2)):
        with pytest.raises(ConfigError, match="fractions: found"):
            grouped_parts(dataset, fractions, rng=generator())
    with pytest.raises(ConfigError, match="fractions: found"):
        make_folds(dataset, "parts:70/20", generator())


@pytest.mark.real
def test_fsdd_leaves_each_speaker_out_and_shares_them_in_its_own_split(fsdd_dir: Path) -> None:
    dataset = corpus("fsdd")
    assert [(fold.name, len(fold.train), len(fold.test)) for fold in leave_one_group_out(dataset)] == [
        (name, 2500, 500) for name in ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
    ]
    with pytest.raises(LeakError, match="6 groups"):
        given_folds(dataset)
    (official,) = given_folds(dataset, allow_shared_groups="the official split")
    assert (len(official.train), len(official.test), len(official.leaks)) == (2700, 300, 6)


@pytest.mark.real
def test_the_official_folds_of_esc50_share_four_recordings(esc50_dir: Path) -> None:
    dataset = corpus("esc50")
    leaks = {group for fold in given_folds(dataset, allow_shared_groups="official") for group in fold.leaks}
    assert leaks == {"fs131943", "fs134049", "fs209698", "fs234879"}
    assert [fold.name for fold in given_folds(dataset, drop_shared=True)] == [f"fold{n}" for n in range(1, 6)]


def test_many_groups_and_many_windows_of_one_recording_are_divided() -> None:
    windows = [Clip(f"w{i}", Path("night.wav"), (f"l{i % 3}",), f"g{i // 10}", 3.0 * i, 3.0) for i in range(20_000)]
    dataset = Dataset.of("night", windows)
    assert len(grouped_folds(dataset, 5, np.random.default_rng(0))) == 5  # comparing each with each took 70 s
    with pytest.raises(LeakError, match=r"night\.wav"):
        check_leaks(
            Dataset.of("night", [*windows, Clip("late", Path("night.wav"), ("l1",), "other", 59_998.0, 5.0)]),
            np.arange(20_000),
            np.array([20_000]),
        )
