"""Clipping: tops cut off hard, rounded off, or cut off at another rate so that they are no longer flat.

How much is told in one of three ways: the share of samples at or beyond the ceiling, the drive (how far the ceiling
lies below the peak, in dB), or the signal-to-distortion ratio that is to be left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from earmark.audio.resample import resample
from earmark.core.errors import AudioError, ConfigError
from earmark.distortion.effects.base import Distorted, check_range, check_sound, finish, search
from earmark.distortion.severity import distortion_ratio_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform

Shape = Literal["hard", "tanh", "cubic"]
DRIVES_DB = (-20.0, -10.0, 0.0, 6.0, 12.0, 18.0, 24.0, 36.0, 60.0, 90.0)
SDR_TOLERANCE_DB = 0.1
MOST_DB = 120.0  # what is told where nothing is distorted
CUBIC_KNEE = 1.5  # x - 4/27 x**3 has its top there, at 1


@dataclass(frozen=True)
class ClippingParameters:
    """How much to clip, in exactly one of three ways.

    Attributes:
        share: Share of all samples at or beyond the ceiling, above 0 and below 1.
        drive_db: How far the ceiling lies below the peak; for the soft shapes it may be below 0.
        sdr_db: Signal-to-distortion ratio to leave.
        shape: "hard", or for soft clipping "tanh" or "cubic"; None is the effect's own.
        oversampling: For resampled clipping: the rate at which tops are cut, as a multiple of the sound's; None draws
            one from 1.1 to 4.

    Raises:
        ConfigError: None or several ways are given, or a number is out of range.
    """

    share: float | None = None
    drive_db: float | None = None
    sdr_db: float | None = None
    shape: Shape | None = None
    oversampling: float | None = None

    def __post_init__(self) -> None:
        if sum(way is not None for way in (self.share, self.drive_db, self.sdr_db)) != 1:
            raise ConfigError("clipping: expected exactly one of share, drive_db and sdr_db")
        if self.share is not None and not 0 < self.share < 1:
            raise ConfigError(f"clipping: found share={self.share:g}, expected above 0 and below 1 (20 % is 0.2)")
        if self.drive_db is not None:
            check_range("clipping", "drive_db", self.drive_db, DRIVES_DB[0], DRIVES_DB[-1])
        if self.sdr_db is not None:
            check_range("clipping", "sdr_db", self.sdr_db, -20, 100)
        if self.oversampling is not None:
            check_range("clipping", "oversampling", self.oversampling, 1.01, 8)


def clip_hard(waveform: Waveform, parameters: ClippingParameters, _rng: np.random.Generator) -> Distorted:
    """Return sound with its tops cut off. Raises AudioError as all effects do."""
    return _clip(waveform, replace(parameters, shape="hard", oversampling=None), "hard-clip")


def clip_soft(waveform: Waveform, parameters: ClippingParameters, rng: np.random.Generator) -> Distorted:
    """Return sound with its tops rounded off; the shape is drawn where it is not given. Raises AudioError."""
    shape = parameters.shape or ("tanh" if rng.random() < 0.5 else "cubic")
    return _clip(waveform, replace(parameters, shape=shape, oversampling=None), "soft-clip")


def clip_resampled(waveform: Waveform, parameters: ClippingParameters, rng: np.random.Generator) -> Distorted:
    """Return sound whose tops were cut off at a higher rate, so that they are not flat. Raises AudioError."""
    drawn = float(np.exp(rng.uniform(math.log(1.1), math.log(4.0))))
    factor = round(parameters.oversampling or drawn, 3)
    return _clip(waveform, replace(parameters, shape=parameters.shape or "hard", oversampling=factor), "resampled-clip")


def _clip(waveform: Waveform, parameters: ClippingParameters, effect: str) -> Distorted:
    check_sound(waveform, effect)
    factor, shape = parameters.oversampling, parameters.shape or "hard"
    source = waveform.samples if factor is None else resample(waveform.samples, 1.0, factor)
    peak = float(np.abs(source).max())

    def driven(drive_db: float) -> NDArray[np.float32]:
        bent = bend(source, peak * 10 ** (-drive_db / 20), shape)
        return bent if factor is None else _fit(resample(bent, factor, 1.0), waveform.n_samples)

    drive_db = parameters.drive_db or 0.0
    if parameters.share is not None:
        drive_db = 20 * math.log10(peak / ceiling_for_share(source, parameters.share))
    elif parameters.sdr_db is not None:
        drive_db = search(
            lambda value: min(MOST_DB, distortion_ratio_db(waveform.samples, driven(value))),
            [value for value in DRIVES_DB if value >= 0 or shape != "hard"],
            parameters.sdr_db,
            SDR_TOLERANCE_DB,
        )
    samples = driven(drive_db)
    done = _Done(
        share=float(np.mean(np.abs(source) >= peak * 10 ** (-drive_db / 20) * (1 - 1e-6))),
        drive_db=drive_db,
        sdr_db=min(MOST_DB, distortion_ratio_db(waveform.samples, samples)),
        shape=shape,
        oversampling=factor,
    )
    return finish(waveform, samples, effect, "clipping", done)


def _fit(samples: NDArray[np.float32], n_samples: int) -> NDArray[np.float32]:
    """Return samples cut, or filled with zeros, to a length: resampling there and back rounds twice."""
    cut = samples[:, :n_samples]
    return np.pad(cut, ((0, 0), (0, n_samples - cut.shape[1])))


@dataclass(frozen=True)
class _Done:
    share: float
    drive_db: float
    sdr_db: float
    shape: Shape
    oversampling: float | None


def bend(samples: NDArray[np.float32], ceiling: float, shape: Shape) -> NDArray[np.float32]:
    """Return samples kept within plus and minus a ceiling, by a hard or a soft curve; same shape and type."""
    if shape == "hard":
        return np.clip(samples, np.float32(-ceiling), np.float32(ceiling))
    scaled = samples / np.float32(ceiling)
    if shape == "tanh":
        bent: NDArray[np.float32] = np.float32(ceiling) * np.tanh(scaled)
        return bent
    inside = np.clip(scaled, -CUBIC_KNEE, CUBIC_KNEE)
    rounded: NDArray[np.float32] = np.float32(ceiling) * (inside - inside**3 * np.float32(4 / 27))
    return rounded


def ceiling_for_share(samples: NDArray[np.float32], share: float) -> float:
    """Return the ceiling that this share of all samples reaches; at least one does.

    Raises:
        AudioError: So many samples are 0 that the ceiling would be.
    """
    sizes = np.abs(samples).ravel()
    rank = len(sizes) - max(1, round(share * len(sizes)))
    ceiling = float(np.partition(sizes, rank)[rank])
    if not ceiling > 0:
        raise AudioError(f"clipping: {share:.1%} of the samples cannot be clipped: fewer differ from 0")
    return ceiling
