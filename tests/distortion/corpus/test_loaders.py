from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform, write_audio
from earmark.core.errors import DataError
from earmark.distortion.corpus import loaders
from earmark.distortion.corpus.loaders import load_fma_small, load_musicnet

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ["", "artist", "track", "track", "track"], ["", "id", "bit_rate", "license", "title"], ["track_id"] + [""] * 4


def noise(rate_hz: int = 44_100, duration_s: float = 1.0, n_channels: int = 1) -> Waveform:
    samples = np.random.default_rng(1).uniform(-0.2, 0.2, (n_channels, round(rate_hz * duration_s)))
    return Waveform(samples.astype(np.float32), rate_hz)


@pytest.fixture
def musicnet(tmp_path: Path) -> Path:
    for part, name in (("train_data", "1727"), ("train_data", "1728"), ("test_data", "1759")):
        write_audio(tmp_path / "musicnet" / part / f"{name}.wav", noise(), subtype="FLOAT")
    (tmp_path / "musicnet_metadata.csv").write_text(
        "id,composer,composition,movement,ensemble,source,transcriber,catalog_name,seconds\n"
        "1727,Schubert,Piano Quintet in A major,2. Andante,Piano Quintet,European Archive,x,OP114,447\n"
        "1728,Schubert,Piano Quintet in A major,3. Scherzo,Piano Quintet,European Archive,x,OP114,251\n"
        "1759,Schubert,Piano Sonata in A major,1. Allegro,Solo Piano,Museopen,x,D959,100\n"
    )
    return tmp_path


@pytest.fixture
def fma(tmp_path: Path) -> Path:
    for name in ("000002", "000140", "001234"):
        write_audio(tmp_path / "fma_small" / name[:3] / f"{name}.mp3", noise(duration_s=2.0, n_channels=2))
    (tmp_path / "fma_metadata").mkdir()
    rows = [*HEADER, ["2", "1", "256000", "Attribution", "a"], ["140", "54", "1000", "", "b"]]
    rows += [["1234", "1", "-1", "CC0", "c"]]
    (tmp_path / "fma_metadata" / "tracks.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    return tmp_path


def test_musicnet_gives_lossless_tracks_grouped_by_composition(musicnet: Path) -> None:
    tracks = load_musicnet(musicnet, role="test")
    assert [track.id for track in tracks] == ["musicnet-1727", "musicnet-1728", "musicnet-1759"]
    assert tracks[0].track == tracks[1].track == "musicnet-schubert-piano-quintet-in-a-major"
    assert tracks[2].track != tracks[0].track
    first = tracks[0]
    assert (first.lossless, first.codec, first.kbps, first.kind, first.role) == (True, "flac", 0.0, "recorded", "test")
    assert (first.rate_hz, first.n_channels, first.duration_s) == (44_100, 1, 1.0)
    assert first.path == (musicnet / "musicnet" / "train_data" / "1727.wav").resolve()


def test_musicnet_is_found_from_inside_its_folder(musicnet: Path) -> None:
    (musicnet / "musicnet_metadata.csv").rename(musicnet / "musicnet" / "musicnet_metadata.csv")
    assert len(load_musicnet(musicnet / "musicnet")) == len(load_musicnet(musicnet)) == 3


def test_a_recording_that_was_coded_before_is_left_out_with_a_warning(
    musicnet: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def measure(waveform: Waveform) -> dict[str, float | None]:
        coded = waveform.n_samples == 22_050
        return {**dict.fromkeys(loaders.TRACES, 3.0), "aac_sine_trace": None, "mp3_trace": 30.0 if coded else 4.0}

    monkeypatch.setattr(loaders, "measure", measure)
    write_audio(musicnet / "musicnet" / "train_data" / "1728.wav", noise(duration_s=0.5))
    with caplog.at_level(logging.WARNING):
        assert [track.id for track in load_musicnet(musicnet)] == ["musicnet-1727", "musicnet-1759"]
    assert "1728.wav: mp3_trace is 30" in caplog.text


def test_a_missing_recording_or_table_is_told(musicnet: Path) -> None:
    (musicnet / "musicnet" / "test_data" / "1759.wav").unlink()
    with pytest.raises(DataError, match=r"line 4: found no recording 1759\.wav"):
        load_musicnet(musicnet)
    (musicnet / "musicnet_metadata.csv").unlink()
    with pytest.raises(DataError, match=r"found no musicnet_metadata\.csv"):
        load_musicnet(musicnet)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,composer\n", "found no column composition"),
        (b"id,composer,composition\n1,,b\n", "line 2: found an empty cell"),
        (b"id,composer,composition\n../../etc,a,b\n", "found no recording"),
        (b"id,composer,composition\n", "found no recording that can be used"),
        (b"id,composer,composition\n\xff\n", "no table in UTF-8"),
    ],
)
def test_a_damaged_musicnet_table_is_told(musicnet: Path, content: bytes, message: str) -> None:
    (musicnet / "musicnet_metadata.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_musicnet(musicnet)


def test_fma_gives_mp3_tracks_with_their_lower_bit_rate_grouped_by_artist(fma: Path) -> None:
    tracks = load_fma_small(fma)
    assert [track.id for track in tracks] == ["fma-000002", "fma-000140", "fma-001234"]
    assert tracks[0].track == tracks[2].track == "fma-1"
    own_kbps = tracks[0].path.stat().st_size * 8 / 1000 / tracks[0].duration_s
    assert tracks[0].kbps == pytest.approx(own_kbps, abs=0.06)
    assert tracks[1].kbps == 1.0
    assert tracks[2].kbps == pytest.approx(own_kbps, rel=0.05)
    assert [track.licence for track in tracks] == ["Attribution", "LicenseRef-FMA", "CC0"]
    assert not any(track.lossless for track in tracks)
    assert {track.codec for track in tracks} == {"mp3"}


def test_a_clip_that_cannot_be_decoded_is_left_out_with_a_warning(fma: Path, caplog: pytest.LogCaptureFixture) -> None:
    (fma / "fma_small" / "000" / "000140.mp3").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert len(load_fma_small(fma)) == 2
    assert "000140.mp3" in caplog.text


def test_a_clip_without_a_row_is_told(fma: Path) -> None:
    write_audio(fma / "fma_small" / "009" / "009999.mp3", noise())
    with pytest.raises(DataError, match=r"009999\.mp3: has no row"):
        load_fma_small(fma)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found no column track/bit_rate"),
        (b",artist,track,track\n,id,bit_rate,license\ntrack_id,,,\n2,1\n", "line 4: found 2 cells"),
        (b",artist,track,track\n,id,bit_rate,license\ntrack_id,,,\n2,1,many,CC0\n", 'found bit rate "many"'),
        (b"\xff\xfe", "no table in UTF-8"),
    ],
)
def test_a_damaged_fma_table_is_told(fma: Path, content: bytes, message: str) -> None:
    (fma / "fma_metadata" / "tracks.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_fma_small(fma)


def test_no_clips_no_table_and_unknown_roles_are_told(tmp_path: Path, fma: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read.*fma_metadata\.zip"):
        load_fma_small(tmp_path / "elsewhere")
    for path in (fma / "fma_small").rglob("*.mp3"):
        path.unlink()
    with pytest.raises(DataError, match="found no recording that can be used"):
        load_fma_small(fma)
    for load in (load_fma_small, load_musicnet):
        with pytest.raises(DataError, match='role "train"'):
            load(fma, role="train")
