"""Noise at an exact signal-to-noise ratio: synthesised, or from recordings.

What noise has in common with the sound by chance is taken out of it first. So the ratio is exact both as powers mixed
and as `earmark.distortion.severity` measures it; nothing else changes, for that part would only be louder sound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.augment import Colour, add_noise, coloured_noise
from earmark.audio.resample import resample
from earmark.core.errors import ConfigError, did_you_mean
from earmark.distortion.effects import noise_sources
from earmark.distortion.effects.base import Distorted, check_range, check_sound, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform

COLOURS: tuple[Colour, ...] = ("white", "pink", "brown")
# noise of one place, which reaches both channels alike; the others differ from channel to channel
PLACES: dict[str, Callable[[int, int, np.random.Generator], NDArray[np.float64]]] = {
    "crackle": noise_sources.crackle,
    "traffic": noise_sources.traffic,
    "babble": noise_sources.babble,
}
SOURCES = (*COLOURS, "hiss", "hum", *PLACES, "recording")


@dataclass(frozen=True)
class NoiseParameters:
    """Which noise, and how much.

    Attributes:
        source: One of `SOURCES`.
        snr_db: Power of the sound over that of the noise, -40 to 100 dB.
        mains_hz: Of hum; None draws 50 or 60.
        clips: Recordings of noise at any rate: one for "recording"; several make a "babble" of them.
    """

    source: str = "white"
    snr_db: float = 20.0
    mains_hz: float | None = None
    clips: tuple[Waveform, ...] = ()


def add_noise_at(waveform: Waveform, parameters: NoiseParameters, rng: np.random.Generator) -> Distorted:
    """Return sound with noise at an exact ratio.

    Raises:
        ConfigError: The source is unknown, a number is out of range, or a recording is wanted and none is given.
        AudioError: As all effects do, or a recording is silent.
    """
    source = parameters.source
    if source not in SOURCES:
        raise ConfigError(f'noise: source "{source}" is not known{did_you_mean(source, SOURCES)}')
    check_sound(waveform, source)
    check_range(source, "snr_db", parameters.snr_db, -40, 100)
    if source == "recording" and not parameters.clips:
        raise ConfigError("recording: found no recording of noise, expected one in clips")
    if source == "hum":
        mains_hz = parameters.mains_hz or float(rng.choice(noise_sources.HUM_HZ))
        parameters = replace(parameters, mains_hz=check_range(source, "mains_hz", mains_hz, 1, waveform.rate_hz / 4))
    noise = _foreign(_noise(waveform, parameters, rng), waveform.samples)
    mixed = add_noise(waveform.samples.ravel(), noise.ravel(), parameters.snr_db)
    return finish(waveform, mixed.reshape(waveform.samples.shape), source, "noise", parameters)


def _noise(waveform: Waveform, parameters: NoiseParameters, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return noise float64 (n_channels, n_samples) of any level."""
    source, rate_hz = parameters.source, waveform.rate_hz
    n_channels, n_samples = waveform.samples.shape
    if parameters.clips and source in ("recording", "babble"):
        return noise_sources.from_clips(_fitting(parameters.clips, waveform), n_samples, rng)
    if source in PLACES:
        return np.tile(PLACES[source](n_samples, rate_hz, rng), (n_channels, 1))
    if source == "hum":
        return np.tile(noise_sources.hum(n_samples, rate_hz, rng, parameters.mains_hz or 50.0), (n_channels, 1))
    if source == "hiss":
        return np.stack([noise_sources.hiss(n_samples, rate_hz, rng) for _ in range(n_channels)])
    colour = next(each for each in COLOURS if each == source)
    return np.stack([coloured_noise(n_samples, colour, rng).astype(np.float64) for _ in range(n_channels)])


def _fitting(clips: tuple[Waveform, ...], waveform: Waveform) -> list[NDArray[np.float32]]:
    """Return recordings at the rate and with the channels of a sound: as they are, or their mean in each."""
    fitted = []
    for clip in clips:
        check_sound(clip, "noise recording")
        samples = resample(clip.samples, clip.rate_hz, waveform.rate_hz)
        if len(samples) != waveform.n_channels:
            samples = np.tile(samples.mean(axis=0, keepdims=True), (waveform.n_channels, 1))
        fitted.append(samples.astype(np.float32))
    return fitted


def _foreign(noise: NDArray[np.float64], sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return noise without the part that is a copy of the sound, float32."""
    clean = sound.astype(np.float64)
    shared = float(np.sum(clean * noise)) / float(np.sum(clean * clean))
    own = noise - shared * clean
    size = float(np.abs(own).max())
    return (own / size).astype(np.float32) if size > 0 else own.astype(np.float32)
