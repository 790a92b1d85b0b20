from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import DataError
from earmark.distortion.corpus.fetch import wheel_path
from earmark.distortion.corpus.render_pieces import _LISTERS, list_pieces, read_member, soundfont_path, wad_lumps
from earmark.distortion.corpus.sources import MUSIC21, Source

if TYPE_CHECKING:
    from pathlib import Path

WAYS = (
    "songs",
    "doom",
    "scores",
    "beats",
    "tracker",
    "kits",
    "loops",
    "prompts",
    "lossy",
    "zipped",
    "stems",
    "flite",
    "espeak",
)


def lump(letter: bytes) -> bytes:
    return b"MThd" + letter * 4000


def put(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", WAYS)
def test_every_way_lists_its_pieces_the_same_each_time(
    rows: dict[str, Source], n_pieces: dict[str, int], fetched: Path, name: str
) -> None:
    pieces = list_pieces(rows[name], fetched)
    assert len(pieces) == n_pieces[name]
    assert pieces == list_pieces(rows[name], fetched)
    assert all(piece.id.startswith(f"{name}-") for piece in pieces)


def test_one_piece_on_two_soundfonts_is_one_group_and_songs_keep_their_stems_together(
    rows: dict[str, Source], fetched: Path
) -> None:
    songs = list_pieces(rows["songs"], fetched)
    assert [piece.soundfont for piece in songs[:2]] == ["timgm", "freepats"]
    assert songs[0].group == songs[1].group != songs[2].group
    mix, guitar, alone = list_pieces(rows["stems"], fetched)
    assert mix.group == guitar.group != alone.group
    assert [path.name for path in mix.files] == ["song.ogg", "guitar.ogg"]
    assert len(alone.files) == 1
    kits = list_pieces(rows["kits"], fetched)
    assert kits[0].group == kits[2].group != kits[1].group


def test_lumps_that_are_in_two_archives_are_taken_once(rows: dict[str, Source], fetched: Path) -> None:
    pieces = list_pieces(rows["doom"], fetched)
    assert [(piece.files[0].name, piece.member) for piece in pieces] == [("a.wad", "D_ONE"), ("b.wad", "D_TWO")]
    assert read_member(pieces[1]) == lump(b"b")


def test_members_of_archives_and_plain_files_are_read(rows: dict[str, Source], fetched: Path) -> None:
    assert read_member(list_pieces(rows["scores"], fetched)[0]).startswith(b"<score-partwise>")
    assert read_member(list_pieces(rows["tracker"], fetched)[0]) == b"module"


def test_a_limit_takes_pieces_from_the_whole_list(rows: dict[str, Source], fetched: Path) -> None:
    found = list_pieces(replace(rows["tracker"], limit=2), fetched)
    assert [piece.files[0].stem for piece in found] == ["one", "three"]


@pytest.mark.parametrize(
    "content",
    [b"", b"IWAD", b"PK\x03\x04aaaaaaaaaaaa", b"IWAD" + struct.pack("<ii", 9, 12), b"IWAD\xff\xff\xff\xff" * 3],
)
def test_what_is_no_doom_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"WAD archive|beyond the end"):
        wad_lumps(put(tmp_path / "a.wad", content))


def test_missing_packages_soundfonts_wheels_and_files_are_told(rows: dict[str, Source], fetched: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere is not there; run fetch_sources"):
        list_pieces(replace(rows["lossy"], packages=("nowhere",)), fetched)
    with pytest.raises(DataError, match=r"found no \*\.mp3 in lossy"):
        list_pieces(replace(rows["lossy"], pattern="*.mp3"), fetched)
    with pytest.raises(DataError, match="fluid-soundfont-gm is not there"):
        soundfont_path("fluid", fetched)
    with pytest.raises(DataError, match="found nothing for the source"):
        list_pieces(replace(rows["scores"], pattern="chopin/*"), fetched)
    wheel_path(fetched, MUSIC21).unlink()
    with pytest.raises(DataError, match="put the wheel of music21"):
        list_pieces(rows["scores"], fetched)


def test_two_pieces_of_one_name_are_refused(rows: dict[str, Source], fetched: Path) -> None:
    put(fetched / "tracker" / "One.xm")
    with pytest.raises(DataError, match='two pieces named "tracker-one-xm"'):
        list_pieces(rows["tracker"], fetched)


def test_every_way_of_the_table_has_a_small_package(rows: dict[str, Source]) -> None:
    assert set(_LISTERS) == {source.how for source in rows.values()}
