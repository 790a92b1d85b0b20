"""Scratch folders are removed when nobody holds them, and only then."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.core import scratch
from earmark.core.scratch import scratch_folder, sweep

if TYPE_CHECKING:
    import pytest

HOLDER = """
import sys
from pathlib import Path
from earmark.core.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), "work-") as folder:
    (folder / "half").write_text("half")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_there_for_as_long_as_the_block_lasts(tmp_path: Path) -> None:
    with scratch_folder(tmp_path, "work-") as folder:
        (folder / "deep").mkdir()
        assert folder.parent == tmp_path
        assert folder.name.startswith("work-")
        assert sweep(tmp_path, "work-") == 0
        assert folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_only_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    holders = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        folders = [Path((each.stdout.readline() if each.stdout else "").strip()) for each in holders]
        holders[0].kill()
        holders[0].wait()
        assert all((folder / "half").exists() for folder in folders)
        assert sweep(tmp_path, "work-") == 1
        assert [folder.exists() for folder in folders] == [False, True]
        holders[1].communicate("", timeout=60)
        assert not folders[1].exists()
    finally:
        for each in holders:
            each.kill()
            each.communicate()


def test_other_names_files_and_links_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "work-file").touch()
    (tmp_path / "work-link").symlink_to(tmp_path / "mine")
    assert sweep(tmp_path, "work-") == 0
    assert sweep(tmp_path / "nowhere", "work-") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "work-file", "work-link"]


def test_a_folder_that_is_swept_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = fcntl.flock
    swept: list[int] = []

    def sweep_first(lock: int, operation: int) -> None:
        if operation == fcntl.LOCK_EX and not swept:
            swept.append(sweep(tmp_path, "work-"))
        locked(lock, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    with scratch_folder(tmp_path, "work-") as folder:
        assert swept == [1]
        assert folder.is_dir()


def test_a_disk_without_locks_keeps_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_lock: int, _operation: int) -> None:
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with scratch_folder(tmp_path, "work-") as folder:
        assert sweep(tmp_path, "work-") == 0
        assert folder.is_dir()
    assert not folder.exists()


def test_endless_sweeping_ends_in_a_folder_without_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "N_TRIES", 0)
    with scratch_folder(tmp_path, "work-") as folder:
        assert folder.is_dir()
