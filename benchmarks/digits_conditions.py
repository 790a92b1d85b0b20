"""What happens to a spoken digit between a mouth and a model: the conditions of `digits_robustness`.

None of them is used in training: rooms are image sources (Allen & Berkley, 1979), where training has decaying noise;
real noise is a part of ESC-50 that training never sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import augment as change
from earmark.audio import read_audio, resample
from earmark.audio.stretch import change_speed, stretch_time
from earmark.core.identity import fingerprint
from earmark.core.randomness import named_generator
from earmark.data import load_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Sound = NDArray[np.float32]
    Condition = Callable[[Sound, int, np.random.Generator], NDArray[np.floating]]

SPEED_OF_SOUND_M_S = 343.0


@dataclass(frozen=True)
class Degraded:
    """A condition as a `ClipTransform`."""

    name: str

    @property
    def fingerprint(self) -> str:
        """Name of what it does."""
        return fingerprint(["digits condition", 2, self.name])

    def __call__(self, samples: Sound, rate_hz: int, clip_id: str) -> Sound:
        """Return the sound under the condition."""
        rng = named_generator(0, "condition", self.name, clip_id)
        return CONDITIONS[self.name](samples, rate_hz, rng).astype(np.float32)


def padded(samples: Sound, rate_hz: int, before_s: float, after_s: float) -> Sound:
    """Return the sound with silence around it."""
    return np.pad(samples, (int(before_s * rate_hz), int(after_s * rate_hz)))


def noisy(snr_db: float, colour: str) -> Condition:
    """Return speech with 0.3 s of pause around it in noise, at a ratio to its loudest 0.2 s."""

    def condition(samples: Sound, rate_hz: int, rng: np.random.Generator) -> NDArray[np.floating]:
        spoken = padded(samples, rate_hz, 0.3, 0.3)
        noise = _esc50_noise(spoken.size, rate_hz, rng) if colour == "real" else _colour(spoken.size, colour, rng)
        loud = _loudest(samples, rate_hz)
        noise = noise * (loud / np.sqrt(np.square(noise, dtype=np.float64).mean() + 1e-20) * 10 ** (-snr_db / 20))
        return np.asarray(spoken + noise)

    return condition


def _colour(n_samples: int, colour: str, rng: np.random.Generator) -> Sound:
    return change.coloured_noise(n_samples, "white" if colour == "white" else "pink", rng)


def _loudest(samples: Sound, rate_hz: int) -> float:
    n = min(samples.size, rate_hz // 5)
    power = np.convolve(np.square(samples, dtype=np.float64), np.ones(n) / n, "valid")
    return float(np.sqrt(power.max()))


@lru_cache(maxsize=1)
def _noise_files() -> tuple[Path, ...]:
    return tuple(clip.path for clip in load_dataset("esc50").clips if clip.fold == "fold5")


def _esc50_noise(n_samples: int, rate_hz: int, rng: np.random.Generator) -> Sound:
    files = _noise_files()
    while True:
        sound = read_audio(files[int(rng.integers(len(files)))], rate_hz=rate_hz, mono=True).samples[0]
        part = np.resize(np.roll(sound, int(rng.integers(sound.size))), n_samples)
        if np.abs(part).max() > 1e-3:  # some clips are mostly digital silence
            return part


def room(rt60_s: float) -> Condition:
    """Return speech in a random box-shaped room with this reverberation time."""

    def condition(samples: Sound, rate_hz: int, rng: np.random.Generator) -> NDArray[np.floating]:
        from scipy.signal import fftconvolve

        return np.asarray(fftconvolve(padded(samples, rate_hz, 0.1, 0.1), _image_sources(rt60_s, rate_hz, rng)))

    return condition


def _image_sources(rt60_s: float, rate_hz: int, rng: np.random.Generator, order: int = 12) -> NDArray[np.float64]:
    size = rng.uniform([3, 2.5, 2.3], [8, 6, 3.2])
    source, microphone = rng.uniform(0.1, 0.9, 3) * size, rng.uniform(0.1, 0.9, 3) * size
    surface = 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    absorption = min(0.95, 0.161 * size.prod() / surface / rt60_s)  # Sabine
    index = np.arange(-order, order + 1)
    axes = [
        np.where(index % 2 == 0, index * size[k] + source[k], (index + 1) * size[k] - source[k]) - microphone[k]
        for k in range(3)
    ]
    distance = np.sqrt(sum(np.square(axis.reshape(shape)) for axis, shape in zip(axes, _SHAPES, strict=True)))
    n_walls = sum(np.abs(index).reshape(shape) for shape in _SHAPES)
    arrival = (distance / SPEED_OF_SOUND_M_S * rate_hz).astype(int)
    response = np.zeros(int(rate_hz * min(rt60_s * 1.2, 1.0)) + 400)
    heard = arrival < response.size
    np.add.at(response, arrival[heard], (np.sqrt(1 - absorption) ** n_walls / np.maximum(distance, 0.3))[heard])
    direct: NDArray[np.float64] = response[np.argmax(response != 0) :] / response.max()
    return direct


_SHAPES = ((-1, 1, 1), (1, -1, 1), (1, 1, -1))


def through_rate(via_hz: int) -> Condition:
    """Return speech resampled to another rate and back."""
    return lambda samples, rate_hz, _: resample(resample(samples[None], rate_hz, via_hz), via_hz, rate_hz)[0]


def _quiet(samples: Sound, _rate_hz: int, _rng: np.random.Generator) -> NDArray[np.floating]:
    return np.asarray(np.round(samples * 0.01 * 32767) / 32767)


def _overdriven(samples: Sound, _rate_hz: int, _rng: np.random.Generator) -> NDArray[np.floating]:
    return np.asarray(np.clip(samples * 10 / (np.abs(samples).max() + 1e-9), -1, 1))


def _silence_around(samples: Sound, rate_hz: int, rng: np.random.Generator) -> NDArray[np.floating]:
    spoken = padded(samples, rate_hz, *rng.uniform(0, 2, 2))
    return np.asarray(spoken + rng.normal(scale=3e-4, size=spoken.size))


def _far_away(samples: Sound, rate_hz: int, rng: np.random.Generator) -> NDArray[np.floating]:
    heard = room(0.4)(padded(samples, rate_hz, 0.3, 0.3), rate_hz, rng).astype(np.float32)
    in_noise = noisy(15, "real")(heard, rate_hz, rng).astype(np.float32)
    return change.random_equalizer(in_noise, rate_hz, rng, max_gain_db=8.0)


CONDITIONS: dict[str, Condition] = {
    "as recorded": lambda samples, _rate_hz, _rng: samples,
    "40 dB quieter": _quiet,
    "clipped, 20 dB over": _overdriven,
    "room, RT60 0.3 s": room(0.3),
    "room, RT60 0.7 s": room(0.7),
    **{
        f"{colour} noise, {snr_db} dB": noisy(snr_db, colour)
        for colour in ("white", "pink", "real")
        for snr_db in (20, 10, 5)
    },
    "telephone band": lambda samples, rate_hz, _rng: change.limit_band(samples, rate_hz),
    "0 to 2 s of silence around": _silence_around,
    **{f"through {rate_hz / 1000:g} kHz": through_rate(rate_hz) for rate_hz in (8000, 22050, 44100, 48000)},
    "speed 0.85": lambda samples, _rate_hz, _rng: change_speed(samples, 0.85),
    "speed 1.2": lambda samples, _rate_hz, _rng: change_speed(samples, 1.2),
    "speed 1.35 (a child)": lambda samples, _rate_hz, _rng: change_speed(samples, 1.35),
    "said 1.4 times as fast": lambda samples, rate_hz, _rng: stretch_time(samples, rate_hz, 1 / 1.4),
    "room 0.4 s, real noise 15 dB, equaliser": _far_away,
}
