from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import DataError
from earmark.inference.analysis.recordings import expand, find_recordings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/1.wav", "a/2.flac", "a/notes.txt", "b/3.wav", "[x].wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * len(name))
    return tmp_path


def test_globs_are_expanded_in_order_and_names_that_look_like_globs_stay(folder: Path) -> None:
    assert expand([f"{folder}/*/*.wav"]) == [f"{folder}/a/1.wav", f"{folder}/b/3.wav"]
    assert expand([f"{folder}/**/*.flac", f"{folder}/[x].wav"]) == [f"{folder}/a/2.flac", f"{folder}/[x].wav"]
    assert expand(["gs://bucket/*", "missing.wav"]) == ["gs://bucket/*", "missing.wav"]
    with pytest.raises(DataError, match="matches nothing"):
        expand([f"{folder}/*.mp3"])


def test_folders_are_walked_and_what_is_not_there_is_told(folder: Path) -> None:
    found = list(find_recordings([str(folder / "a"), str(folder / "none.wav"), str(folder / "a" / "notes.txt")]))
    assert [each.name for each in found] == [
        f"{folder}/a/1.wav",
        f"{folder}/a/2.flac",
        f"{folder}/none.wav",
        f"{folder}/a/notes.txt",
    ]
    assert [each.size_bytes for each in found] == [7, 8, 0, 11]
    assert "cannot be read (No such file" in found[2].reason
    assert found[0].version


def test_what_lies_in_storage_is_named_by_its_address(folder: Path) -> None:
    pytest.importorskip("fsspec")
    found = list(find_recordings([f"file://{folder}", f"file://{folder}/a/notes.txt"]))
    assert [each.name for each in found] == [
        f"file://{folder}/[x].wav",
        f"file://{folder}/a/1.wav",
        f"file://{folder}/a/2.flac",
        f"file://{folder}/b/3.wav",
        f"file://{folder}/a/notes.txt",
    ]
    assert all(each.path is None and each.remote is not None and each.version for each in found)
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="no audio found among 0 objects there"):
        list(find_recordings([f"file://{folder}/empty"]))
