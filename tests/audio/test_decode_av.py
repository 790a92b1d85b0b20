from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.audio.decode_av import AvSource
from earmark.audio.read import probe_audio, read_audio
from earmark.audio.stream import stream_audio
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.audio.conftest import MakeFile

pytest.importorskip("av")


@pytest.mark.parametrize("name", ["sound.m4a", "sound.aac", "sound.mka", "m4a.wav"])
def test_aac_is_decoded_in_full_and_in_time(make_m4a: MakeFile, chirp: NDArray[np.float32], name: str) -> None:
    path = make_m4a(chirp, name.replace("m4a.wav", "sound.m4a"))
    path = path.rename(path.with_name(name))
    info, back = probe_audio(path), read_audio(path)
    assert info.decoder == "av"
    assert info.n_samples == back.n_samples
    assert (back.rate_hz, back.n_channels) == (44_100, 2)
    delay = {"sound.aac": 1024}.get(name, 0)  # bare AAC cannot say that its first frame is only run-up
    assert 88_200 <= back.n_samples - delay < 88_200 + 2048
    assert np.corrcoef(back.samples[0, delay : 88_000 + delay], chirp[0, :88_000])[0, 1] > 0.98


def test_an_m4a_is_as_long_as_it_was(make_m4a: MakeFile, chirp: NDArray[np.float32]) -> None:
    info = probe_audio(make_m4a(chirp[:1]))
    assert (info.n_samples, info.n_channels, info.format) == (88_200, 1, "MOV aac")


def test_a_part_equals_the_slice_of_the_whole(make_m4a: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_m4a(chirp)
    whole = read_audio(path).samples
    for start, length in ((0, 100), (1, 44_100), (50_000, 20_000), (88_100, 100)):
        part = read_audio(path, start_s=start / 44_100, duration_s=length / 44_100).samples
        np.testing.assert_array_equal(part, whole[:, start : start + length])


def test_blocks_together_are_the_whole(make_m4a: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_m4a(chirp)
    blocks = [block.samples for block in stream_audio(path, block_s=0.07, rate_hz=16_000, mono=True)]
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), read_audio(path, rate_hz=16_000, mono=True).samples)


@pytest.mark.parametrize("codec", ["alac", "flac"])
def test_integer_codings_are_scaled_to_full_scale(make_m4a: MakeFile, chirp: NDArray[np.float32], codec: str) -> None:
    path = make_m4a(chirp, "sound.m4a" if codec == "alac" else "sound.mka", codec=codec)
    np.testing.assert_allclose(read_audio(path).samples[:, :88_200], chirp, atol=1 / 32_000)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_missing_end_is_told(make_m4a: MakeFile, chirp: NDArray[np.float32], share: float) -> None:
    path = make_m4a(np.tile(chirp, (1, 3)))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(AudioError, match=r"is truncated or damaged|no decoder takes this file .*it looks like MP4/M4A"):
        read_audio(path)


def test_a_start_beyond_the_end_is_told(make_m4a: MakeFile, chirp: NDArray[np.float32]) -> None:
    with pytest.raises(AudioError, match=r"found start_s=3\.000, expected a time before the end of 2\.000 s"):
        read_audio(make_m4a(chirp), start_s=3.0)
    with pytest.raises(AudioError, match=r"found start_s=9\.000, expected a time before the end of the file"):
        read_audio(make_m4a(chirp, "sound.aac"), start_s=9.0)


def test_a_film_without_sound_is_refused(tmp_path: Path) -> None:
    import av

    path = tmp_path / "silent.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 32), np.uint8), format="yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="av: no sound in the file"):
        read_audio(path)


class _Frames:
    """Stands for a container whose decoder gives what it is told."""

    def __init__(self, container: Any, failure: Exception | None) -> None:
        self._container, self._failure = container, failure
        self.streams, self.format = container.streams, container.format

    def decode(self, _: Any) -> Any:
        if self._failure is not None:
            raise self._failure
        return iter(())

    def close(self) -> None:
        self._container.close()


@pytest.mark.parametrize("fails", [True, False])
def test_a_stream_that_gives_no_frame_is_refused(
    make_m4a: MakeFile, chirp: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    import av

    path, really_open = make_m4a(chirp), av.open
    failure = av.FFmpegError(1, "broken on purpose") if fails else None
    monkeypatch.setattr(av, "open", lambda file, **_: _Frames(really_open(file), failure))
    with pytest.raises(AudioError, match="av: broken on purpose" if fails else "av: no sound in the file"):
        read_audio(path)


def test_reading_after_the_end_gives_nothing(make_m4a: MakeFile, chirp: NDArray[np.float32]) -> None:
    source = AvSource(make_m4a(chirp))
    source.skip(10**7)
    assert source.read_into(np.empty((10, 2), dtype=np.float32)) == 0
    source.close()
