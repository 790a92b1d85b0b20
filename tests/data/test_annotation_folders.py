from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from earmark.core.errors import DataError
from earmark.data.annotation_folders import find_tables
from earmark.data.loading import load_dataset
from earmark.data.options import LoadOptions

MakeTone = Callable[..., Path]
HEAD = "Selection\tView\tBegin Time (s)\tEnd Time (s)\tAnnotation\n"
FILES_HEAD = "Selection\tView\tBegin Time (s)\tEnd Time (s)\tBegin File\tEnd File\tFile Offset (s)\tAnnotation\n"


@pytest.fixture
def night(tmp_path: Path, make_tone: MakeTone) -> Path:
    make_tone(tmp_path / "site1/night1.wav", duration_s=2.0)
    make_tone(tmp_path / "site1/night2.wav", duration_s=2.0)
    make_tone(tmp_path / "site2/night1.flac", duration_s=1.0)
    make_tone(tmp_path / "site2/quiet.wav", duration_s=1.0)
    make_tone(tmp_path / "site2/never_heard.wav", duration_s=1.0)
    (tmp_path / "site1/night1.Table.1.selections.txt").write_text(HEAD + "1\tS\t0.1\t0.9\towl\n")
    (tmp_path / "site1/night2.txt").write_text("0.0\t0.5\tfrog\n1.0\t1.4\towl\n")
    (tmp_path / "site2/night1.txt").write_text("0.2\t0.8\tfrog\n")
    (tmp_path / "site2/quiet.txt").write_text("")
    (tmp_path / "site2/readme.txt").write_text("We listened to all of it.\n")
    (tmp_path / "site2/empty.txt").write_text("")
    return tmp_path


def test_a_folder_of_tables_beside_their_audio(night: Path) -> None:
    dataset = load_dataset(night, LoadOptions(group_by="parent"))
    assert [(c.id, c.labels, c.group) for c in dataset.clips] == [
        ("site1/night1.wav@0.1+0.8", ("owl",), "site1"),
        ("site1/night2.wav@0.0+0.5", ("frog",), "site1"),
        ("site1/night2.wav@1.0+0.4", ("owl",), "site1"),
        ("site2/night1.flac@0.2+0.6", ("frog",), "site2"),
    ]
    assert dataset.task == "one"


def test_windows_with_negatives_from_listened_recordings_only(night: Path) -> None:
    dataset = load_dataset(night, LoadOptions(window_s=1.0, keep_negatives=True))
    assert {clip.id: clip.labels for clip in dataset.clips} == {
        "site1/night1.wav@0.0+1.0": ("owl",),
        "site1/night1.wav@1.0+1.0": (),
        "site1/night2.wav@0.0+1.0": ("frog",),
        "site1/night2.wav@1.0+1.0": ("owl",),
        "site2/night1.flac@0.0+1.0": ("frog",),
        "site2/quiet.wav@0.0+1.0": (),
    }
    assert dataset.task == "many"
    assert dataset.groups[0] == "site1/night1.wav"


def test_one_table_alone_and_its_audio_elsewhere(night: Path, tmp_path: Path) -> None:
    table = tmp_path / "tables" / "night2.txt"
    table.parent.mkdir()
    (night / "site1/night2.txt").rename(table)
    with pytest.raises(DataError, match=r"night2\.txt:1: audio file .*night2\.wav is not there; correct"):
        load_dataset(table)
    dataset = load_dataset(table, LoadOptions(audio_dir=night / "site1"))
    assert [clip.id for clip in dataset.clips] == ["night2.wav@0.0+0.5", "night2.wav@1.0+0.4"]


def test_a_raven_table_names_its_files_and_runs_from_one_into_the_next(night: Path) -> None:
    table = night / "site1" / "all.txt"
    table.write_text(
        FILES_HEAD
        + "1\tS\t1.5\t2.5\tnight1.wav\tnight2.wav\t1.5\towl\n"
        + "2\tS\t2.75\t3.0\tC:\\rec\\night2.wav\tC:\\rec\\night2.wav\t0.75\tfrog\n"
    )
    dataset = load_dataset(table, LoadOptions(window_s=1.0))
    assert {clip.id: clip.labels for clip in dataset.clips} == {
        "night2.wav@0.0+1.0": ("frog", "owl"),
        "night1.wav@1.0+1.0": ("owl",),
    }


def test_a_table_that_two_files_could_own_is_refused(night: Path, make_tone: MakeTone) -> None:
    make_tone(night / "site1/night2.flac")
    with pytest.raises(DataError, match=r"night2\.txt: may belong to night2\.flac, night2\.wav; rename"):
        load_dataset(night)


def test_a_text_that_is_no_table_is_refused(night: Path) -> None:
    with pytest.raises(DataError, match=r"is neither a Raven selection table .* nor Audacity labels"):
        load_dataset(night / "site2/readme.txt")


def test_a_folder_where_nothing_is_marked_says_so(tmp_path: Path, make_tone: MakeTone) -> None:
    make_tone(tmp_path / "q[1].wav")
    (tmp_path / "q[1].txt").write_text("")
    with pytest.raises(DataError, match="no clip comes out of 1 annotation tables and 1 recordings"):
        load_dataset(tmp_path)
    assert load_dataset(tmp_path, LoadOptions(keep_negatives=True)).task == "many"


def test_a_tab_separated_selection_table_is_known_by_its_header(night: Path) -> None:
    table = night / "site1/night1.tsv"
    table.write_text(HEAD + "1\tS\t0.1\t0.9\towl\n")
    assert load_dataset(table).clips[0].labels == ("owl",)


def test_notes_in_any_encoding_beside_the_audio_do_not_stop_a_folder(tmp_path: Path, make_tone: MakeTone) -> None:
    make_tone(tmp_path / "dog" / "a.wav")
    (tmp_path / "dog" / "notes.txt").write_bytes("Größe".encode("latin-1"))
    (tmp_path / "dog" / "cache.txt").write_bytes(b"\0\1\2")
    assert find_tables(tmp_path) == []
    assert find_tables(tmp_path, "no-such-encoding") == []
    assert [clip.id for clip in load_dataset(tmp_path).clips] == ["dog/a.wav"]
