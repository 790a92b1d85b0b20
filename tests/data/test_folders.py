from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from earmark.core.errors import DataError
from earmark.data.folders import load_folders
from earmark.data.loading import load_dataset
from earmark.data.options import LoadOptions

MakeTone = Callable[..., Path]


def test_each_folder_is_a_class(tmp_path: Path, make_tone: MakeTone, diary: Any) -> None:
    for name in ("dog/a.wav", "dog/deep/b.flac", "cat/a.wav", "dog/._a.wav", ".hidden/c.wav"):
        make_tone(tmp_path / name)
    (tmp_path / "dog/notes.txt").write_text("hello there\n")
    (tmp_path / "docs").mkdir()
    dataset = load_dataset(tmp_path, progress=diary)
    assert [(c.id, c.labels, c.group) for c in dataset.clips] == [
        ("cat/a.wav", ("cat",), "cat/a.wav"),
        ("dog/a.wav", ("dog",), "dog/a.wav"),
        ("dog/deep/b.flac", ("dog",), "dog/deep/b.flac"),
    ]
    assert diary.notes == ['folder "docs" has no audio and is no class']
    assert dataset.name == tmp_path.name


def test_split_folders_are_folds_and_not_classes(tmp_path: Path, make_tone: MakeTone) -> None:
    for name in ("train/dog/a.wav", "train/cat/b.wav", "test/dog/c.wav"):
        make_tone(tmp_path / name)
    dataset = load_dataset(tmp_path)
    assert dataset.labels == ("cat", "dog")
    assert {clip.id: clip.fold for clip in dataset.clips}["test/dog/c.wav"] == "test"


def test_groups_come_from_the_file_name(tmp_path: Path, make_tone: MakeTone) -> None:
    make_tone(tmp_path / "7/7_jackson_32.wav")
    dataset = load_dataset(tmp_path, LoadOptions(group_by=r"_(?P<group>[a-z]+)_"))
    assert dataset.groups.tolist() == ["jackson"]


def test_long_files_are_cut_into_windows(tmp_path: Path, make_tone: MakeTone) -> None:
    make_tone(tmp_path / "dog/a.wav", duration_s=0.5)
    dataset = load_dataset(tmp_path, LoadOptions(window_s=0.2))
    assert [(c.start_s, c.duration_s, c.labels) for c in dataset.clips] == [
        (0.0, 0.2, ("dog",)),
        (0.2, 0.2, ("dog",)),
        (0.3, 0.2, ("dog",)),
    ]
    assert dataset.task == "one"


def test_audio_without_a_class_is_an_error(tmp_path: Path, make_tone: MakeTone) -> None:
    for name in ("dog/a.wav", "b.wav", "c.wav"):
        make_tone(tmp_path / name)
    with pytest.raises(DataError, match=r"b\.wav: audio without a class \(and 1 more\); move it into a folder"):
        load_dataset(tmp_path)


def test_an_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"no audio in class folders; expected clips\.csv, or one folder for each class"
    ):
        load_dataset(tmp_path)


def test_hidden_folders_hold_copies_and_are_left_out(tmp_path: Path, make_tone: MakeTone) -> None:
    make_tone(tmp_path / "dog" / "a.wav")
    make_tone(tmp_path / "dog" / ".ipynb_checkpoints" / "a.wav")
    assert [clip.id for clip in load_folders(tmp_path, LoadOptions()).clips] == ["dog/a.wav"]
