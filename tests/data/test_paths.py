from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from earmark.data.paths import clip_id, is_audio, moved, recording_ids, resolve


def test_backslashes_are_separators_unless_the_file_has_them(tmp_path: Path) -> None:
    assert resolve("audio\\dog\\a.wav", tmp_path) == tmp_path / "audio/dog/a.wav"
    odd = tmp_path / "a\\b.wav"
    odd.touch()
    assert resolve("a\\b.wav", tmp_path) == odd


def test_of_a_windows_path_with_a_drive_only_the_name_is_looked_up(tmp_path: Path) -> None:
    assert resolve("C:\\Users\\ann\\a.wav", tmp_path) == tmp_path / "a.wav"


def test_names_never_hold_the_way_to_a_home_folder(tmp_path: Path) -> None:
    base = tmp_path / "manifests"
    outside = [tmp_path / "home/ann/rec/x/a.wav", tmp_path / "home/ann/rec/y/b.wav"]
    files = [(str(path), path) for path in outside]
    files += [
        ("../up.wav", tmp_path / "up.wav"),
        ("./in.wav", base / "in.wav"),
        (str(base / "in.wav"), base / "in.wav"),
    ]
    assert recording_ids(files, base) == ["x/a.wav", "y/b.wav", "../up.wav", "in.wav", "in.wav"]


@pytest.mark.parametrize(
    ("start_s", "duration_s", "name"),
    [(0, None, "a.wav"), (0.0, 3.0, "a.wav@0.0+3.0"), (12345.678, None, "a.wav@12345.678")],
)
def test_a_stretch_is_named_by_its_time(start_s: float, duration_s: float | None, name: str) -> None:
    assert clip_id("a.wav", start_s, duration_s) == name


def test_hidden_files_and_other_kinds_are_no_audio() -> None:
    assert is_audio(Path("a.WAV"))
    assert not is_audio(Path("._a.wav"))
    assert not is_audio(Path("a.txt"))


def test_a_path_of_another_machine_is_found_by_its_longest_end(tmp_path: Path) -> None:
    (tmp_path / "dog").mkdir()
    for path in (tmp_path / "1.wav", tmp_path / "dog" / "1.wav"):
        path.touch()
    assert moved(PurePosixPath("/home/other/corpus/dog/1.wav"), tmp_path) == tmp_path / "dog" / "1.wav"
    assert moved(PurePosixPath("/home/other/corpus/cat/1.wav"), tmp_path) == tmp_path / "1.wav"
    assert resolve(r"D:\corpus\dog\1.wav", tmp_path) == tmp_path / "dog" / "1.wav"
