"""Faults of digital gear: too few bits, drop-outs, clicks. They count as noise: what is not the original."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from earmark.core.units import seconds_to_samples
from earmark.distortion.effects.base import Distorted, check_range, check_sound, finish
from earmark.distortion.effects.noise_sources import ticks

if TYPE_CHECKING:
    from earmark.audio.waveform import Waveform

Fill = Literal["silence", "repeat", "hold"]
FILLS: tuple[Fill, ...] = ("silence", "repeat", "hold")


@dataclass(frozen=True)
class BitCrushParameters:
    """So many bits (1 to 24, also fractions) for what lies between minus and plus the peak, without dither."""

    bits: float = 8.0


@dataclass(frozen=True)
class DropOutParameters:
    """Gaps that take a share of the time (above 0, to 0.9).

    Attributes:
        share: Of the samples.
        length_ms: Of one gap, 0.1 to 1000; the last is shorter.
        fill: What is heard in them: silence, what was there before ("repeat"), or the last sample ("hold"); None
            draws one.
    """

    share: float = 0.01
    length_ms: float = 10.0
    fill: Fill | None = None


@dataclass(frozen=True)
class ClickParameters:
    """Clicks: so many a second (0.001 to 5000), their peaks so far from the sound's (-60 to 20 dB).

    A fraction of a click in the whole sound is one click of that fraction of the power.
    """

    per_s: float = 2.0
    level_db: float = 0.0


def crush_bits(waveform: Waveform, parameters: BitCrushParameters, _rng: np.random.Generator) -> Distorted:
    """Return sound with fewer steps of amplitude. Raises AudioError, ConfigError."""
    check_sound(waveform, "bit-crush")
    bits = check_range("bit-crush", "bits", parameters.bits, 1, 24)
    step = float(np.abs(waveform.samples).max()) / 2 ** (bits - 1)
    samples = step * np.round(waveform.samples.astype(np.float64) / step)
    return finish(waveform, samples, "bit-crush", "noise", parameters)


def drop_out(waveform: Waveform, parameters: DropOutParameters, rng: np.random.Generator) -> Distorted:
    """Return sound with gaps at random places, in all channels at once. Raises AudioError, ConfigError."""
    check_sound(waveform, "drop-outs")
    n_samples = waveform.n_samples
    share = check_range("drop-outs", "share", parameters.share, 1e-9, 0.9)
    length_ms = check_range("drop-outs", "length_ms", parameters.length_ms, 0.1, 1000)
    fill = parameters.fill or FILLS[int(rng.integers(len(FILLS)))]
    left = max(1, round(share * n_samples))
    longest = min(n_samples, max(1, seconds_to_samples(length_ms / 1000, waveform.rate_hz)))
    samples = waveform.samples.copy()
    for slot in rng.permutation(n_samples // longest):
        length = min(longest, left)
        start = int(slot) * longest
        gap = slice(start, start + length)
        if fill == "repeat" and start >= length:
            samples[:, gap] = waveform.samples[:, start - length : start]
        elif fill == "hold" and start > 0:
            samples[:, gap] = waveform.samples[:, start - 1 : start]
        else:
            samples[:, gap] = 0
        left -= length
        if left <= 0:
            break
    return finish(waveform, samples, "drop-outs", "noise", replace(parameters, fill=fill))


def add_clicks(waveform: Waveform, parameters: ClickParameters, rng: np.random.Generator) -> Distorted:
    """Return sound with clicks at random places, in all channels at once. Raises AudioError, ConfigError."""
    check_sound(waveform, "clicks")
    per_s = check_range("clicks", "per_s", parameters.per_s, 0.001, 5000)
    level_db = check_range("clicks", "level_db", parameters.level_db, -60, 20)
    n_clicks = per_s * waveform.duration_s
    peak = float(np.abs(waveform.samples).max()) * 10 ** (level_db / 20)
    sizes = peak * np.sqrt(np.clip(n_clicks - np.arange(math.ceil(n_clicks)), 0, 1))
    clicks = ticks(waveform.n_samples, waveform.rate_hz, rng, sizes)
    return finish(waveform, waveform.samples + clicks, "clicks", "noise", parameters)
