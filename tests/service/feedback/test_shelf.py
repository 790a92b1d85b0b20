from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import DataError, StoreError
from earmark.data import storage_faults
from earmark.service.feedback import SoundShelf
from earmark.service.feedback.shelf import suffix_of
from tests.service.feedback.conftest import sha256_of, wav
from tests.storage_servers import BUCKET, Server, emulator, forget_filesystems, point_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOUND = wav()
SHA256 = sha256_of(SOUND)


@pytest.fixture(scope="module", params=["gs", "s3"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with emulator(request.param) as made:
        yield made


@pytest.fixture
def bucket(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server.wipe()
    monkeypatch.setattr(storage_faults, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setenv("EARMARK_STORAGE_RETRIES", "1")
    point_at(monkeypatch, server.scheme, server.port)
    forget_filesystems()
    yield server
    forget_filesystems()


def test_a_sound_goes_to_a_bucket_and_comes_back(bucket: Server, tmp_path: Path) -> None:
    shelf = SoundShelf(tmp_path, f"{bucket.scheme}://{BUCKET}/feedback/")
    place = shelf.place(SHA256, SOUND)
    assert place == f"{bucket.scheme}://{BUCKET}/feedback/{SHA256[:2]}/{SHA256}.wav"
    shelf.keep(place, io.BytesIO(SOUND))
    assert bucket.get(f"feedback/{SHA256[:2]}/{SHA256}.wav") == SOUND
    elsewhere = SoundShelf(tmp_path)  # a place says itself where it is
    assert elsewhere.fetch(place, SHA256, tmp_path / "back.wav")
    assert (tmp_path / "back.wav").read_bytes() == SOUND
    assert elsewhere.remove(place)
    assert bucket.names() == []
    assert not elsewhere.fetch(place, SHA256, tmp_path / "again.wav")
    assert list(tmp_path.glob("audio/.*")) == []


def test_another_sound_under_the_same_name_is_noticed(bucket: Server, tmp_path: Path) -> None:
    shelf = SoundShelf(tmp_path, f"{bucket.scheme}://{BUCKET}/feedback")
    place = shelf.place(SHA256, SOUND)
    bucket.put(f"feedback/{SHA256[:2]}/{SHA256}.wav", wav(9))
    with pytest.raises(StoreError, match="not the sound that was stored"):
        shelf.fetch(place, SHA256, tmp_path / "back.wav")
    assert not (tmp_path / "back.wav").exists()


def test_a_bucket_that_is_not_there_is_told(bucket: Server, tmp_path: Path) -> None:
    shelf = SoundShelf(tmp_path, f"{bucket.scheme}://no-such-bucket/feedback")
    with pytest.raises(StoreError, match="no-such-bucket"):
        shelf.keep(shelf.place(SHA256, SOUND), io.BytesIO(SOUND))


def test_a_folder_keeps_gives_and_removes(tmp_path: Path) -> None:
    shelf = SoundShelf(tmp_path)
    place = shelf.place(SHA256, SOUND)
    assert place == f"{SHA256[:2]}/{SHA256}.wav"
    assert not shelf.fetch(place, SHA256, tmp_path / "back.wav")
    shelf.keep(place, io.BytesIO(SOUND))
    shelf.keep(place, io.BytesIO(b"never read"))
    assert shelf.fetch(place, SHA256, tmp_path / "back.wav")
    assert shelf.remove(place)
    assert not shelf.remove(place)


def test_a_damaged_file_is_noticed(tmp_path: Path) -> None:
    shelf = SoundShelf(tmp_path)
    place = shelf.place(SHA256, SOUND)
    shelf.keep(place, io.BytesIO(SOUND))
    (tmp_path / "audio" / place).write_bytes(SOUND[:-10])
    with pytest.raises(StoreError, match="not the sound that was stored"):
        shelf.fetch(place, SHA256, tmp_path / "back.wav")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "audio").touch()
    shelf = SoundShelf(tmp_path)
    with pytest.raises(StoreError, match="audio"):
        shelf.keep(shelf.place(SHA256, SOUND), io.BytesIO(SOUND))


def test_an_address_without_a_bucket_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="names no bucket"):
        SoundShelf(tmp_path, "gs://")


@pytest.mark.parametrize(
    ("start", "suffix"),
    [(b"fLaC", ".flac"), (b"\0\0\0\x20ftypM4A", ".m4a"), (b"ID3\x03", ".mp3"), (b"??", ""), (b"", "")],
)
def test_the_ending_follows_the_first_bytes(start: bytes, suffix: str) -> None:
    assert suffix_of(start) == suffix
