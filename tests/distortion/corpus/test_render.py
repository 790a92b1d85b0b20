from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.audio import probe_audio
from earmark.core.errors import DataError, EarmarkError
from earmark.distortion.corpus import render
from earmark.distortion.corpus.render import LEFT_OUT, RenderOptions, render_sources
from earmark.distortion.corpus.tracks import FILE_NAME, read_tracks, write_tracks

OPTIONS = RenderOptions(longest_s=2.0)


def put(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.usefixtures("table", "players")
def test_all_sources_become_tracks_with_a_table(n_pieces: dict[str, int], fetched: Path, tmp_path: Path) -> None:
    tracks = render_sources(fetched, tmp_path / "clean", options=OPTIONS)
    assert tracks == read_tracks(tmp_path / "clean")
    assert len(tracks) == sum(n_pieces.values())
    assert (tmp_path / "clean" / LEFT_OUT).read_text() == "id,reason\n"
    for track in tracks:
        info = probe_audio(track.path)
        assert (info.rate_hz, info.n_channels) == (track.rate_hz, track.n_channels)
        assert info.duration_s == pytest.approx(track.duration_s, abs=0.001)
        assert track.duration_s <= 2.0
        assert track.lossless == (track.kbps == 0.0)
    depths = {probe_audio(track.path).format for track in tracks if track.lossless}
    assert depths == {"FLAC PCM_16", "FLAC PCM_24"}
    assert {track.source for track in tracks if track.id.startswith("songs")} == {"songs+timgm", "songs+freepats"}


@pytest.mark.usefixtures("table", "players")
def test_a_second_run_makes_only_what_is_missing_and_the_same_again(fetched: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clean"
    tracks = render_sources(fetched, folder, ["kits", "flite"], options=OPTIONS)
    content = tracks[0].path.read_bytes()
    times = [track.path.stat().st_mtime_ns for track in tracks[1:]]
    write_tracks(folder, [replace(track, role="test", licence="old") for track in tracks[1:]])
    tracks[0].path.unlink()
    assert render_sources(fetched, folder, ["kits", "flite"], options=OPTIONS) == tracks
    assert tracks[0].path.read_bytes() == content
    assert [track.path.stat().st_mtime_ns for track in tracks[1:]] == times
    more = render_sources(fetched, folder, ["lossy"], options=OPTIONS)
    assert {track.id for track in more} > {track.id for track in tracks}


@pytest.mark.usefixtures("table", "players")
def test_workers_change_nothing(fetched: Path, tmp_path: Path) -> None:
    alone = render_sources(fetched, tmp_path / "a", ["kits", "lossy"], options=OPTIONS)
    together = render_sources(fetched, tmp_path / "b", ["kits", "lossy"], options=replace(OPTIONS, workers=2))
    assert [track.path.read_bytes() for track in alone] == [track.path.read_bytes() for track in together]
    seeded = render_sources(fetched, tmp_path / "c", ["kits"], options=replace(OPTIONS, seed=1))
    assert seeded[0].path.read_bytes() != alone[0].path.read_bytes()


@pytest.mark.usefixtures("table", "players")
def test_a_broken_piece_is_left_out_with_its_reason_and_the_rest_is_made(
    fetched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fetched / "lossy" / "music" / "one.ogg").write_bytes(b"OggS torn")
    monkeypatch.setattr(render, "SAVE_EVERY_S", 0.0)
    tracks = render_sources(fetched, tmp_path / "clean", ["lossy"], options=OPTIONS)
    assert [track.id for track in tracks] == ["lossy-three"]
    assert "lossy-one," in (tmp_path / "clean" / LEFT_OUT).read_text()


@pytest.mark.usefixtures("table", "players")
def test_a_source_of_which_nothing_can_be_made_is_an_error_after_the_others_are_saved(
    fetched: Path, tmp_path: Path
) -> None:
    for path in (fetched / "lossy" / "music").iterdir():
        path.write_bytes(b"OggS torn")
    with pytest.raises(DataError, match='none of the 2 pieces of the source "lossy"'):
        render_sources(fetched, tmp_path / "clean", ["lossy", "flite"], options=OPTIONS)
    assert len(read_tracks(tmp_path / "clean")) == 3


@pytest.mark.usefixtures("table", "players")
def test_players_are_looked_for_before_anything_is_made(fetched: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "timidity").unlink()
    if not any((Path(folder) / "timidity").exists() for folder in os.environ["PATH"].split(":")):
        with pytest.raises(DataError, match="apt-get install timidity"):
            render_sources(fetched, tmp_path / "clean", ["songs"], options=OPTIONS)
    assert not (tmp_path / "clean" / FILE_NAME).exists()


@pytest.mark.usefixtures("table", "players")
def test_a_killed_worker_is_told(fetched: Path, tmp_path: Path) -> None:
    put(tmp_path / "bin" / "flite", b"#!/bin/sh\nkill -9 $PPID\n")
    with pytest.raises(EarmarkError, match="worker process was killed"):
        render_sources(fetched, tmp_path / "clean", ["flite"], options=replace(OPTIONS, workers=2))
