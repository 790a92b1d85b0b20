"""Frequency faults: curves of gain over frequency, from a telephone to a tilt.

All go through one filter, a symmetric FIR that keeps every phase (zero-phase, its delay taken out) or, with
``phase="minimum"``, one of the same gains and minimum phase, as analogue equalisers have. Gains are at least -90 dB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from earmark.distortion.effects.base import Distorted, check_range, check_sound, finish

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform

Phase = Literal["zero", "minimum"]
LOWEST_GAIN_DB = -90.0
FILTER_S = 0.1  # long enough for a slope of 24 dB per octave at 30 Hz


@dataclass(frozen=True)
class CurveParameters:
    """Strength 0 to 2 multiplies all gains of a fixed curve, in dB; 1 is the curve itself."""

    strength: float = 1.0
    phase: Phase = "zero"


@dataclass(frozen=True)
class BandLimitParameters:
    """Nothing above `high_hz` (8 to 200,000; no higher than 0.49 of the rate counts), by a Butterworth slope."""

    high_hz: float = 8000.0
    order: int = 12
    phase: Phase = "zero"


@dataclass(frozen=True)
class BandParameters:
    """A dip or peak of `gain_db` (-80 to 40) that is `width_octaves` wide; a centre of None is drawn."""

    gain_db: float
    centre_hz: float | None = None
    width_octaves: float = 1.0
    phase: Phase = "zero"


@dataclass(frozen=True)
class SlopeParameters:
    """A shelf of `gain_db` (-60 to 40) above (or below) a corner, which is drawn if None; so is the side."""

    gain_db: float
    corner_hz: float | None = None
    side: Literal["low", "high"] | None = None
    phase: Phase = "zero"


@dataclass(frozen=True)
class TiltParameters:
    """A spectrum that rises or falls (-24 to 24 dB per octave) around 1 kHz; flat below 30 Hz."""

    db_per_octave: float = -3.0
    phase: Phase = "zero"


def telephone(waveform: Waveform, parameters: CurveParameters, _rng: np.random.Generator) -> Distorted:
    """Return sound as through a telephone line, 300 to 3400 Hz (ITU-T G.712). Raises AudioError, ConfigError."""
    return _curve(waveform, parameters, "telephone")


def underwater(waveform: Waveform, parameters: CurveParameters, _rng: np.random.Generator) -> Distorted:
    """Return muffled sound: 18 dB per octave down from 500 Hz, a bulge below. Raises AudioError, ConfigError."""
    return _curve(waveform, parameters, "underwater")


def tinny(waveform: Waveform, parameters: CurveParameters, _rng: np.random.Generator) -> Distorted:
    """Return the sound of a small speaker: little below 900 Hz, a ring at 3 kHz. Raises AudioError, ConfigError."""
    return _curve(waveform, parameters, "tinny")


def _curve(waveform: Waveform, parameters: CurveParameters, name: str) -> Distorted:
    strength = check_range(name, "strength", parameters.strength, 0, 2)
    frequencies_hz = _frequencies_hz(waveform, name)
    gains_db = strength * curve_gains_db(name, frequencies_hz)
    return _filtered(waveform, gains_db, name, parameters, parameters.phase)


def curve_gains_db(name: str, frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gains of the telephone, underwater or tinny curve at frequencies above 0."""
    if name == "telephone":
        return butterworth_db(300 / frequencies_hz, 4) + butterworth_db(frequencies_hz / 3400, 8)
    if name == "underwater":
        return butterworth_db(frequencies_hz / 500, 3) + bell_db(frequencies_hz, 250, 1.5, 6.0)
    return butterworth_db(900 / frequencies_hz, 3) + bell_db(frequencies_hz, 3000, 1.0, 9.0)


def limit_bandwidth(waveform: Waveform, parameters: BandLimitParameters, _rng: np.random.Generator) -> Distorted:
    """Return sound without its upper end. Raises AudioError, and ConfigError for a cut-off out of range."""
    high_hz = check_range("band-limit", "high_hz", parameters.high_hz, 8, 200_000)
    check_range("band-limit", "order", parameters.order, 1, 64)
    frequencies_hz = _frequencies_hz(waveform, "band-limit")
    gains_db = np.zeros_like(frequencies_hz)
    if high_hz < 0.49 * waveform.rate_hz:
        gains_db = butterworth_db(frequencies_hz / high_hz, parameters.order)
    return _filtered(waveform, gains_db, "band-limit", parameters, parameters.phase)


def cut_band(waveform: Waveform, parameters: BandParameters, rng: np.random.Generator) -> Distorted:
    """Return sound with a band missing (a gain below 0 dB). Raises AudioError, ConfigError."""
    return _band(waveform, parameters, rng, "band-gap", steepness=4)


def resonate(waveform: Waveform, parameters: BandParameters, rng: np.random.Generator) -> Distorted:
    """Return sound with a band that rings out (a gain above 0 dB). Raises AudioError, ConfigError."""
    return _band(waveform, parameters, rng, "resonance", steepness=1)


def _band(
    waveform: Waveform, parameters: BandParameters, rng: np.random.Generator, name: str, *, steepness: int
) -> Distorted:
    gain_db = check_range(name, "gain_db", parameters.gain_db, -80, 40)
    width = check_range(name, "width_octaves", parameters.width_octaves, 0.05, 8)
    frequencies_hz = _frequencies_hz(waveform, name)
    drawn_hz = _draw_hz(rng, 150, 6000, waveform.rate_hz)
    centre_hz = check_range(name, "centre_hz", parameters.centre_hz or drawn_hz, 10, waveform.rate_hz / 2)
    gains_db = bell_db(frequencies_hz, centre_hz, width, gain_db, steepness=steepness)
    return _filtered(waveform, gains_db, name, replace(parameters, centre_hz=centre_hz), parameters.phase)


def add_shelf(waveform: Waveform, parameters: SlopeParameters, rng: np.random.Generator) -> Distorted:
    """Return sound with all below or above a corner louder or softer. Raises AudioError, ConfigError."""
    gain_db = check_range("shelf", "gain_db", parameters.gain_db, -60, 40)
    frequencies_hz = _frequencies_hz(waveform, "shelf")
    drawn_hz, drawn_side = _draw_hz(rng, 300, 4000, waveform.rate_hz), "low" if rng.random() < 0.5 else "high"
    corner_hz = check_range("shelf", "corner_hz", parameters.corner_hz or drawn_hz, 10, waveform.rate_hz / 2)
    side: Literal["low", "high"] = "low" if (parameters.side or drawn_side) == "low" else "high"
    ratio = frequencies_hz / corner_hz if side == "high" else corner_hz / frequencies_hz
    gains_db = gain_db * ratio**2 / (1 + ratio**2)
    done = replace(parameters, corner_hz=corner_hz, side=side)
    return _filtered(waveform, gains_db, "shelf", done, parameters.phase)


def tilt(waveform: Waveform, parameters: TiltParameters, _rng: np.random.Generator) -> Distorted:
    """Return sound with a spectrum that leans to the low or the high end. Raises AudioError, ConfigError."""
    slope = check_range("tilt", "db_per_octave", parameters.db_per_octave, -24, 24)
    frequencies_hz = _frequencies_hz(waveform, "tilt")
    gains_db = slope * np.log2(np.maximum(frequencies_hz, 30.0) / 1000)
    return _filtered(waveform, gains_db - gains_db.max(), "tilt", parameters, parameters.phase)


def butterworth_db(ratio: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Return the gains of a Butterworth slope at frequencies over its cut-off (or under it, for a high-pass)."""
    with np.errstate(over="ignore"):
        gains_db: NDArray[np.float64] = np.maximum(-10 * np.log10(1 + ratio ** (2 * order)), LOWEST_GAIN_DB)
    return gains_db


def bell_db(
    frequencies_hz: NDArray[np.float64], centre_hz: float, width_octaves: float, gain_db: float, *, steepness: int = 1
) -> NDArray[np.float64]:
    """Return a gain around a centre; at the ends of its width it is half, and steepness squares the corners."""
    octaves = np.log2(frequencies_hz / centre_hz)
    return gain_db / (1 + np.abs(2 * octaves / width_octaves) ** (2 * steepness))


def design_filter(gains_db: NDArray[np.float64], phase: Phase) -> NDArray[np.float64]:
    """Return the impulse response of gains at n + 1 even frequencies from 0 to half the rate.

    Returns:
        float64 (2 n + 1,), symmetric about its middle, for zero phase; float64 (2 n,) for minimum phase, by the
        cepstrum (A. Oppenheim and R. Schafer, "Discrete-Time Signal Processing", section on minimum phase).
    """
    n_taps = 2 * (len(gains_db) - 1)
    log_gains = np.maximum(gains_db, LOWEST_GAIN_DB) * (math.log(10) / 20)
    if phase == "zero":
        response = np.fft.fftshift(np.fft.irfft(np.exp(log_gains), n_taps))
        return np.append(response, response[0]) * np.hanning(n_taps + 1)
    cepstrum = np.fft.irfft(log_gains, n_taps)
    cepstrum[1 : n_taps // 2] *= 2
    cepstrum[n_taps // 2 + 1 :] = 0
    return np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), n_taps)


def _frequencies_hz(waveform: Waveform, effect: str) -> NDArray[np.float64]:
    """Return where gains are needed: even from 0 (told as a little more) to half the rate."""
    check_sound(waveform, effect)
    n_half = 2 ** math.ceil(math.log2(max(8.0, FILTER_S * waveform.rate_hz / 2)))
    frequencies_hz = np.linspace(0, waveform.rate_hz / 2, n_half + 1)
    frequencies_hz[0] = 0.1 * frequencies_hz[1]
    return frequencies_hz


def _filtered(
    waveform: Waveform, gains_db: NDArray[np.float64], effect: str, parameters: object, phase: Phase
) -> Distorted:
    from scipy import signal

    response = design_filter(gains_db, phase)
    start = len(response) // 2 if phase == "zero" else 0
    whole = signal.oaconvolve(waveform.samples.astype(np.float64), response[np.newaxis], axes=1)
    samples = whole[:, start : start + waveform.n_samples]
    return finish(waveform, samples, effect, "frequency", parameters)


def _draw_hz(rng: np.random.Generator, low_hz: float, high_hz: float, rate_hz: int) -> float:
    """Return a frequency drawn evenly in log frequency, within a range and below 0.4 of the rate."""
    high_hz = max(20.0, min(high_hz, 0.4 * rate_hz))
    return round(float(np.exp(rng.uniform(math.log(min(low_hz, high_hz / 2)), math.log(high_hz)))), 1)
