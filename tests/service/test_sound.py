"""Sound from strangers: within bounds, whatever its headers say, and without a word about this machine."""

from __future__ import annotations

import io
import struct
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.audio import read_audio
from earmark.core.errors import AudioError
from earmark.service.problems import Problem
from earmark.service.sound import MAX_CHANNELS, Wanted, decode_sound, refused
from tests.service.serving import encoded, tone

if TYPE_CHECKING:
    from pathlib import Path

MONO = Wanted(16_000, is_mono=True, check_rate=None, max_duration_s=10)
AS_IT_IS = Wanted(None, is_mono=False, check_rate=None, max_duration_s=10)


def decode(path: Path, content: bytes, wanted: Wanted = MONO) -> np.ndarray:
    path.write_bytes(content)
    waveform = decode_sound(path, "a.wav", wanted, threading.Event()).waveform
    assert waveform is not None
    return waveform.samples


def refusal(path: Path, content: bytes, wanted: Wanted = MONO) -> Problem:
    path.write_bytes(content)
    with pytest.raises(Problem) as caught:
        decode_sound(path, "a.wav", wanted, threading.Event())
    assert str(path) not in caught.value.detail
    assert path.name not in caught.value.detail
    return caught.value


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_it_equals_the_decode_of_the_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "upload"
    content = encoded(tone(3.3, rate_hz=44_100, n_channels=2), kind, rate_hz=44_100)
    found = decode(path, content)
    np.testing.assert_array_equal(found, read_audio(path, rate_hz=16_000, mono=True).samples)
    found = decode(path, content, AS_IT_IS)
    np.testing.assert_array_equal(found, read_audio(path).samples)


def test_facts_are_those_of_what_was_sent(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(encoded(np.full((8000, 2), 0.1, np.float32), rate_hz=8000))
    sound = decode_sound(path, "a.wav", MONO, threading.Event())
    assert (sound.duration_s, sound.rate_hz, sound.n_channels) == (1.0, 8000, 2)
    assert sound.level_db == pytest.approx(-20, abs=0.1)


@pytest.mark.parametrize(("duration_s", "is_taken"), [(9.99, True), (10.0, True), (10.01, False)])
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_the_limit_of_duration_is_sharp(tmp_path: Path, kind: str, duration_s: float, *, is_taken: bool) -> None:
    content = encoded(tone(duration_s, rate_hz=8000), kind, rate_hz=8000)
    if is_taken:
        assert decode(tmp_path / "upload", content).shape[1] == round(duration_s * 16_000)
    else:
        assert refusal(tmp_path / "upload", content).status == 413


def test_a_length_that_nobody_wrote_down_is_found_while_decoding(tmp_path: Path) -> None:
    """A FLAC encoder that writes into a pipe leaves the length at 0."""
    content = bytearray(encoded(tone(30, rate_hz=8000), "FLAC", rate_hz=8000))
    content[21] &= 0xF0  # the upper 4 of 36 bits; the fields before it share the byte
    content[22:26] = bytes(4)
    assert soundfile.info(io.BytesIO(bytes(content))).frames > 2**40
    problem = refusal(tmp_path / "upload", bytes(content))
    assert problem.status in {413, 422}


def test_a_header_that_promises_4_gb_is_refused_at_once(tmp_path: Path) -> None:
    content = bytearray(encoded(tone(0.1)))
    content[40:44] = struct.pack("<I", 0xF0000000)
    assert "truncated" in refusal(tmp_path / "upload", bytes(content)).detail


@pytest.mark.parametrize("n_channels", [MAX_CHANNELS + 1, 100, 1000])
def test_too_many_channels_are_refused(tmp_path: Path, n_channels: int) -> None:
    problem = refusal(tmp_path / "upload", encoded(tone(0.01, n_channels=n_channels), subtype="PCM_16"))
    assert (problem.status, f"{n_channels} channels" in problem.detail) == (422, True)


def test_a_rate_that_would_swell_when_resampled_is_refused(tmp_path: Path) -> None:
    assert "at least 250 Hz" in refusal(tmp_path / "upload", encoded(tone(9, rate_hz=100), rate_hz=100)).detail


def test_sound_that_is_kept_whole_has_a_limit_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earmark.service.sound.MAX_SOUND_BYTES", 1_000_000)
    problem = refusal(tmp_path / "upload", encoded(tone(9, rate_hz=48_000), rate_hz=48_000), AS_IT_IS)
    assert (problem.status, problem.title) == (413, "Too long")


def test_nothing_is_decoded_for_somebody_who_left(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(encoded(tone(2)))
    gone = threading.Event()
    gone.set()
    with pytest.raises(Problem, match="given up"):
        decode_sound(tmp_path / "upload", "a.wav", MONO, gone)


@pytest.mark.parametrize(
    "content",
    [b"#EXTM3U\n/etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n", b"<html>", b"version https://git-lfs"],
)
def test_what_is_no_sound_never_reaches_a_decoder(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path / "upload", content).status == 415


def test_a_path_in_a_message_becomes_the_clients_name(tmp_path: Path) -> None:
    path = tmp_path / "upload-x7"
    told = refused(AudioError(f"{path}: is damaged; did you mean {path.name}?"), "a.wav", path)
    assert told.detail == "a.wav: is damaged; did you mean a.wav?"
    assert refused(AudioError("is silent"), "a.wav").detail == "a.wav is silent"
