"""Streams of sound for `live_digits`: digits between pauses, other words, other sounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import read_audio, resample
from earmark.audio.augment import coloured_noise
from earmark.core.randomness import named_generator
from earmark.data.digit_voices import RATE_HZ as SPEECH_HZ
from earmark.data.digit_voices import any_manner, synthesize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.data import Dataset

    Sound = NDArray[np.float32]

RATE_HZ = 16_000
PAUSES_S = (0.6, 1.5)
HISS = 1e-4  # of a microphone: -80 dB
# The words of Google's Speech Commands (Warden, 2018, arXiv:1804.03209) that are no digits
_WORDS = (
    "yes no up down left right on off stop go bed bird cat dog happy house marvin sheila tree wow backward forward "
    "follow learn visual"
)
WORDS = tuple(_WORDS.split())
N_WORDS = 300


@dataclass(frozen=True)
class Said:
    """A word in a stream."""

    label: str
    start_s: float
    end_s: float


def digit_stream(dataset: Dataset, speaker: str, n_digits: int, ratio_db: float | None) -> tuple[Sound, list[Said]]:
    """Return digits of a speaker between pauses, and what was said when.

    Args:
        dataset: Where they are.
        speaker: Whose.
        n_digits: How many, each label equally often.
        ratio_db: Level of the digits over that of pink noise; None leaves only a microphone's hiss.
    """
    rng = named_generator(0, "digit stream", speaker)
    chosen = []
    for label in dataset.labels:
        clips = [clip for clip in dataset.clips if clip.group == speaker and clip.labels[0] == label]
        chosen += [clips[int(i)] for i in rng.permutation(len(clips))[: -(-n_digits // len(dataset.labels))]]
    order = rng.permutation(len(chosen))[:n_digits]
    spoken = [read_audio(chosen[i].path, rate_hz=RATE_HZ, mono=True).samples[0] for i in order]
    stream, places = _strung(spoken, rng)
    said = [Said(chosen[i].labels[0], *place) for i, place in zip(order, places, strict=True)]
    level = float(np.sqrt(np.mean(np.square(np.concatenate(spoken)))))
    stream += np.float32(HISS) * rng.standard_normal(len(stream), dtype=np.float32)
    if ratio_db is not None:
        noise = coloured_noise(len(stream), "pink", rng)
        stream += (noise * level * 10 ** (-ratio_db / 20) / np.sqrt(np.mean(np.square(noise)))).astype(np.float32)
    return stream, said


def word_stream(voices: Sequence[str]) -> tuple[Sound, int]:
    """Return other words by synthetic voices between pauses, and how many."""
    rng = named_generator(0, "word stream")
    spoken = []
    for number in range(N_WORDS):
        voice = voices[int(rng.integers(len(voices)))]
        speed_wpm, pitch = any_manner(rng)
        said = synthesize(voice, WORDS[number % len(WORDS)], speed_wpm=speed_wpm, pitch=pitch)
        spoken.append(resample(said, SPEECH_HZ, RATE_HZ))
    stream, _ = _strung(spoken, rng)
    return stream + np.float32(HISS) * rng.standard_normal(len(stream), dtype=np.float32), N_WORDS


def noise_stream(dataset: Dataset, duration_s: float) -> Sound:
    """Return clips of other sounds one after the other, some seconds more than asked for."""
    rng = named_generator(0, "noise stream")
    parts: list[Sound] = []
    for index in rng.permutation(len(dataset.clips)):
        parts.append(read_audio(dataset.clips[int(index)].path, rate_hz=RATE_HZ, mono=True).samples[0])
        if sum(map(len, parts)) >= duration_s * RATE_HZ:
            break
    return np.concatenate(parts)


def _strung(spoken: list[Sound], rng: np.random.Generator) -> tuple[Sound, list[tuple[float, float]]]:
    """Return sounds between pauses, and the start and end of each in seconds."""
    parts, places, place = [], [], 0
    for sound in spoken:
        pause = np.zeros(int(rng.uniform(*PAUSES_S) * RATE_HZ), dtype=np.float32)
        parts += [pause, sound]
        place += len(pause)
        places.append((place / RATE_HZ, (place + len(sound)) / RATE_HZ))
        place += len(sound)
    return np.concatenate([*parts, np.zeros(RATE_HZ, dtype=np.float32)]), places
