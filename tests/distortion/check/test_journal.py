from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.core.errors import StoreError
from earmark.data.find import AudioFile
from earmark.distortion.check.journal import Journal, journal_path

FILE = AudioFile(Path("/songs/a.wav"), 100, 5)
REPORT = {"severity": 0.25, "types": {}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "check.jsonl"


def add(path: Path, *files: AudioFile, seal: str = "s", resume: bool = True) -> None:
    with Journal(path, seal, resume=resume) as journal:
        for file in files:
            journal.add(file, REPORT | {"size": file.size_bytes})


def known(path: Path, file: AudioFile, seal: str = "s") -> object:
    with Journal(path, seal) as journal:
        return journal.find(file)


def test_what_is_added_is_found_by_the_next_run(path: Path) -> None:
    others = [replace(FILE, path=Path(f"/songs/{number}.wav"), size_bytes=number) for number in range(50)]
    add(path, FILE, *others)
    assert known(path, FILE) == REPORT | {"size": 100}
    assert all(known(path, other) == REPORT | {"size": other.size_bytes} for other in others)


@pytest.mark.parametrize(
    "changed",
    [{"size_bytes": 101}, {"mtime_ns": 6}, {"path": Path("/songs/b.wav")}, {"start_s": 1.0}, {"duration_s": 2.0}],
)
def test_another_file_another_version_of_it_or_another_part_is_not_known(
    path: Path, changed: dict[str, object]
) -> None:
    add(path, FILE)
    assert known(path, replace(FILE, **changed)) is None  # type: ignore[arg-type]


def test_another_model_knows_nothing(path: Path) -> None:
    add(path, FILE)
    assert known(path, FILE, seal="other") is None
    add(path, FILE, seal="other")
    assert known(path, FILE) is not None


def test_paths_are_kept_whole_so_that_another_folder_does_not_matter(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(path, replace(FILE, path=tmp_path / "x.wav"))
    monkeypatch.chdir(tmp_path)
    assert known(path, replace(FILE, path=Path("x.wav"))) is not None


def test_the_last_answer_counts(path: Path) -> None:
    with Journal(path, "s") as journal:
        journal.add(FILE, {"severity": 0.1})
        journal.add(FILE, {"severity": 0.2})
    assert known(path, FILE) == {"severity": 0.2}


def test_not_to_resume_begins_anew(path: Path) -> None:
    add(path, FILE)
    add(path, resume=False)
    assert known(path, FILE) is None


@pytest.mark.parametrize("n_bytes_lost", [1, 2, 10, 60])
def test_a_line_torn_by_a_kill_is_not_read_and_spoils_no_other(path: Path, n_bytes_lost: int) -> None:
    second, third = replace(FILE, size_bytes=2), replace(FILE, size_bytes=3)
    add(path, FILE, second)
    content = path.read_bytes()
    path.write_bytes(content[:-n_bytes_lost])
    add(path, third)
    assert known(path, FILE) is not None
    assert known(path, third) is not None
    # Without its line feed alone a line is whole: the next run ends it.
    assert (known(path, second) is None) == (n_bytes_lost > 1)


def test_lines_that_say_nothing_are_passed_over(path: Path) -> None:
    add(path, FILE)
    lines = path.read_text().splitlines()
    key = json.loads(lines[1])["key"]
    broken = ['{"key":"not hexadecimal!"}', '{"key":"12"}', "[]", "", '{"key":"0123456789abcdef",}']
    path.write_text("\n".join([*lines, *broken]) + "\n")
    assert known(path, FILE) is not None
    for last in (f'{{"key":"{key}","path":"/elsewhere.wav","report":{{}}}}', f'{{"key":"{key}",oops}}'):
        path.write_text("\n".join([*lines, last]) + "\n")
        assert known(path, FILE) is None


def test_another_file_is_never_overwritten(path: Path) -> None:
    path.parent.mkdir()
    for content in (b"RIFF....WAVE", b"", b'{"format": "earmark-check", "version": 99}\n'):
        path.write_bytes(content)
        for resume in (True, False):
            with pytest.raises(StoreError, match=r"is not a journal of this version .* choose another file or remove"):
                Journal(path, "s", resume=resume)
        assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/check\.jsonl"):
        Journal(tmp_path / "file" / "check.jsonl", "s")
    with pytest.raises(StoreError, match=r"the journal cannot be used .*--results"):
        Journal(tmp_path, "s")


def test_a_journal_that_may_only_be_read_is_told_before_the_work(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(path, FILE)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match=r"the journal cannot be used \(Permission denied\)"):
        Journal(path, "s")


def test_a_full_disk_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(path, "s") as journal:
        monkeypatch.setattr(os, "write", lambda _, line: len(line) - 1)
        with pytest.raises(StoreError, match="the disk is full; free space and run again, finished files are kept"):
            journal.add(FILE, REPORT)

        def refuse(*_: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", refuse)
        with pytest.raises(StoreError, match="No space left on device"):
            journal.add(FILE, REPORT)


def test_one_journal_serves_all_checks_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "songs").mkdir()
    cache = tmp_path / "cache"
    whole = journal_path(None, [tmp_path / "songs"], cache)
    assert whole.parent == cache / "check"
    assert journal_path(None, [tmp_path / "songs" / "a.wav", tmp_path / "songs" / "b.wav"], cache) == whole
    assert journal_path(None, [tmp_path], cache) != whole
    assert journal_path(tmp_path / "kept", [tmp_path], cache) == tmp_path / "kept" / "check.jsonl"
    assert journal_path(tmp_path / "mine.jsonl", [tmp_path], cache) == tmp_path / "mine.jsonl"


def test_names_that_are_not_utf8_are_kept(path: Path) -> None:
    strange = replace(FILE, path=Path(os.fsdecode(b"/caf\xe9.wav")))
    add(path, strange)
    assert known(path, strange) is not None
