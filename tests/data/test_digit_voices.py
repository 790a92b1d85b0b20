from __future__ import annotations

import ctypes
import sys
import threading
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.audio.read import read_audio
from earmark.core.errors import DataError, MissingExtraError
from earmark.core.identity import file_sha256
from earmark.core.settings import settings
from earmark.data import digit_voices
from earmark.data.digit_voices import RATE_HZ, espeak_digits, synthesize_digit, trimmed, voices
from earmark.data.manifest import load_manifest
from earmark.data.options import LoadOptions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    settings.cache_clear()


@pytest.fixture
def espeak() -> Any:
    return pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")


def test_each_timbre_is_one_voice() -> None:
    variants = [voice.partition("+")[2] for voice in voices()]
    assert len(set(variants)) == len(variants) >= digit_voices.N_VOICES
    assert len({voice.partition("+")[0] for voice in voices()}) == 8


@pytest.mark.usefixtures("espeak")
def test_a_digit_is_spoken_with_short_silence_at_its_ends() -> None:
    sound = synthesize_digit("en-us+m3", 5)
    assert (sound.rate_hz, sound.n_channels) == (RATE_HZ, 1)
    assert 0.2 < sound.duration_s < 0.8
    level = np.abs(sound.samples[0])
    loud = np.flatnonzero(level > level.max() * 10 ** (-45 / 20))
    assert loud[0] <= 0.02 * RATE_HZ
    assert sound.n_samples - loud[-1] <= 0.021 * RATE_HZ


@pytest.mark.usefixtures("espeak")
def test_speed_and_pitch_are_heard() -> None:
    slow, fast = (synthesize_digit("en+f2", 7, speed_wpm=speed).duration_s for speed in (110, 300))
    assert slow > 1.3 * fast

    def pitch_hz(pitch: int) -> float:
        samples = synthesize_digit("en-us+m3", 1, pitch=pitch).samples[0]
        middle = samples[len(samples) // 3 : len(samples) // 3 + 2048]
        likeness = np.correlate(middle, middle, "full")[len(middle) :]
        lag = int(np.argmax(likeness[RATE_HZ // 400 : RATE_HZ // 60])) + RATE_HZ // 400
        return RATE_HZ / (lag + 1)

    assert pitch_hz(90) > 1.2 * pitch_hz(10)


@pytest.mark.usefixtures("espeak")
def test_many_threads_take_turns() -> None:
    lengths: list[float] = []

    def speak(digit: int) -> None:
        lengths.extend(synthesize_digit(voice, digit).duration_s for voice in voices()[:6])

    threads = [threading.Thread(target=speak, args=(digit,)) for digit in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lengths) == 24
    assert all(0.1 < length < 1.5 for length in lengths)


@pytest.mark.usefixtures("espeak")
def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(DataError, match=r'voice "en-uk\+m1": unknown accent; did you mean "en'):
        synthesize_digit("en-uk+m1", 1)
    with pytest.raises(DataError, match="digit: found 10, expected 0 to 9"):
        synthesize_digit("en-us+m1", 10)
    with pytest.raises(DataError, match="speed_wpm: found 1000, expected 80 to 450"):
        synthesize_digit("en-us+m1", 1, speed_wpm=1000)
    with pytest.raises(DataError, match="found 0 voices and 3 repetitions, expected 1 to"):
        espeak_digits(n_voices=0)


@pytest.mark.usefixtures("espeak")
def test_the_corpus_is_made_once_and_always_the_same(
    diary: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = espeak_digits(diary, n_voices=3, n_repetitions=2)
    dataset = load_manifest(folder / "clips.csv", LoadOptions())
    assert (len(dataset.clips), dataset.n_classes) == (60, 10)
    assert sorted(set(dataset.groups.tolist())) == sorted(voices()[:3])
    assert (diary.labels, diary.n_steps) == (["speak with eSpeak NG"], 3)
    assert all(read_audio(clip.path).rate_hz == RATE_HZ for clip in dataset.clips[::7])
    sums = {path.name: file_sha256(path) for path in (folder / "audio").iterdir()}
    assert espeak_digits(diary, n_voices=3, n_repetitions=2) == folder
    assert diary.n_steps == 3
    synthesize_digit("en-us+f3", 3)  # leaves its mark on the shared library, not on the corpus
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "other"))
    settings.cache_clear()
    again = espeak_digits(n_voices=3, n_repetitions=2)
    assert {path.name: file_sha256(path) for path in (again / "audio").iterdir()} == sums


@pytest.mark.usefixtures("espeak")
def test_a_kill_in_the_middle_leaves_nothing_that_is_taken_for_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(digit_voices, "write_rows", stop)
        with pytest.raises(KeyboardInterrupt):
            espeak_digits(n_voices=1, n_repetitions=1)
    assert not list((settings().cache_dir / "corpora").iterdir())
    assert (espeak_digits(n_voices=1, n_repetitions=1) / "clips.csv").is_file()


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'earmark\[demo\]'"):
        espeak_digits()


class FakeLibrary:
    """Stands for the C library: starts at some rate, knows some voices, says nothing."""

    def __init__(self, rate_hz: int, known: bool) -> None:
        self.espeak_Initialize = lambda *arguments: rate_hz
        self.espeak_ng_SetRandSeed = lambda seed: None
        self.espeak_SetSynthCallback = lambda callback: callback(None, 0, None)
        self.espeak_SetVoiceByName = lambda name: 0 if known else 2
        self.espeak_SetParameter = lambda *arguments: 0
        self.espeak_Synth = lambda *arguments: 0
        self.espeak_Synchronize = lambda: 0


@pytest.mark.parametrize(
    ("rate_hz", "known", "message"),
    [
        (-1, True, "started with -1 Hz, expected 22050; install espeakng-loader again"),
        (RATE_HZ, False, r'no voice "en-us\+nobody"; expected one of'),
        (RATE_HZ, True, r'voice "en-us\+nobody" said nothing for "three"'),
    ],
)
def test_a_library_that_fails_is_reported(
    monkeypatch: pytest.MonkeyPatch, rate_hz: int, known: bool, message: str
) -> None:
    loader = types.SimpleNamespace(get_library_path=lambda: "library", get_data_path=lambda: "data")
    monkeypatch.setattr(digit_voices, "_loader", lambda: loader)
    monkeypatch.setattr(ctypes, "CDLL", lambda path: FakeLibrary(rate_hz, known))
    digit_voices._shared_engine.cache_clear()
    try:
        with pytest.raises(DataError, match=message):
            synthesize_digit("en-us+nobody", 3)
    finally:
        digit_voices._shared_engine.cache_clear()


def test_trimming_keeps_a_margin_and_all_that_is_loud() -> None:
    samples = np.zeros(RATE_HZ, dtype=np.float32)
    samples[5000:6000] = 0.5
    assert len(trimmed(samples)) == 1000 + 2 * 441
    assert len(trimmed(samples[5000:6000])) == 1000
