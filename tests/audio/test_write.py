from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from earmark.audio.read import probe_audio, read_audio
from earmark.audio.waveform import Waveform
from earmark.audio.write import FORMATS, write_audio
from earmark.core.errors import AudioError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_every_format_comes_back(tmp_path: Path, chirp: NDArray[np.float32], suffix: str) -> None:
    path = tmp_path / f"sound{suffix}"
    write_audio(path, Waveform(chirp, 48_000))
    back = read_audio(path)
    assert back.rate_hz == 48_000
    assert back.samples.shape == chirp.shape
    is_lossy = suffix in {".mp3", ".ogg", ".opus"}
    error = np.sqrt(np.mean((back.samples - chirp) ** 2))
    assert error < (0.03 if is_lossy else 1e-4)


@pytest.mark.parametrize(("subtype", "error"), [("FLOAT", 0.0), ("float", 0.0), ("PCM_24", 2e-7), ("PCM_U8", 8e-3)])
def test_a_subtype_decides_the_precision(
    tmp_path: Path, chirp: NDArray[np.float32], subtype: str, error: float
) -> None:
    path = tmp_path / "new" / "folder" / "sound.WAV"
    write_audio(path, Waveform(chirp, 44_100), subtype=subtype)
    assert probe_audio(path).format == f"WAV {subtype.upper()}"
    assert np.abs(read_audio(path).samples - chirp).max() <= error


def test_minutes_of_vorbis_do_not_crash(tmp_path: Path) -> None:
    waveform = Waveform(np.tile(np.linspace(-0.5, 0.5, 100, dtype=np.float32), (1, 40_000)), 44_100)
    write_audio(tmp_path / "long.ogg", waveform)
    assert probe_audio(tmp_path / "long.ogg").n_samples == 4_000_000


def test_unknown_suffixes_and_subtypes_name_the_known(tmp_path: Path, chirp: NDArray[np.float32]) -> None:
    waveform = Waveform(chirp, 44_100)
    with pytest.raises(AudioError, match=r'found suffix "\.wave".*did you mean "\.wav".*known: \.aif,'):
        write_audio(tmp_path / "a.wave", waveform)
    with pytest.raises(AudioError, match=r'found subtype "PCM_17", expected one of WAV; did you mean "PCM_16"'):
        write_audio(tmp_path / "a.wav", waveform, subtype="pcm_17")


def test_samples_that_would_clip_are_refused_for_integers_only(tmp_path: Path) -> None:
    loud = Waveform(np.array([[0.5, -1.5]], dtype=np.float32), 8000)
    with pytest.raises(AudioError, match=r'found a peak of 1\.500, expected at most 1 for PCM_16.*subtype="FLOAT"'):
        write_audio(tmp_path / "a.wav", loud)
    write_audio(tmp_path / "a.wav", loud, subtype="FLOAT")
    assert read_audio(tmp_path / "a.wav").samples.tolist() == [[0.5, -1.5]]


@pytest.mark.parametrize(
    ("samples", "message"),
    [([[]], "no samples to write"), ([[0.0, np.nan]], "NaN or infinite"), ([[0.0, np.inf]], "NaN or infinite")],
)
def test_nothing_and_nan_are_not_written(tmp_path: Path, samples: list[list[float]], message: str) -> None:
    with pytest.raises(AudioError, match=message):
        write_audio(tmp_path / "a.wav", Waveform(np.array(samples, dtype=np.float32), 8000))
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_does_not_take_the_rate_leaves_the_old_file(tmp_path: Path, chirp: NDArray[np.float32]) -> None:
    path = tmp_path / "a.opus"
    path.write_bytes(b"old")
    with pytest.raises(AudioError, match="OGG OPUS does not take 2 channels at 44100 Hz"):
        write_audio(path, Waveform(chirp, 44_100))
    assert path.read_bytes() == b"old"
    assert [other.name for other in tmp_path.iterdir()] == ["a.opus"]


def test_a_disk_that_takes_no_more_is_a_store_error(
    tmp_path: Path, chirp: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: Any) -> None:
        raise AssertionError  # python-soundfile asserts that libsndfile wrote everything

    monkeypatch.setattr(soundfile.SoundFile, "write", write)
    with pytest.raises(StoreError, match=r"a\.wav: cannot be written \(the disk refuses it\)"):
        write_audio(tmp_path / "a.wav", Waveform(chirp, 44_100))
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be_is_a_store_error(tmp_path: Path, chirp: NDArray[np.float32]) -> None:
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written"):
        write_audio(tmp_path / "folder" / "a.wav", Waveform(chirp, 44_100))
