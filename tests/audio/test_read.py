from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.audio import read
from earmark.audio.decode_soundfile import SoundfileSource
from earmark.audio.read import probe_audio, read_audio
from earmark.audio.resample import resample
from earmark.audio.waveform import Waveform
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.audio.conftest import MakeFile, MakeWav, Tone

LOSSLESS = ["sound.wav", "sound.flac", "sound.aiff"]
LOSSY = ["sound.ogg", "sound.mp3", "sound.opus"]


def rate_of(name: str) -> int:
    return 48_000 if name.endswith("opus") else 44_100


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_files_come_back_to_the_bit(make_file: MakeFile, chirp: NDArray[np.float32], name: str) -> None:
    exact = (np.round(chirp * 32_767) / 32_768).astype(np.float32)
    back = read_audio(make_file(exact, name, subtype="PCM_16"))
    np.testing.assert_array_equal(back.samples, exact)
    assert back.samples.flags.c_contiguous


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_files_come_back_in_full_and_in_time(make_file: MakeFile, chirp: NDArray[np.float32], name: str) -> None:
    back = read_audio(make_file(chirp, name, rate_of(name)))
    assert back.samples.shape == chirp.shape
    assert np.corrcoef(back.samples[0], chirp[0])[0, 1] > 0.99


@pytest.mark.parametrize("name", LOSSLESS + LOSSY)
def test_a_probe_tells_what_decoding_gives(make_file: MakeFile, chirp: NDArray[np.float32], name: str) -> None:
    path = make_file(chirp, name, rate_of(name))
    info = probe_audio(str(path))
    assert (info.path, info.rate_hz, info.n_channels, info.n_samples) == (path, rate_of(name), 2, 88_200)
    assert info.duration_s == 88_200 / rate_of(name)
    assert info.decoder == "soundfile"
    assert info.format.split()[0] == {"aiff": "AIFF", "opus": "OGG"}.get(name[6:], name[6:].upper())


@pytest.mark.parametrize("name", LOSSLESS + LOSSY)
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_part_equals_the_slice_of_the_whole(
    make_file: MakeFile, chirp: NDArray[np.float32], name: str, data: st.DataObject
) -> None:
    rate_hz = rate_of(name)
    path = make_file(chirp, name, rate_hz)
    whole = read_audio(path).samples
    start = data.draw(st.integers(0, 88_199))
    length = data.draw(st.integers(1, 88_200 - start))
    part = read_audio(path, start_s=start / rate_hz, duration_s=length / rate_hz).samples
    np.testing.assert_array_equal(part, whole[:, start : start + length])


def test_vorbis_parts_near_the_end_are_in_place(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_file(np.tile(chirp, (1, 4)), "sound.ogg")  # several pages; libsndfile misplaces seeks into the last
    whole = read_audio(path).samples
    for before_end in range(1000, 60_000, 7919):
        part = read_audio(path, start_s=(whole.shape[1] - before_end) / 44_100).samples
        np.testing.assert_array_equal(part, whole[:, -before_end:])


def test_a_duration_beyond_the_end_gives_what_there_is(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    assert read_audio(make_file(chirp), start_s=1.5, duration_s=100.0).duration_s == 0.5


def test_mono_is_the_mean_and_comes_before_resampling(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_file(chirp, subtype="FLOAT")
    mixed = read_audio(path, mono=True)
    np.testing.assert_array_equal(mixed.samples[0], Waveform(chirp, 44_100).mono())
    lower = read_audio(path, rate_hz=16_000, mono=True)
    assert (lower.rate_hz, lower.samples.shape) == (16_000, (1, 32_000))
    np.testing.assert_allclose(lower.samples[0], resample(mixed.samples[0], 44_100, 16_000), atol=1e-6)


def test_channels_are_kept_through_resampling(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    six = np.concatenate([chirp, chirp[:, ::-1], -chirp])
    back = read_audio(make_file(six, subtype="FLOAT"), rate_hz=22_050)
    np.testing.assert_allclose(back.samples, resample(six, 44_100, 22_050), atol=1e-6)


def test_nothing_is_resampled_unasked(make_file: MakeFile, tone: Tone) -> None:
    assert read_audio(make_file(tone(440, 0.1, 11_025), rate_hz=11_025)).rate_hz == 11_025
    assert read_audio(make_file(tone(440, 0.1, 11_025), rate_hz=11_025), rate_hz=11_025).n_samples == 1102


def test_the_content_counts_and_not_the_name(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    flac = make_file(chirp, "sound.flac")
    for name in ("wrong.wav", "wrong.mp3", "wrong.raw", "wrong.vox", "noextension"):
        wrong = flac.rename(flac.with_name(name))
        assert probe_audio(wrong).format == "FLAC PCM_16"
        assert read_audio(wrong).n_samples == 88_200
        flac = wrong


@pytest.mark.parametrize("reader", [probe_audio, read_audio])
@pytest.mark.parametrize("name", ["note.wav", "note.mp3", "note.vox", "note.gsm", "note.txt", "note.raw"])
def test_text_is_not_sound_whatever_its_name(tmp_path: Path, name: str, reader: type) -> None:
    (tmp_path / name).write_text("hello world, this is no sound\n" * 500)
    with pytest.raises(
        AudioError, match=rf"{name}: no decoder takes this file \(soundfile: .*av: .*expected WAV, FLAC"
    ):
        reader(tmp_path / name)


def test_missing_files_folders_and_empty_files(tmp_path: Path, make_file: MakeFile, tone: Tone) -> None:
    make_file(tone(440, 0.1, 8000), "dog[1].flac")
    with pytest.raises(
        AudioError, match=r'dog\[1\]\.wav: cannot be read \(No such file.*did you mean "dog\[1\]\.flac"'
    ):
        read_audio(tmp_path / "dog[1].wav")
    with pytest.raises(AudioError, match=r"cannot be read \(No such file or directory\)$"):
        read_audio(tmp_path / "nowhere" / "cat.wav")
    with pytest.raises(AudioError, match="found a folder, expected an audio file"):
        read_audio(tmp_path)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(AudioError, match=r"empty\.wav: found 0 bytes"):
        read_audio(tmp_path / "empty.wav")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_one_may_not_read(make_file: MakeFile, tone: Tone) -> None:
    path = make_file(tone(440, 0.1, 8000))
    path.chmod(0)
    with pytest.raises(AudioError, match="Permission denied"):
        read_audio(path)


def test_an_open_that_fails_names_the_reason(make_file: MakeFile, tone: Tone, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_file(tone(440, 0.1, 8000))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(AudioError, match=r"sound\.wav: cannot be read \(Permission denied\)"):
        read_audio(path)


@pytest.mark.parametrize("reader", [probe_audio, read_audio])
def test_a_header_without_sound(tmp_path: Path, make_wav: MakeWav, reader: type) -> None:
    (tmp_path / "a.wav").write_bytes(make_wav(0))
    with pytest.raises(AudioError, match=r"a\.wav: found no samples"):
        reader(tmp_path / "a.wav")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_say_where(make_file: MakeFile, bad: float) -> None:
    samples = np.zeros(8000, dtype=np.float32)
    samples[6000:6010] = bad
    path = make_file(samples, rate_hz=8000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"found NaN or infinite samples \(the first at 0\.750 s\)"):
        read_audio(path)
    assert read_audio(path, duration_s=0.75).n_samples == 6000


def test_loud_floats_are_kept(make_file: MakeFile) -> None:
    loud = np.array([1e30, -1e30, 3e38], dtype=np.float32)
    np.testing.assert_array_equal(read_audio(make_file(loud, subtype="FLOAT")).samples[0], loud)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_s": -0.1}, r"found start_s=-0\.1, expected seconds from 0 up"),
        ({"start_s": float("nan")}, "found start_s=nan"),
        ({"start_s": float("inf")}, "found start_s=inf"),
        ({"start_s": 2.0}, r"found start_s=2\.000, expected a time before the end of 2\.000 s"),
        ({"start_s": 1e9, "duration_s": 1.0}, r"expected a time before the end of 2\.000 s"),
        ({"duration_s": 0.0}, r"found duration_s=0\.0, expected more than 0 seconds"),
        ({"duration_s": -1.0}, r"found duration_s=-1\.0"),
        ({"duration_s": 1e-6}, "expected at least a sample at 44100 Hz"),
        ({"rate_hz": 0}, r"sound\.wav: resampling: found rate 0 Hz"),
        ({"rate_hz": -16_000}, "found rate -16000 Hz"),
        ({"rate_hz": 16_000.5}, r"found rate 16000\.5 Hz, expected a whole number"),
        ({"rate_hz": 10, "duration_s": 0.001}, "too little sound for one sample at 10 Hz"),
    ],
)
def test_arguments_that_make_no_sense(
    make_file: MakeFile, chirp: NDArray[np.float32], options: dict[str, float], message: str
) -> None:
    with pytest.raises(AudioError, match=message):
        read_audio(make_file(chirp), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("reader", [probe_audio, read_audio])
def test_a_header_with_a_nonsense_rate(tmp_path: Path, make_wav: MakeWav, reader: type) -> None:
    (tmp_path / "a.wav").write_bytes(make_wav(rate_hz=5_000_000))
    with pytest.raises(AudioError, match="the header: found rate 5000000 Hz"):
        reader(tmp_path / "a.wav")


def test_memory_is_taken_as_sound_arrives_and_not_as_promised() -> None:
    pieces = [np.full((2, 1000), index, dtype=np.float32) for index in range(5)]
    for promised in (None, 10**12):
        gathered = read._gather(iter(pieces), 2, promised)
        np.testing.assert_array_equal(gathered, np.concatenate(pieces, axis=1))


def test_more_sound_than_the_first_allocation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "FIRST_ALLOCATION", 1500)
    pieces = [np.full((1, 1000), index, dtype=np.float32) for index in range(7)]
    np.testing.assert_array_equal(read._gather(iter(pieces), 1, 10**12), np.concatenate(pieces, axis=1))


def test_a_probe_fails_where_the_last_sample_cannot_be_decoded(
    make_file: MakeFile, tone: Tone, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_file(tone(440, 0.1, 8000), rate_hz=8000)
    monkeypatch.setattr(SoundfileSource, "read_into", lambda *_: 0)
    with pytest.raises(AudioError, match="found no sample 800, expected 800 samples as its header says"):
        probe_audio(path)


@pytest.mark.real
def test_real_parts_equal_the_slice_of_the_whole(esc50_dir: Path, rng: np.random.Generator) -> None:
    for path in sorted((esc50_dir / "audio").glob("*.ogg"))[::150]:
        whole = read_audio(path)
        assert probe_audio(path).n_samples == whole.n_samples
        for start in rng.integers(0, whole.n_samples, 4):
            part = read_audio(path, start_s=int(start) / whole.rate_hz, duration_s=0.5).samples
            np.testing.assert_array_equal(part, whole.samples[:, start : start + round(0.5 * whole.rate_hz)])
