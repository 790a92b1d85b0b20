"""Spoken digits without any download: eSpeak NG speaks them on this machine.

The wheel espeakng-loader (extra "demo", GPL-3.0) carries the library and its voices. eSpeak keeps state from one
utterance to the next (pitch flutter, noise), so the same call does not give the same samples twice. The corpus is
therefore made by a private, freshly loaded and seeded copy of the library in a fixed order: equal bytes on every run.
https://github.com/espeak-ng/espeak-ng/blob/master/src/include/espeak-ng/speak_lib.h
"""

from __future__ import annotations

import ctypes
import shutil
import tempfile
import threading
import wave
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError, did_you_mean
from earmark.core.optional import import_extra
from earmark.core.progress import SILENT, track
from earmark.core.randomness import named_generator
from earmark.core.settings import settings
from earmark.data.cache import building_folder
from earmark.data.corpus_layouts import write_rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform
    from earmark.core.progress import Progress

DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc")
# the variants that sound like a person; not the whispers, robots and jokes of eSpeak's list
_VARIANTS = (
    "m1 f1 m2 f2 m3 f3 m4 f4 m5 f5 m6 m7 m8 Alex Alicia Andrea Andy Annie Denis Diogo Gene Henrique Hugo Lee Marco "
    "Mario Michael Mike Nguyen Reed RicishayMax Storm adam anika announcer antonio aunty belinda benjamin boris caleb "
    "david ed edward grandma grandpa gustave ian iven4 john kaukovalta klatt klatt2 klatt3 klatt4 linda marcelo max "
    "michel miguel norbert pablo paul pedro quincy rob robert sandro shelby steph travis victor zac"
)
VARIANTS = tuple(_VARIANTS.split())
RATE_HZ = 22050
N_VOICES = 60
N_REPETITIONS = 3
DIGITS = "digits-espeak"
_VERSION = 1
_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: no thread, and 40 times faster than AUDIO_OUTPUT_RETRIEVAL
_DONT_EXIT = 0x8000
_SPEED, _PITCH = 1, 3
_UTF8 = 1
_TRIM_DB = -45.0
_MARGIN_S = 0.02
_LOCK = threading.Lock()


def voices() -> tuple[str, ...]:
    """Return the voices of the corpus, such as ``"en-us+m3"``: each variant once, over the accents in turn.

    A variant is one timbre, so the same variant with two accents would be one speaker in two groups.
    """
    return tuple(f"{ACCENTS[index % len(ACCENTS)]}+{variant}" for index, variant in enumerate(VARIANTS))


@dataclass(frozen=True)
class Utterance:
    """Something to say: the name of its file, its label, who says it, and how."""

    name: str
    label: str
    voice: str
    text: str
    speed_wpm: int
    pitch: int


class _Engine:
    """One loaded eSpeak library. Not thread safe: callers hold `_LOCK`."""

    def __init__(self, library: str, data: str) -> None:
        self._library = ctypes.CDLL(library)
        self._chunks: list[bytes] = []
        prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
        self._callback = prototype(self._receive)  # kept, or ctypes frees it under the library's feet
        rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _DONT_EXIT)
        if rate_hz != RATE_HZ:
            raise DataError(f"eSpeak NG: started with {rate_hz} Hz, expected {RATE_HZ}; install espeakng-loader again")
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(_VERSION))  # else by the time of day: breath is noise

    def _receive(self, samples: int | None, n_samples: int, _events: int | None) -> int:
        if samples and n_samples > 0:
            self._chunks.append(ctypes.string_at(samples, 2 * n_samples))
        return 0

    def say(self, voice: str, text: str, speed_wpm: int, pitch: int) -> NDArray[np.float32]:
        """Return float32 (n_samples,) at RATE_HZ. Raises DataError for a voice that eSpeak does not have."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise DataError(f'eSpeak NG: no voice "{voice}"; expected one of earmark.data.digit_voices.voices()')
        self._library.espeak_SetParameter(_SPEED, speed_wpm, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._chunks.clear()
        spoken = text.encode() + b"\0"
        failed = self._library.espeak_Synth(spoken, len(spoken), 0, 1, 0, _UTF8, None, None)
        failed = failed or self._library.espeak_Synchronize()
        samples = np.frombuffer(b"".join(self._chunks), dtype="<i2").astype(np.float32) / np.float32(32768)
        if failed or not samples.any():
            raise DataError(f'eSpeak NG: voice "{voice}" said nothing for "{text}" (status {failed})')
        return samples


def _loader() -> Any:
    return import_extra("espeakng_loader", "demo", "Speaking digits with eSpeak NG")


@lru_cache(maxsize=1)
def _shared_engine() -> _Engine:
    loader = _loader()
    return _Engine(loader.get_library_path(), loader.get_data_path())


def synthesize(voice: str, text: str, *, speed_wpm: int = 160, pitch: int = 50) -> NDArray[np.float32]:
    """Speak any English text: float32 (n_samples,) at 22,050 Hz. Safe from any thread.

    Raises:
        DataError: eSpeak does not have the voice, or says nothing.
        MissingExtraError: espeakng-loader is not installed.
    """
    with _LOCK:
        return trimmed(_shared_engine().say(voice, text, speed_wpm, pitch))


def synthesize_digit(voice: str, digit: int, *, speed_wpm: int = 160, pitch: int = 50) -> Waveform:
    """Speak one digit: mono at 22,050 Hz, with at most 20 ms of silence at both ends.

    Equal arguments sound equal but are not equal sample by sample. Safe from any thread.

    Args:
        voice: Language and variant, such as ``"en-us+m3"``; see `voices`.
        digit: 0 to 9.
        speed_wpm: Words per minute, 80 to 450.
        pitch: 0 to 99; 50 is the voice's own.

    Raises:
        DataError: eSpeak does not have the voice, or an argument is out of range.
        MissingExtraError: espeakng-loader is not installed.
    """
    _check(digit, speed_wpm, pitch)
    if voice.partition("+")[0] not in ACCENTS:
        raise DataError(f'voice "{voice}": unknown accent{did_you_mean(voice.partition("+")[0], ACCENTS)}')
    with _LOCK:
        return _spoken(_shared_engine(), voice, digit, speed_wpm, pitch)


def _check(digit: int, speed_wpm: int, pitch: int) -> None:
    for name, value, low, high in (("digit", digit, 0, 9), ("speed_wpm", speed_wpm, 80, 450), ("pitch", pitch, 0, 99)):
        if not low <= value <= high:
            raise DataError(f"{name}: found {value}, expected {low} to {high}")


def _spoken(engine: _Engine, voice: str, digit: int, speed_wpm: int, pitch: int) -> Waveform:
    from earmark.audio.waveform import Waveform

    return Waveform(trimmed(engine.say(voice, DIGIT_WORDS[digit], speed_wpm, pitch))[None, :], RATE_HZ)


def trimmed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 (n_samples,) without the ends that stay 45 dB below the peak, but for a margin of 20 ms."""
    level = np.abs(samples)
    loud = np.flatnonzero(level > level.max() * 10 ** (_TRIM_DB / 20))
    margin = round(_MARGIN_S * RATE_HZ)
    return samples[max(0, int(loud[0]) - margin) : int(loud[-1]) + margin + 1]


def espeak_digits(progress: Progress = SILENT, *, n_voices: int = N_VOICES, n_repetitions: int = N_REPETITIONS) -> Path:
    """Return the folder of the synthetic digits in the cache, made once (some seconds).

    Each voice says each digit a few times at varying speed and pitch; the group is the voice.

    Raises:
        DataError: More voices are asked for than there are.
        MissingExtraError: espeakng-loader is not installed.
        StoreError: The cache is not writable.
    """
    if not 1 <= n_voices <= len(VARIANTS) or n_repetitions < 1:
        raise DataError(
            f"found {n_voices} voices and {n_repetitions} repetitions, expected 1 to {len(VARIANTS)} voices and "
            "at least 1 repetition"
        )
    chosen = voices()[:n_voices]
    name = f"{DIGITS}-{_VERSION}-{n_voices}x{n_repetitions}"
    return spoken_corpus(name, (_digits(voice, n_repetitions) for voice in chosen), n_voices, progress)


def spoken_corpus(name: str, by_voice: Iterable[list[Utterance]], n_voices: int, progress: Progress) -> Path:
    """Return the folder of a synthetic corpus in the cache, spoken once, voice after voice.

    Raises:
        MissingExtraError: espeakng-loader is not installed.
        StoreError: The cache is not writable.
    """
    folder = settings().cache_dir / "corpora" / name
    if not (folder / "clips.csv").is_file():
        loader = _loader()
        with building_folder(folder, "clips.csv") as building, _private_folder() as private, _LOCK:
            library = shutil.copy(loader.get_library_path(), private)
            engine = _Engine(str(library), loader.get_data_path())
            _make(engine, building, track(by_voice, "speak with eSpeak NG", n_voices, progress))
    return folder


def _digits(voice: str, n_repetitions: int) -> list[Utterance]:
    rng = named_generator(_VERSION, DIGITS, voice)
    return [
        Utterance(f"{digit}_{voice.replace('+', '-')}_{repetition}", str(digit), voice, word, *any_manner(rng))
        for digit, word in enumerate(DIGIT_WORDS)
        for repetition in range(n_repetitions)
    ]


def any_manner(rng: np.random.Generator) -> tuple[int, int]:
    """Return a speed in words per minute and a pitch as people speak."""
    return int(rng.integers(120, 220)), int(rng.integers(30, 71))


def _write_wav(path: Path, samples: NDArray[np.float32]) -> None:
    # not write_audio: libsndfile syncs each file to the disk, 7 ms x 1,800, and the folder is whole or absent anyway
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((samples * 32768).astype("<i2").tobytes())


def _private_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # Windows keeps a loaded library


def _make(engine: _Engine, folder: Path, by_voice: Iterable[list[Utterance]]) -> None:
    rows = []
    (folder / "audio").mkdir(exist_ok=True)
    for utterances in by_voice:
        for said in utterances:
            name = f"audio/{said.name}.wav"
            _write_wav(folder / name, trimmed(engine.say(said.voice, said.text, said.speed_wpm, said.pitch)))
            rows.append({"path": name, "label": said.label, "group": said.voice})
    write_rows(
        rows,
        folder / "clips.csv",
        source="eSpeak NG by espeakng-loader",
        licence="synthetic speech; eSpeak NG is GPL-3.0",
    )
