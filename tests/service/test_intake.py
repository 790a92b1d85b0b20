"""Uploads on the disk: only while their request lasts, however it ends."""

from __future__ import annotations

import asyncio
import hashlib
import io
from typing import TYPE_CHECKING

import pytest

from earmark.service.intake import Intake, Upload
from earmark.service.options import ServeOptions
from earmark.service.problems import Problem
from earmark.service.sound import Wanted
from earmark.service.uploads import clean_name
from tests.service.serving import encoded, tone

if TYPE_CHECKING:
    from pathlib import Path

WAV = encoded(tone())
MEASURED = Wanted(None, is_mono=False, check_rate=None, max_duration_s=10, is_kept=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that temporary files go to."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_a_sound_that_is_read_again_has_a_file_until_the_block_ends(folder: Path) -> None:
    async def take() -> None:
        intake = Intake(ServeOptions())
        async with intake.taken(Upload("a.wav", io.BytesIO(WAV)), MEASURED) as taken:
            assert taken.path.read_bytes() == WAV
            assert taken.sha256 == hashlib.sha256(WAV).hexdigest()
            assert (taken.sound.waveform, taken.sound.rate_hz) == (None, 16_000)
        await intake.close()

    asyncio.run(take())
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("content", [WAV[:3000], b"text", b"", WAV])
def test_nothing_is_left_when_a_request_fails(folder: Path, content: bytes) -> None:
    async def take() -> None:
        intake = Intake(ServeOptions())
        with pytest.raises((Problem, RuntimeError)):
            async with intake.taken(Upload("a.wav", io.BytesIO(content)), MEASURED):
                raise RuntimeError
        await asyncio.get_running_loop().run_in_executor(intake._threads, files, folder)  # behind what removes it
        if content != WAV:
            assert files(folder) == []
        await intake.close()

    asyncio.run(take())
    assert list(folder.iterdir()) == []


def test_a_folder_that_somebody_cleared_is_made_again(folder: Path) -> None:
    async def take() -> str:
        intake = Intake(ServeOptions())
        next(folder.iterdir()).rmdir()
        async with intake.taken(Upload("a.wav", io.BytesIO(WAV)), MEASURED) as taken:
            digest = taken.sha256
        await intake.close()
        return digest

    assert asyncio.run(take()) == hashlib.sha256(WAV).hexdigest()


def test_no_more_than_so_many_wait() -> None:
    async def take() -> None:
        intake = Intake(ServeOptions(workers=1, max_waiting=1, max_batch_files=1))
        upload = Upload("a.wav", io.BytesIO(WAV))
        async with intake.taken(upload, MEASURED), intake.coming(upload, MEASURED):
            with pytest.raises(Problem, match="Too many sounds") as refused:
                async with intake.coming(upload, MEASURED):
                    pass
        assert (refused.value.status, refused.value.retry_after_s) == (503, 2.0)
        await intake.close()

    asyncio.run(take())


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("five.wav", "five.wav"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\r\nSet-Cookie: b.wav", "aSet-Cookie: b.wav"),
        ("\u202egnp.wav", "gnp.wav"),
        ("", "the sound"),
        ("...", "the sound"),
        ("ö" * 300, "ö" * 100),
    ],
)
def test_a_clients_name_is_repeated_without_its_tricks(given: str, shown: str) -> None:
    assert clean_name(given) == shown
