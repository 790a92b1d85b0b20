from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import earmark.data
from earmark.core.errors import DataError
from earmark.data import load_dataset

if TYPE_CHECKING:
    from pathlib import Path


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"none\.csv: is not there; expected a manifest, an annotation table or a folder"
    ):
        load_dataset(tmp_path / "none.csv")


def test_an_unknown_kind_of_file_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "clips.xlsx").touch()
    with pytest.raises(DataError, match=r'unknown kind of dataset "\.xlsx"; expected \.csv, \.tsv, \.json'):
        load_dataset(tmp_path / "clips.xlsx")


def test_a_text_that_is_a_path_is_read_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "list.tsv").write_text("path\tlabel\na.wav\tdog\n")
    monkeypatch.chdir(tmp_path)
    assert load_dataset("list.tsv").labels == ("dog",)


def test_the_door_lists_what_is_public() -> None:
    assert all(hasattr(earmark.data, name) for name in earmark.data.__all__)
    assert sorted(earmark.data.__all__) == earmark.data.__all__
