from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio.mpeg import _parse, read_mpeg_layout
from earmark.audio.read import probe_audio, read_audio
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.audio.conftest import MakeFile

ID3V2 = b"ID3\x03\0\0\0\0\x01\x05" + bytes(133)
ID3V1 = b"TAG" + bytes(125)
RATES = [(44_100, b"\xff\xfb\x90\x00", 417), (48_000, b"\xff\xfb\x94\x00", 384)]
XING_FRAME_BYTES = 417  # 128 kbit/s at 44.1 kHz


@pytest.fixture
def variable(make_file: MakeFile, chirp: NDArray[np.float32]) -> bytes:
    """Return a variable-bitrate MP3 with a Xing header: quiet first, then loud, so that its first frames mislead."""
    quiet_first = np.concatenate([0.001 * chirp, chirp], axis=1)
    return make_file(quiet_first, "sound.mp3", bitrate_mode="VARIABLE", compression_level=0.3).read_bytes()


@pytest.mark.parametrize(("before", "after"), [(b"", b""), (ID3V2, b""), (b"", ID3V1), (ID3V2, ID3V1)])
def test_without_a_length_in_its_header_all_of_an_mp3_is_read(
    tmp_path: Path, variable: bytes, before: bytes, after: bytes
) -> None:
    path = tmp_path / "plain.mp3"
    (tmp_path / "tagged.mp3").write_bytes(variable)
    path.write_bytes(before + variable[XING_FRAME_BYTES:] + after)
    plain, tagged = read_audio(path).samples, read_audio(tmp_path / "tagged.mp3").samples
    assert probe_audio(path).n_samples == plain.shape[1] >= tagged.shape[1]
    delay = 1105 - 529  # LAME's delay, which only the header lets a decoder take away, less what is always taken away
    np.testing.assert_allclose(plain[:, delay : delay + 170_000], tagged[:, :170_000], atol=1e-5)
    part = read_audio(path, start_s=1.7, duration_s=0.1).samples
    np.testing.assert_array_equal(part, plain[:, 74_970:79_380])


@pytest.mark.parametrize("with_header", [True, False])
def test_a_missing_end_is_found_by_counting_frames(tmp_path: Path, variable: bytes, with_header: bool) -> None:
    path = tmp_path / "cut.mp3"
    path.write_bytes(variable[0 if with_header else XING_FRAME_BYTES : -50])
    with pytest.raises(
        AudioError, match=r"cut\.mp3: the MP3 file is truncated or damaged: found \d+ samples, expected"
    ):
        probe_audio(path)


def test_a_header_that_counts_tags_in_is_no_sign_of_damage(tmp_path: Path, variable: bytes) -> None:
    n_bytes = int.from_bytes(variable[48:52], "big")
    path = tmp_path / "a.mp3"
    path.write_bytes(variable[:48] + (n_bytes + 5000).to_bytes(4, "big") + variable[52:])
    assert probe_audio(path).n_samples == 176_400


def test_joined_files_are_not_taken_for_the_first(tmp_path: Path, variable: bytes) -> None:
    path = tmp_path / "joined.mp3"
    path.write_bytes(variable + ID3V1 + ID3V2 + variable)
    layout = read_mpeg_layout(path.read_bytes())
    assert layout is not None
    assert layout.is_joined
    pytest.importorskip("av")
    assert probe_audio(path).n_samples > 1.99 * 176_400
    assert probe_audio(path).decoder == "av"


def test_a_header_without_a_length_is_left_out(tmp_path: Path, variable: bytes) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(variable[:40] + bytes(12) + variable[52:])
    layout = read_mpeg_layout(path.read_bytes())
    assert layout is not None
    assert layout.start == XING_FRAME_BYTES
    assert abs(probe_audio(path).n_samples - 176_400) < 3 * 1152


def test_fraunhofers_header_is_left_out(tmp_path: Path, variable: bytes) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(variable[:36] + b"VBRI" + variable[40:])
    assert abs(probe_audio(path).n_samples - 176_400) < 3 * 1152


def test_rubbish_between_frames_is_jumped_over(variable: bytes) -> None:
    plain = variable[XING_FRAME_BYTES:]
    whole = read_mpeg_layout(plain)
    first = _parse(plain, 0)
    assert first is not None
    second = _parse(plain, first.n_bytes)
    assert second is not None
    seam = first.n_bytes + second.n_bytes
    broken = read_mpeg_layout(plain[:seam] + bytes(100) + plain[seam:])
    assert whole is not None
    assert broken is not None
    assert broken.found_samples == broken.promised_samples == whole.found_samples


def test_what_is_not_mpeg_has_no_layout() -> None:
    for content in (b"", b"ID3", b"\xff\xfb\x90\x00", b"\xff" * 100, bytes(2000), b"\xff\xfb\x90\x00" * 200):
        assert read_mpeg_layout(content) is None


@pytest.mark.parametrize(("rate_hz", "n_channels"), [(8000, 1), (16_000, 2), (22_050, 1), (32_000, 1), (48_000, 2)])
def test_every_rate_can_lose_its_header(
    make_file: MakeFile, chirp: NDArray[np.float32], rate_hz: int, n_channels: int
) -> None:
    path = make_file(chirp[:n_channels], "sound.mp3", rate_hz)
    content = path.read_bytes()
    assert {b"Xing", b"Info"} & {content[at : at + 4] for at in (13, 21, 36)}
    following = content.index(content[:2], 4)
    path.write_bytes(content[following:])
    plain = read_audio(path)
    assert plain.rate_hz == rate_hz
    assert 88_200 <= plain.n_samples < 88_200 + 4 * 1152


@pytest.mark.parametrize(
    ("header", "n_bytes"),
    [
        (b"\xff\xff\x90\x00", 12 * 288_000 // 44_100 * 4),  # MPEG-1 layer I
        (b"\xff\xfd\x90\x00", 144 * 160_000 // 44_100),  # MPEG-1 layer II
        (b"\xff\xf3\x90\xc0", 72 * 80_000 // 22_050),  # MPEG-2 layer III, mono
        (b"\xff\xe3\x90\xc0", 72 * 80_000 // 11_025),  # MPEG-2.5 layer III, mono
    ],
)
def test_every_layer_and_version_is_counted(header: bytes, n_bytes: int) -> None:
    frame = header.ljust(n_bytes, b"\0")
    n_samples = {0xFF: 384, 0xFD: 1152}.get(header[1], 576)
    layout = read_mpeg_layout(frame * 5)
    assert layout is not None
    assert layout.found_samples == layout.promised_samples == 5 * n_samples


def test_a_stream_that_changes_its_rate_is_counted_up_to_there() -> None:
    frames = {rate: header.ljust(n_bytes, b"\0") for rate, header, n_bytes in RATES}
    layout = read_mpeg_layout(frames[44_100] * 5 + frames[48_000] * 9)
    assert layout is not None
    assert layout.found_samples == 5 * 1152


def test_the_smallest_frames_have_no_room_for_a_header() -> None:
    frame = b"\xff\xf3\x14\xc0".ljust(24, b"\0")  # MPEG-2 layer III, 8 kbit/s at 24 kHz, mono
    assert read_mpeg_layout(frame[:13] + b"Xing" + frame[17:] + frame[:4]) is not None


def test_layer_two_is_decoded_in_full(make_m4a: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_m4a(chirp, "sound.mp2", codec="mp2")
    whole = read_audio(path).samples
    assert probe_audio(path).format == "MP3 MPEG_LAYER_II"
    assert 88_200 <= whole.shape[1] < 88_200 + 3 * 1152
    np.testing.assert_array_equal(read_audio(path, start_s=1.0).samples, whole[:, 44_100:])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(AudioError, match="the MP3 file is truncated"):
        read_audio(path)
