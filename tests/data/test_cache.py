from __future__ import annotations

import os
from pathlib import Path

import pytest

from earmark.core.errors import StoreError
from earmark.data.cache import building_folder


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "corpus"
    with building_folder(folder, "done") as building:
        (building / "done").touch()
        assert not folder.exists()
    assert [path.name for path in folder.parent.iterdir()] == ["corpus"]
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    def break_off() -> None:
        with building_folder(tmp_path / "corpus", "done") as building:
            (building / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_whoever_finished_first_stays(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    with building_folder(folder, "done") as building:
        (building / "done").write_text("mine")
        folder.mkdir()
        (folder / "done").write_text("theirs")
    assert (folder / "done").read_text() == "theirs"


def test_a_damaged_folder_gives_way(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "half").touch()
    with building_folder(folder, "done") as building:
        (building / "done").touch()
    assert [path.name for path in folder.iterdir()] == ["done"]


def test_what_a_killed_process_left_is_removed_a_day_later(tmp_path: Path) -> None:
    old, new = tmp_path / ".corpus.a.building", tmp_path / ".corpus.b.building"
    for path in (old, new):
        path.mkdir()
    os.utime(old, (0, 0))
    with building_folder(tmp_path / "corpus", "done") as building:
        (building / "done").touch()
    assert not old.exists()
    assert new.exists()


def test_a_cache_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StoreError, match=r"cannot be written .* EARMARK_CACHE_DIR"),
        building_folder(tmp_path / "file" / "corpus", "done"),
    ):
        pass
    with pytest.raises(StoreError, match="No space left"), building_folder(tmp_path / "corpus", "done"):
        raise OSError(28, "No space left on device")


def test_a_folder_that_cannot_take_its_name_is_a_store_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(18, "Invalid cross-device link")

    def build() -> None:
        with building_folder(tmp_path / "corpus", "done"):
            pass

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreError, match="Invalid cross-device link"):
        build()
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_a_file_is_a_store_error(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.touch()

    def build() -> None:
        with building_folder(folder, "done") as building:
            (building / "done").touch()

    with pytest.raises(StoreError, match="cannot be written"):
        build()
