from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import read_audio
from earmark.core.errors import AudioError
from earmark.inference.analysis.sound import STRETCH_S, Sound, read_header

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.inference.analysis.conftest import Record


def heard(path: Path, rate_hz: int, start: int = 0) -> NDArray[np.float32]:
    blocks = list(Sound(read_header(path), rate_hz, start))
    return np.concatenate(blocks) if blocks else np.empty(0, dtype=np.float32)


@pytest.mark.parametrize(
    ("own_hz", "rate_hz"), [(8000, 8000), (11025, 8000), (44100, 48000), (8000, 16000), (12007, 8000), (48000, 1000)]
)
def test_it_is_the_whole_at_another_rate(record: Record, own_hz: int, rate_hz: int) -> None:
    path = record(rate_hz=own_hz, n_channels=2)
    expected = read_audio(path, rate_hz=rate_hz, mono=True).mono()
    sound = Sound(read_header(path), rate_hz)
    found = np.concatenate(list(sound))
    assert abs(len(found) - len(expected)) <= 1
    n_shared = min(len(found), len(expected))
    np.testing.assert_allclose(found[:n_shared], expected[:n_shared], atol=1e-5 if own_hz == 12007 else 2e-6)
    assert sound.n_samples == read_audio(path).n_samples


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("own_hz", [8000, 11025])
def test_every_sample_is_the_same_wherever_reading_begins(record: Record, name: str, own_hz: int) -> None:
    path = record(name, rate_hz=own_hz)
    whole = heard(path, 8000)
    for start in (1, 7999, STRETCH_S * 8000 - 1, STRETCH_S * 8000, 2 * STRETCH_S * 8000 + 12345, len(whole) - 1):
        np.testing.assert_array_equal(heard(path, 8000, start), whole[start:])
    assert not len(heard(path, 8000, len(whole) + 10 * 8000))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.ogg", "a.mp3"])
def test_only_codings_that_seek_exactly_are_divided(record: Record, name: str) -> None:
    header = read_header(record(name))
    assert header.seeks_exactly == (name not in {"a.ogg", "a.mp3"})
    assert (header.rate_hz, header.n_channels) == (8000, 1)


def test_a_recording_whose_end_is_a_stretch_s_end(record: Record) -> None:
    path = record(duration_s=2.0 * STRETCH_S, rate_hz=11025)
    assert len(heard(path, 8000)) == 2 * STRETCH_S * 8000
    assert not len(heard(path, 8000, 2 * STRETCH_S * 8000))


def test_less_than_a_sample_is_no_sound(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.ones(1, dtype=np.float32) * 0.1, 48000)
    with pytest.raises(AudioError, match=r"a\.wav: found too little sound for one sample at 100 Hz"):
        heard(tmp_path / "a.wav", 100)


def test_a_truncated_file_says_so(record: Record) -> None:
    path = record("a.flac")
    path.write_bytes(path.read_bytes()[:-20000])
    with pytest.raises(AudioError, match=r"a\.flac"):
        heard(path, 8000)
