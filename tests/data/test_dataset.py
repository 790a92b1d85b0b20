from __future__ import annotations

from pathlib import Path

import pytest

from earmark.core.errors import DataError
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset


def clip(identifier: str, *labels: str, group: str = "g") -> Clip:
    return Clip(identifier, Path(f"/here/{identifier}.wav"), labels, group)


def test_labels_are_sorted_and_the_task_is_what_the_clips_imply() -> None:
    assert Dataset.of("d", [clip("1", "b"), clip("2", "a")]).labels == ("a", "b")
    assert Dataset.of("d", [clip("1", "b"), clip("2", "a")]).task == "one"
    assert Dataset.of("d", [clip("1", "b"), clip("2")]).task == "many"
    assert Dataset.of("d", [clip("1", "b", "a")]).task == "many"


def test_targets_have_a_column_for_each_label() -> None:
    dataset = Dataset("d", (clip("1", "b", "a"), clip("2"), clip("3", "b")), ("b", "a", "c"), "many")
    assert dataset.targets.tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0]]
    assert dataset.n_classes == 3


@pytest.mark.parametrize(
    ("clips", "labels", "task", "message"),
    [
        ([clip("1", "a")], ("a", "a"), "one", "dataset d: labels repeat: a, a"),
        ([clip("1", "a"), clip("1", "a")], ("a",), "one", 'clip id "1" stands 2 times, expected once'),
        ([clip("1", "catt")], ("cat", "dog"), "one", 'label "catt" is not in the dataset; did you mean "cat"'),
        ([clip("1")], ("a",), "one", 'clip "1" has 0 labels, expected 1; use task "many"'),
    ],
)
def test_an_inconsistent_dataset_is_refused(
    clips: list[Clip], labels: tuple[str, ...], task: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Dataset("d", tuple(clips), labels, task)  # type: ignore[arg-type]


def test_the_fingerprint_ignores_where_files_lie_and_their_order_and_nothing_else() -> None:
    first, second = clip("1", "a"), clip("2", "b")
    dataset = Dataset.of("d", [first, second])
    moved = Dataset.of("other", [second, Clip("1", Path("/there/x.wav"), ("a",), "g")])
    assert dataset.fingerprint == moved.fingerprint
    assert dataset.fingerprint != Dataset.of("d", [clip("1", "a", group="h"), second]).fingerprint


def test_parts_keep_the_labels() -> None:
    dataset = Dataset.of("d", [clip("1", "a"), clip("2", "b")])
    assert dataset.where(lambda c: c.id == "1").labels == ("a", "b")
    assert [c.id for c in dataset.take([1, 0]).clips] == ["2", "1"]
