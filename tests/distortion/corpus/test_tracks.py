from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import DataError, StoreError
from earmark.distortion.corpus.tracks import COLUMNS, FILE_NAME, Track, read_tracks, write_tracks

if TYPE_CHECKING:
    from pathlib import Path


def track_in(folder: Path, name: str = "a-song") -> Track:
    path = folder.resolve() / "pool" / f"{name}.flac"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"sound")
    return Track(
        id=name,
        path=path,
        source="wesnoth+none, or so",
        role="pool",
        track=name,
        kind="recorded",
        lossless=False,
        codec="vorbis",
        kbps=151.2,
        rate_hz=44_100,
        n_channels=2,
        duration_s=60.125,
        licence="GPL-2.0-or-later",
    )


def test_what_is_written_is_read_back_sorted_by_id(tmp_path: Path) -> None:
    tracks = [track_in(tmp_path, "b"), replace(track_in(tmp_path, "a"), lossless=True, codec="flac", kbps=0.0)]
    assert write_tracks(tmp_path, tracks) == tmp_path / FILE_NAME
    assert read_tracks(tmp_path) == [tracks[1], tracks[0]]


def test_a_folder_may_be_moved_and_paths_outside_it_stay(tmp_path: Path) -> None:
    outside = replace(track_in(tmp_path / "elsewhere", "far"), id="far")
    write_tracks(tmp_path / "here", [track_in(tmp_path / "here"), outside])
    (tmp_path / "here").rename(tmp_path / "there")
    near, far = read_tracks(tmp_path / "there")
    assert near.path == (tmp_path / "there" / "pool" / "a-song.flac").resolve()
    assert far.path == outside.path


def test_a_missing_table_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read .*render_sources"):
        read_tracks(tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("id,path\n")
    with pytest.raises(DataError, match="found no column source"):
        read_tracks(tmp_path)
    (tmp_path / FILE_NAME).write_text("")
    with pytest.raises(DataError, match="found no column id"):
        read_tracks(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(",".join(COLUMNS).encode() + b"\n\xff\xfe\n")
    with pytest.raises(DataError, match="no table in UTF-8"):
        read_tracks(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",pool,", ",pol,", 'line 2: found role "pol"; did you mean "pool"'),
        (",recorded,", ",record,", 'found kind "record"'),
        (",0,vorbis,", ",no,vorbis,", 'found lossless "no"'),
        ("151.2", "nan", "out of range in kbps"),
        ("151.2", "-3", "out of range in kbps"),
        ("151.2", "0", "out of range in kbps"),
        ("60.125", "0", "out of range"),
        ("44100", "0", "out of range"),
        ("44100", "44.1k", "invalid literal"),
        (",GPL-2.0-or-later", "", "another number of cells"),
        (",GPL-2.0-or-later", ",GPL,more", "another number of cells"),
    ],
)
def test_a_damaged_row_is_told_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    table = write_tracks(tmp_path, [track_in(tmp_path)])
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        read_tracks(tmp_path)


def test_an_id_that_comes_twice_is_refused(tmp_path: Path) -> None:
    write_tracks(tmp_path, [track_in(tmp_path), track_in(tmp_path)])
    with pytest.raises(DataError, match='"a-song" twice'):
        read_tracks(tmp_path)


def test_a_track_whose_file_is_gone_is_refused(tmp_path: Path) -> None:
    track = track_in(tmp_path)
    write_tracks(tmp_path, [track])
    track.path.unlink()
    with pytest.raises(DataError, match=r"found no file .*a-song\.flac"):
        read_tracks(tmp_path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        write_tracks(tmp_path / "file", [])
