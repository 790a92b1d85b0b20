from __future__ import annotations

import os
import sys
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.data import find
from earmark.data.find import AudioFile, Count, Unreadable, count_files, distinct, find_audio, look_at

if TYPE_CHECKING:
    import pytest


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def names(folder: Path, *paths: Path) -> list[str]:
    return [os.path.relpath(found.path, folder) for found in find_audio(paths or (folder,))]


def test_a_folder_gives_its_files_by_name_then_those_of_its_folders(tmp_path: Path) -> None:
    touch(tmp_path, "b.wav", "a.MP3", "c.txt", "z/d.flac", "y/e.opus", "y/x/f.ogg", "cover.jpg")
    assert names(tmp_path) == ["a.MP3", "b.wav", "y/e.opus", "y/x/f.ogg", "z/d.flac"]
    assert count_files([tmp_path]) == Count(5, 2)


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "._a.wav", ".Trash/b.wav", "a.wav")
    assert names(tmp_path) == ["a.wav"]
    assert count_files([tmp_path]) == Count(1, 0)


def test_a_named_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    touch(tmp_path, "take.one")
    (found,) = find_audio([tmp_path / "take.one"])
    assert isinstance(found, AudioFile)
    assert (found.size_bytes, found.start_s, found.duration_s) == (1, 0.0, None)


def test_a_big_folder_is_in_order_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "NAMES_AT_ONCE", 3)
    wanted = [f"{number:02d}.wav" for number in range(10)]
    touch(tmp_path, *reversed(wanted), *(f"folder{number}/a.wav" for number in range(7)))
    assert names(tmp_path) == wanted + [f"folder{number}/a.wav" for number in range(7)]


def test_memory_does_not_grow_with_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "NAMES_AT_ONCE", 100)
    peaks = []
    for n_files in (300, 3000):
        folder = tmp_path / str(n_files)
        folder.mkdir()
        for number in range(n_files):
            (folder / f"a-rather-long-name-of-a-file-{number}.wav").touch()
        tracemalloc.start()
        assert sum(1 for _ in find._names_in_order(folder, find._is_sound)) == n_files
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20_000


def test_each_file_is_found_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "in/b.wav", "in/.hidden/c.wav", "in/d.txt")
    once = ["a.wav", "in/b.wav"]
    assert names(tmp_path, tmp_path, tmp_path / "a.wav", tmp_path / "in", tmp_path) == once
    assert names(tmp_path, tmp_path / "a.wav", tmp_path / "a.wav") == ["a.wav"]
    # What the folder alone would not give is kept: hidden things, and files that are audio only by being named.
    assert distinct([tmp_path, tmp_path / "in/.hidden", tmp_path / "in/d.txt"])[1:] == [
        tmp_path / "in/.hidden",
        tmp_path / "in/d.txt",
    ]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    (found,) = find_audio([tmp_path / "gone.wav"])
    assert found == Unreadable(
        tmp_path / "gone.wav", f"{tmp_path}/gone.wav: cannot be read (No such file or directory)"
    )
    assert count_files([tmp_path / "gone.wav"]) == Count(1, 0)


def test_a_link_that_leads_nowhere_is_named_and_one_to_a_file_is_followed(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.wav")
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs/good.wav").symlink_to(tmp_path / "real/a.wav")
    (tmp_path / "songs/lost.wav").symlink_to(tmp_path / "gone.wav")
    (tmp_path / "songs/round.wav").symlink_to(tmp_path / "songs/round.wav")
    good, lost, circle = find_audio([tmp_path / "songs"])
    assert isinstance(good, AudioFile)
    assert isinstance(lost, Unreadable)
    assert isinstance(circle, Unreadable)
    assert "symbolic links" in circle.reason
    assert count_files([tmp_path / "songs"]) == Count(3, 0)


def test_links_to_folders_are_followed_but_not_round_in_circles(tmp_path: Path) -> None:
    touch(tmp_path, "songs/a.wav", "other/b.wav")
    (tmp_path / "songs/more").symlink_to(tmp_path / "other")
    (tmp_path / "songs/up").symlink_to(tmp_path / "songs")
    (tmp_path / "other/round").symlink_to(tmp_path / "songs")
    assert names(tmp_path, tmp_path / "songs") == ["songs/a.wav", "songs/more/b.wav"]


def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert list(find_audio([tmp_path])) == []
    assert count_files([tmp_path]) == Count(0, 1)
    assert look_at(Path("/dev/null")) == Unreadable(Path("/dev/null"), "/dev/null: is not a file that could hold audio")


def test_a_deep_tree_is_no_recursion(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(400):
        folder /= "d"
    folder.mkdir(parents=True)
    (folder / "a.wav").touch()
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        assert len(list(find_audio([tmp_path]))) == 1
    finally:
        sys.setrecursionlimit(before)


def test_a_folder_that_cannot_be_listed_is_named_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "bad/a.wav", "good/b.wav")
    scan = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "bad":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    bad, good = find_audio([tmp_path])
    assert bad == Unreadable(tmp_path / "bad", f"{tmp_path}/bad: cannot be read (Permission denied)")
    assert good.path == tmp_path / "good/b.wav"
    assert count_files([tmp_path]) == Count(2, 0)


def test_a_folder_that_goes_away_meanwhile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.wav")
    scan, calls = os.scandir, []

    def vanish(path: Path) -> object:
        calls.append(path)
        if len(calls) == 2:
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", vanish)
    (gone,) = find_audio([tmp_path])
    assert isinstance(gone, Unreadable)
    calls.clear()
    assert count_files([tmp_path]) == Count(1, 0)


def test_names_that_are_not_utf8_and_names_with_zeros(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    touch(tmp_path, name)
    (found,) = find_audio([tmp_path])
    assert found.path.name == name
    assert isinstance(look_at(Path("a\0b.wav")), Unreadable)
