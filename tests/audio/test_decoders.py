from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from earmark.audio.decode_soundfile import _SplicedFile
from earmark.audio.decoders import DECODERS
from earmark.audio.read import probe_audio, read_audio
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tests.audio.conftest import MakeFile


def test_the_light_decoder_is_tried_first() -> None:
    assert list(DECODERS) == ["soundfile", "av"]


@pytest.fixture
def without_av(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)


@pytest.mark.usefixtures("without_av")
@pytest.mark.parametrize(("head", "kind"), [(b"\0\0\0\x20ftypM4A ", "MP4/M4A"), (b"\xff\xf1\x50\x80", r"AAC \(ADTS\)")])
def test_the_missing_decoder_is_named_where_it_would_help(tmp_path: Path, head: bytes, kind: str) -> None:
    (tmp_path / "a.m4a").write_bytes(head + bytes(500))
    message = rf"soundfile: Format not recognised; av: is not installed\); it looks like {kind}; .*'earmark\[av\]'"
    with pytest.raises(AudioError, match=message):
        read_audio(tmp_path / "a.m4a")


@pytest.mark.usefixtures("without_av")
def test_the_missing_decoder_is_not_sold_for_text(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound at all")
    with pytest.raises(AudioError, match=r"it starts with b'no sound at '; expected WAV, FLAC.*") as caught:
        read_audio(tmp_path / "a.wav")
    assert "pip install" not in str(caught.value)


def test_a_decoder_that_does_not_load_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "av.py").write_text("raise ImportError('libavcodec.so.61 is missing')")
    monkeypatch.delitem(sys.modules, "av", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(500))
    with pytest.raises(AudioError, match=r"libavcodec\.so\.61 is missing"):
        read_audio(tmp_path / "a.m4a")


@pytest.mark.usefixtures("without_av")
def test_chained_ogg_is_not_taken_for_its_first_stream(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_file(chirp, "a.ogg")
    content = path.read_bytes()
    serial_at = content.rindex(b"OggS") + 14
    path.write_bytes(content[:serial_at] + b"next" + content[serial_at + 4 :])
    with pytest.raises(AudioError, match=r"several OGG streams in one file.*it looks like OGG; install the decoder"):
        read_audio(path)


def test_chained_ogg_is_read_in_full_with_av(make_m4a: MakeFile, chirp: NDArray[np.float32]) -> None:
    first, second = make_m4a(chirp, "a.ogg", codec="flac"), make_m4a(chirp, "b.ogg", codec="flac")
    first.write_bytes(first.read_bytes() + second.read_bytes())
    assert (probe_audio(first).n_samples, probe_audio(first).decoder) == (2 * 88_200, "av")


def test_a_false_mpeg_frame_is_no_sound(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"\xff\xfb\x90\x00" + b"hello" * 300)
    with pytest.raises(AudioError, match="soundfile: no valid frame of sound"):
        read_audio(tmp_path / "a.mp3")


def test_files_are_closed_after_success_and_failure(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    good = make_file(chirp, "good.wav")
    short = make_file(chirp, "short.wav")
    short.write_bytes(short.read_bytes()[:1000])
    text = good.with_name("text.wav")
    text.write_text("no sound")
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("counts descriptors under /proc")
    before = len(os.listdir(descriptors))  # noqa: PTH208 - one descriptor of its own, both times
    for path in (good, short, text):
        for reader in (probe_audio, read_audio):
            try:
                reader(path)
            except AudioError:
                continue
    assert len(os.listdir(descriptors)) == before  # noqa: PTH208


def test_a_spliced_file_reads_across_its_seam(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    with path.open("rb", buffering=0) as raw:
        spliced = _SplicedFile(raw, b"abc", 5)  # abc56789
        assert spliced.seek(0, os.SEEK_END) == 8
        assert spliced.seek(1) == spliced.tell() == 1
        buffer = bytearray(4)
        assert spliced.readinto(buffer) == 4
        assert bytes(buffer) == b"bc56"
        assert spliced.seek(1, os.SEEK_CUR) == 6
        assert spliced.readinto(buffer) == 2
        assert bytes(buffer[:2]) == b"89"
        assert spliced.readinto(buffer) == 0
        assert spliced.seek(0) == 0
        assert spliced.readinto(buffer) == 4
        assert bytes(buffer) == b"abc5"


def test_pipes_and_devices_are_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "live.wav")
    for path in (tmp_path / "live.wav", Path("/dev/zero")):
        with pytest.raises(AudioError, match="found a pipe or device"):
            read_audio(path)


def test_a_link_that_leads_nowhere_is_not_offered_as_its_own_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to(tmp_path / "gone.wav")
    with pytest.raises(AudioError, match=r"a\.wav: cannot be read \(No such file or directory\)$"):
        read_audio(tmp_path / "a.wav")
