"""Named chains of changes to the sound of training clips.

A chain is a function of (samples, rate_hz, rng). `augmentations` makes one transform per copy; the generator of each
call comes from the seed, the number of the copy and the clip's id, so copies do not depend on order or workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from earmark.audio import augment as change
from earmark.audio.stretch import change_speed, stretch_time
from earmark.core.errors import ConfigError, did_you_mean
from earmark.core.identity import fingerprint
from earmark.core.randomness import named_generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Chain = Callable[[NDArray[np.float32], int, np.random.Generator], NDArray[np.float32]]

CHAIN_VERSION = 1  # raise it with every change to a chain: it is part of the name of cached features
LOUD_S = 0.2
SILENT_PEAK = 1e-5  # below the last bit of 16-bit audio: nothing was recorded
COLOURS: tuple[Literal["white", "pink", "brown"], ...] = ("white", "pink", "brown")


@dataclass(frozen=True)
class Augmentation:
    """One augmented copy of every clip, as a `ClipTransform`."""

    name: str
    copy: int
    seed: int

    @property
    def fingerprint(self) -> str:
        """Name of what it does."""
        return fingerprint(["augmentation", CHAIN_VERSION, self.name, self.copy, self.seed])

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, clip_id: str) -> NDArray[np.float32]:
        """Return the changed sound of a clip; silence is returned as it is."""
        if np.abs(samples).max(initial=0.0) < SILENT_PEAK:
            return samples
        rng = named_generator(self.seed, "augmentation", self.name, self.copy, clip_id)
        return AUGMENTATIONS[self.name](samples, rate_hz, rng)


def augmentations(name: str, n_copies: int, seed: int) -> list[Augmentation]:
    """Return one transform per copy.

    Raises:
        ConfigError: The name is not in the table, or copies and name contradict each other.
    """
    if name == "none":
        if n_copies:
            raise ConfigError(
                f'augmentation "none" with {n_copies} copies changes nothing; name one of {", ".join(AUGMENTATIONS)}'
            )
        return []
    if name not in AUGMENTATIONS:
        raise ConfigError(f'augmentation "{name}" is not known{did_you_mean(name, {"none", *AUGMENTATIONS})}')
    if not n_copies:
        raise ConfigError(f'augmentation "{name}" with 0 copies changes nothing; set copies to 1 or more')
    return [Augmentation(name, copy, seed) for copy in range(n_copies)]


def noise(samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Add white, pink or brown noise at 0 to 30 dB below the loudest 0.2 s."""
    return _with_noise(samples, rate_hz, float(rng.uniform(0, 30)), rng)


def light(samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Change gain by up to 12 dB, shift by up to 0.1 s, add noise at 10 to 40 dB."""
    shifted = change.shift_time(_padded(samples, rate_hz, 0.1), int(rng.uniform(-0.1, 0.1) * rate_hz))
    noisy = _with_noise(shifted, rate_hz, float(rng.uniform(10, 40)), rng)
    return change.change_gain(noisy, float(rng.uniform(-12, 12)))


def speech(samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Change what people, rooms, microphones and lines change between a mouth and a model."""
    changed = _spoken(samples, rate_hz, rng)
    changed = np.pad(changed, tuple(int(pause * rate_hz) for pause in rng.uniform(0, 0.6, 2)))
    if rng.random() < 0.35:
        ratio_db = float(rng.uniform(-3, 12))
        rt60_s = float(rng.uniform(0.1, 0.9))
        changed = change.add_reverberation(changed, rate_hz, rt60_s, rng, direct_to_reverberant_db=ratio_db)
    if rng.random() < 0.5:
        changed = _with_noise(changed, rate_hz, float(rng.uniform(0, 30)), rng)
    return _transmitted(changed, rate_hz, rng)


def _spoken(samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the clip cut clumsily, from a larger or smaller throat, said faster or slower."""
    if rng.random() < 0.4:
        lost, side = float(rng.uniform(0, 0.35)), int(rng.integers(3))
        start, end = ((lost, 0.0), (0.0, lost), (lost / 2, lost / 2))[side]
        kept = samples[int(start * samples.size) : samples.size - int(end * samples.size)]
        samples = kept if np.abs(kept).max() >= SILENT_PEAK else samples  # never cut all of the sound away
    if rng.random() < 0.8:
        samples = change_speed(samples, float(np.exp(rng.uniform(np.log(0.8), np.log(1.3)))))
    if rng.random() < 0.5:
        samples = stretch_time(samples, rate_hz, float(np.exp(rng.uniform(np.log(0.67), np.log(1.33)))))
    return samples


def _transmitted(samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the clip through a microphone, a line and a converter."""
    if rng.random() < 0.5:
        samples = change.random_equalizer(samples, rate_hz, rng, max_gain_db=10.0)
    if rng.random() < 0.15:
        low_hz, high_hz = (300.0, 3400.0) if rng.random() < 0.5 else (rng.uniform(50, 400), rng.uniform(2500, 7500))
        samples = change.limit_band(samples, rate_hz, low_hz=float(low_hz), high_hz=min(float(high_hz), rate_hz * 0.49))
    if rng.random() < 0.2:
        samples = change.clip_peaks(samples, float(rng.uniform(3, 30)))
    if rng.random() < 0.15:
        step = np.float32(np.abs(samples).max() * 10 ** (rng.uniform(20, 55) / 20) / 32768)
        samples = np.round(samples / step) * step
    return np.asarray(samples, dtype=np.float32)


def _with_noise(
    samples: NDArray[np.float32], rate_hz: int, snr_db: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Add coloured noise at a ratio to the loudest 0.2 s, so that pauses in the clip do not hide it."""
    n_loud = max(1, min(samples.size, int(LOUD_S * rate_hz)))
    power = np.square(samples, dtype=np.float64)
    summed = np.cumsum(np.concatenate([[0.0], power]))
    loudest_db = 10 * np.log10((summed[n_loud:] - summed[:-n_loud]).max() / n_loud + 1e-20)
    mean_db = 10 * np.log10(power.mean() + 1e-20)
    noise = change.coloured_noise(samples.size, COLOURS[int(rng.integers(len(COLOURS)))], rng)
    return change.add_noise(samples, noise, snr_db - float(loudest_db - mean_db))


def _padded(samples: NDArray[np.float32], rate_hz: int, pause_s: float) -> NDArray[np.float32]:
    return np.pad(samples, int(pause_s * rate_hz))


AUGMENTATIONS: dict[str, Chain] = {"noise": noise, "light": light, "speech": speech}
