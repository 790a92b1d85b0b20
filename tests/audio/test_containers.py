from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio.containers import sniff
from earmark.audio.read import probe_audio, read_audio
from earmark.audio.stream import stream_audio
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.audio.conftest import MakeFile, MakeWav

UNKNOWN = [
    (0xFFFFFFFF, 0xFFFFFFFF),  # FFmpeg into a pipe
    (0x7FFFF024, 0x7FFFF000),  # SoX into a pipe
    (0x80000024, 0x80000000),  # arecord
    (0, 0),
    (8, 0),
    (36, 0),  # a recorder that was killed before it filled its header in
    (0xFFFFFFFF, 0),
    (0, 0xFFFFFFFF),
]


def put(folder: Path, content: bytes, name: str = "sound.wav") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("riff_bytes", "data_bytes"), UNKNOWN)
@pytest.mark.parametrize("before", [b"", b"LIST" + struct.pack("<I", 4) + b"INFO"])
def test_a_wav_of_unknown_length_is_read_to_its_end(
    tmp_path: Path, make_wav: MakeWav, riff_bytes: int, data_bytes: int, before: bytes
) -> None:
    path = put(tmp_path, make_wav(1000, riff_bytes=riff_bytes, data_bytes=data_bytes, before=before))
    expected = (np.arange(1000) % 100 / 32_768).astype(np.float32)
    assert probe_audio(path).n_samples == 1000
    np.testing.assert_array_equal(read_audio(path).samples[0], expected)
    np.testing.assert_array_equal(read_audio(path, start_s=0.05).samples[0], expected[400:])


def test_a_whole_wav_that_says_it_is_empty_is_empty(tmp_path: Path, make_wav: MakeWav) -> None:
    content = make_wav(0, before=b"") + b"LIST" + struct.pack("<I", 4) + b"INFO"
    content = content[:4] + struct.pack("<I", len(content) - 8) + content[8:]
    with pytest.raises(AudioError, match="found no samples"):
        probe_audio(put(tmp_path, content))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kept_bytes", [46, 1044, 2043])
def test_a_wav_that_holds_less_than_it_promises(tmp_path: Path, make_wav: MakeWav, kept_bytes: int, order: str) -> None:
    path = put(tmp_path, make_wav(1000, order=order)[:kept_bytes])
    message = rf"sound\.wav: the WAV file is truncated.*found {kept_bytes - 44} bytes of sound, expected 2000 bytes"
    for reader in (probe_audio, read_audio):
        with pytest.raises(AudioError, match=message):
            reader(path)


def test_a_wav_that_promises_four_gigabytes(tmp_path: Path, make_wav: MakeWav) -> None:
    with pytest.raises(AudioError, match="found 2000 bytes of sound, expected 4294963200 bytes"):
        read_audio(put(tmp_path, make_wav(riff_bytes=0xFFFFF024, data_bytes=0xFFFFF000)))


@pytest.mark.parametrize("kept_bytes", [1, 4, 12, 20, 36, 40])
def test_a_wav_cut_in_its_header(tmp_path: Path, make_wav: MakeWav, kept_bytes: int) -> None:
    with pytest.raises(AudioError, match=r"sound\.wav: no decoder takes this file"):
        read_audio(put(tmp_path, make_wav()[:kept_bytes]))


def rf64(data_bytes: int, held_bytes: int, length: int = 0xFFFFFFFF) -> bytes:
    sizes = struct.pack("<QQQI", 72 + data_bytes, data_bytes, data_bytes // 2, 0)
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16_000, 2, 16)
    head = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", 28) + sizes + b"fmt " + form
    return head + b"data" + struct.pack("<I", length) + bytes(held_bytes)


def test_rf64_lengths_are_64_bits_long(tmp_path: Path) -> None:
    assert probe_audio(put(tmp_path, rf64(2000, 2000))).n_samples == 1000
    with pytest.raises(AudioError, match="found 2000 bytes of sound, expected 8000000000 bytes"):
        probe_audio(put(tmp_path, rf64(8_000_000_000, 2000)))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
@pytest.mark.parametrize("name", ["sound.aiff", "sound.ogg", "sound.opus", "sound.flac", "sound.mp3"])
def test_every_format_tells_when_its_end_is_missing(
    make_file: MakeFile, chirp: NDArray[np.float32], name: str, share: float
) -> None:
    path = make_file(chirp, name, 48_000)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    for reader in (probe_audio, read_audio):
        with pytest.raises(AudioError, match=rf"{name}: .* is truncated or damaged: found .*, expected .*; copy or"):
            reader(path)


def test_what_is_there_of_a_truncated_flac_can_be_read(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_file(chirp, "sound.flac")
    whole = read_audio(path).samples
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    np.testing.assert_array_equal(read_audio(path, duration_s=0.2).samples, whole[:, :8820])
    with pytest.raises(AudioError, match=r'"Internal psf_fseek\(\) failed" at sample 83790, expected 88200 samples'):
        read_audio(path, start_s=1.9)


@pytest.mark.parametrize("name", ["sound.flac", "sound.ogg", "sound.mp3"])
def test_damage_in_the_middle_is_told(make_file: MakeFile, chirp: NDArray[np.float32], name: str) -> None:
    path = make_file(np.tile(chirp, (1, 4)), name)
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(12_000) + content[middle + 12_000 :])
    with pytest.raises(AudioError, match="is truncated or damaged"):
        read_audio(path)


def flac_with_length(content: bytes, n_samples: int) -> bytes:
    """Return a FLAC whose STREAMINFO block promises another length: 36 bits from byte 21.5 on."""
    high, low = n_samples >> 32, n_samples & 0xFFFFFFFF
    return content[:21] + bytes([content[21] & 0xF0 | high]) + struct.pack(">I", low) + content[26:]


def test_a_flac_of_unknown_length_is_read_to_its_end(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_file(chirp, "sound.flac")
    whole = read_audio(path).samples
    path.write_bytes(flac_with_length(path.read_bytes(), 0))
    assert probe_audio(path).n_samples == 88_200
    np.testing.assert_array_equal(read_audio(path).samples, whole)
    np.testing.assert_array_equal(read_audio(path, start_s=1.0, duration_s=0.5).samples, whole[:, 44_100:66_150])
    assert read_audio(path, start_s=1.5, duration_s=9.0).n_samples == 22_050
    assert [block.n_samples for block in stream_audio(path, block_s=1.5)] == [66_150, 22_050]
    with pytest.raises(AudioError, match=r"found start_s=2\.500, expected a time before the end of the file"):
        read_audio(path, start_s=2.5)


def test_a_flac_without_sound(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_file(chirp, "sound.flac")
    header = flac_with_length(path.read_bytes()[:42], 0)
    path.write_bytes(header[:4] + b"\x80" + header[5:])  # the only block of metadata, and no frame behind it
    for reader in (probe_audio, read_audio):
        with pytest.raises(AudioError, match=r"sound\.flac: found no samples"):
            reader(path)


def test_a_flac_that_promises_terabytes_takes_no_more_than_it_holds(
    make_file: MakeFile, chirp: NDArray[np.float32]
) -> None:
    path = make_file(chirp, "sound.flac")
    path.write_bytes(flac_with_length(path.read_bytes(), 2**36 - 1))
    with pytest.raises(AudioError, match="found 88200 samples, expected 68719476735 as its header says"):
        read_audio(path)
    with pytest.raises(AudioError, match="at sample 68719476734, expected 68719476735 samples"):
        probe_audio(path)


def test_rubbish_after_the_sound_does_no_harm(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    for name in ("sound.wav", "sound.flac", "sound.aiff", "sound.mp3"):
        path = make_file(chirp, name)
        whole = read_audio(path).samples
        path.write_bytes(path.read_bytes() + b"TAG" + bytes(125))
        np.testing.assert_array_equal(read_audio(path).samples, whole)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"RIFF\0\0\0\0WAVEfmt ", "WAV"),
        (b"RIFF\0\0\0\0AVI LIST", ""),
        (b"fLaC", "FLAC"),
        (b"\0\0\0\x20ftypM4A ", "MP4/M4A"),
        (b"\xff\xf1\x50\x80", "AAC (ADTS)"),
        (b"\xff\xfb\x90\x00", "MP3"),
        (b"ID3\x04", "MP3"),
        (b"version https://git-lfs.github.com", "a Git LFS pointer (run: git lfs pull)"),
        (b"<!DOCTYPE html>", "a web page (a failed download?)"),
        (b"", ""),
        (b"\xff", ""),
    ],
)
def test_the_first_bytes_tell_the_kind(head: bytes, kind: str) -> None:
    assert sniff(head) == kind


def test_a_file_that_is_something_else_is_called_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"it looks like a Git LFS pointer \(run: git lfs pull\)"):
        read_audio(put(tmp_path, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"))


@pytest.mark.parametrize(("file_format", "subtype"), [("W64", "PCM_16"), ("CAF", "PCM_24"), ("AU", "ULAW")])
def test_other_containers_that_hold_less_than_they_promise(
    make_file: MakeFile, chirp: NDArray[np.float32], file_format: str, subtype: str
) -> None:
    path = make_file(chirp, "sound.bin", format=file_format, subtype=subtype)
    np.testing.assert_allclose(read_audio(path).samples, chirp, atol=0.05)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    for reader in (probe_audio, read_audio):
        with pytest.raises(AudioError, match=rf"the {file_format} file is truncated"):
            reader(path)
    path.write_bytes(whole)
    assert probe_audio(path).n_samples == chirp.shape[1]


def test_a_w64_of_unknown_length_is_read_to_its_end(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_file(chirp, "sound.w64", format="W64", subtype="PCM_16")
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 16
    content[at : at + 8] = struct.pack("<q", 2**63 - 1)  # FFmpeg into a pipe
    path.write_bytes(content)
    assert probe_audio(path).n_samples == chirp.shape[1]


def test_bw64_is_rf64_under_another_name(tmp_path: Path) -> None:
    content = rf64(2000, 2000)
    expected = read_audio(put(tmp_path, content)).samples
    path = put(tmp_path, b"BW64" + content[4:], "broadcast.wav")
    assert probe_audio(path).decoder == "soundfile"
    np.testing.assert_array_equal(read_audio(path).samples, expected)
    with pytest.raises(AudioError, match="the WAV file is truncated"):
        read_audio(put(tmp_path, b"BW64" + rf64(4000, 2000)[4:], "short.wav"))


@pytest.mark.parametrize("head", [b"RIFF\0\0\0\0WAVE", b"FORM\0\0\0\0AIFF", b"caff\0\1\0\0"])
def test_a_file_of_zeros_is_refused_before_its_end(tmp_path: Path, head: bytes) -> None:
    path = put(tmp_path, head, "zeros.bin")
    with path.open("r+b") as file:
        file.truncate(2**30)
    with pytest.raises(AudioError, match=r"zeros\.bin: found 10,000 chunks"):
        read_audio(path)


def test_a_coding_without_seeking_is_read_in_parts_too(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_file(chirp[0], format="WAV", subtype="GSM610")
    whole = read_audio(path).samples
    assert probe_audio(path).n_samples == whole.shape[1]
    np.testing.assert_array_equal(read_audio(path, start_s=1.0, duration_s=0.5).samples, whole[:, 44_100:66_150])


def test_zeros_behind_the_sound_do_no_harm(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_file(chirp, "sound.aiff", format="AIFF", subtype="PCM_16")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + 100_000)
    assert probe_audio(path).n_samples == chirp.shape[1]
