"""Faults of phase and stereo. All need two channels; which of them suffers is drawn by chance unless it is told."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.effects.base import Distorted, check_range, check_stereo, finish
from earmark.distortion.severity import stereo_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform

DIFFUSER_S = 0.02  # of noise, as long as the ear takes for one sound with what it follows


@dataclass(frozen=True)
class InversionParameters:
    """One channel (0 or 1; None draws it) is turned in phase; 180 degrees is a swapped polarity."""

    angle_deg: float = 180.0
    channel: int | None = None


@dataclass(frozen=True)
class DelayParameters:
    """One channel comes late by 0.01 to 100 ms, in fractions of a sample too."""

    delay_ms: float = 1.0
    channel: int | None = None


@dataclass(frozen=True)
class LostChannelParameters:
    """One channel is silent."""

    channel: int | None = None


@dataclass(frozen=True)
class ImbalanceParameters:
    """The softer channel loses 0 to 60 dB more; of equal ones the one that is told or drawn."""

    imbalance_db: float = 6.0
    channel: int | None = None


@dataclass(frozen=True)
class OverWideParameters:
    """The difference of the channels gains 0 to 40 dB against their mean."""

    side_db: float = 6.0


@dataclass(frozen=True)
class FalseStereoParameters:
    """The channels are their mean plus and minus a diffuse copy of it, `amount` (0 to 10) times as strong."""

    amount: float = 0.7


@dataclass(frozen=True)
class FoldDownParameters:
    """In a band of `width_octaves` (0.1 to 12), one channel has its polarity swapped: it cancels in the mono mix."""

    width_octaves: float = 3.0
    centre_hz: float | None = None
    channel: int | None = None


def invert(waveform: Waveform, parameters: InversionParameters, rng: np.random.Generator) -> Distorted:
    """Return sound with one channel turned in phase at all frequencies alike. Raises AudioError, ConfigError."""
    from scipy import fft, signal

    check_stereo(waveform, "inversion")
    angle_deg = check_range("inversion", "angle_deg", parameters.angle_deg, 0, 180)
    channel = _channel("inversion", parameters.channel, rng)
    samples = waveform.samples.astype(np.float64)
    if angle_deg == 180:
        samples[channel] *= -1
    else:
        n_fast = fft.next_fast_len(2 * waveform.n_samples)
        turned = signal.hilbert(samples[channel], n_fast)[: waveform.n_samples] * np.exp(1j * math.radians(angle_deg))
        samples[channel] = turned.real
    done = replace(parameters, channel=channel)
    return finish(waveform, samples, "inversion", "phase", done)


def delay(waveform: Waveform, parameters: DelayParameters, rng: np.random.Generator) -> Distorted:
    """Return sound with one channel late. Raises AudioError, and ConfigError for a delay out of range."""
    check_stereo(waveform, "delay")
    delay_ms = check_range("delay", "delay_ms", parameters.delay_ms, 0.0, 100)
    channel = _channel("delay", parameters.channel, rng)
    samples = waveform.samples.astype(np.float64)
    samples[channel] = _late(samples[channel], delay_ms * waveform.rate_hz / 1000)
    return finish(waveform, samples, "delay", "phase", replace(parameters, channel=channel))


def lose_channel(waveform: Waveform, parameters: LostChannelParameters, rng: np.random.Generator) -> Distorted:
    """Return sound with one channel silent; a channel that carries nothing is not chosen. Raises AudioError."""
    check_stereo(waveform, "lost-channel")
    sounding = np.any(waveform.samples, axis=1)
    if parameters.channel is None and not sounding.all():
        parameters = replace(parameters, channel=int(np.argmin(sounding)))
    channel = _channel("lost-channel", parameters.channel, rng)
    samples = waveform.samples.astype(np.float64)
    samples[channel] = 0
    return finish(waveform, samples, "lost-channel", "phase", replace(parameters, channel=channel))


def unbalance(waveform: Waveform, parameters: ImbalanceParameters, rng: np.random.Generator) -> Distorted:
    """Return sound that leans to one side by so much more. Raises AudioError, ConfigError."""
    check_stereo(waveform, "imbalance")
    imbalance_db = check_range("imbalance", "imbalance_db", parameters.imbalance_db, 0, 60)
    channel = _channel("imbalance", parameters.channel, rng)
    if parameters.channel is None and stereo_image(waveform).imbalance_db > 0.1:
        channel = int(np.argmin(np.sum(np.square(waveform.samples, dtype=np.float64), axis=1)))
    samples = waveform.samples.astype(np.float64)
    samples[channel] *= 10 ** (-imbalance_db / 20)
    return finish(waveform, samples, "imbalance", "phase", replace(parameters, channel=channel))


def widen(waveform: Waveform, parameters: OverWideParameters, _rng: np.random.Generator) -> Distorted:
    """Return sound with the difference of its channels blown up. Raises AudioError, ConfigError."""
    check_stereo(waveform, "over-wide")
    factor = 10 ** (check_range("over-wide", "side_db", parameters.side_db, 0, 40) / 20)
    left, right = waveform.samples.astype(np.float64)
    middle, side = (left + right) / 2, factor * (left - right) / 2
    return finish(waveform, np.stack([middle + side, middle - side]), "over-wide", "phase", parameters)


def fake_stereo(waveform: Waveform, parameters: FalseStereoParameters, rng: np.random.Generator) -> Distorted:
    """Return the mono mix made to sound wide (Lauridsen's way, with noise for the delay).

    Against an original that was wide itself the true severity may be 0. Raises AudioError, ConfigError.
    """
    from scipy import signal

    check_stereo(waveform, "false-stereo")
    amount = check_range("false-stereo", "amount", parameters.amount, 0, 10)
    middle = waveform.samples.mean(axis=0, dtype=np.float64)
    n_taps = max(4, round(DIFFUSER_S * waveform.rate_hz))
    taps = rng.standard_normal(n_taps) * np.exp(-3 * np.arange(n_taps) / n_taps)
    taps[0] = 0
    diffuse = signal.oaconvolve(middle, taps)[: waveform.n_samples]
    diffuse *= math.sqrt(float(middle @ middle) / max(float(diffuse @ diffuse), 1e-30))
    samples = np.stack([middle + amount * diffuse, middle - amount * diffuse])
    return finish(waveform, samples, "false-stereo", "phase", parameters)


def cancel_in_mono(waveform: Waveform, parameters: FoldDownParameters, rng: np.random.Generator) -> Distorted:
    """Return sound with one channel's polarity swapped in a band. Raises AudioError, ConfigError."""
    check_stereo(waveform, "fold-down")
    width = check_range("fold-down", "width_octaves", parameters.width_octaves, 0.1, 12)
    channel = _channel("fold-down", parameters.channel, rng)
    half_hz = waveform.rate_hz / 2
    drawn_hz = round(float(np.exp(rng.uniform(math.log(100), math.log(min(2000.0, half_hz / 2))))), 1)
    centre_hz = check_range("fold-down", "centre_hz", parameters.centre_hz or drawn_hz, 10, half_hz)
    samples = waveform.samples.astype(np.float64)
    spectrum = np.fft.rfft(samples[channel])
    frequencies_hz = np.maximum(np.fft.rfftfreq(waveform.n_samples, 1 / waveform.rate_hz), 1e-3)
    octaves = np.abs(np.log2(frequencies_hz / centre_hz))
    # from +1 to -1 within a sixth of an octave on either side, so that the edges do not ring for long
    edge = np.clip((octaves - width / 2) * 6, -1, 1)
    samples[channel] = np.fft.irfft(spectrum * np.sin(np.pi / 2 * edge), waveform.n_samples)
    done = replace(parameters, channel=channel, centre_hz=centre_hz)
    return finish(waveform, samples, "fold-down", "phase", done)


def _channel(effect: str, channel: int | None, rng: np.random.Generator) -> int:
    drawn = int(rng.integers(2))
    return drawn if channel is None else int(check_range(effect, "channel", channel, 0, 1))


def _late(samples: NDArray[np.float64], delay_samples: float) -> NDArray[np.float64]:
    """Return samples moved later, the gap filled with zeros; fractions by a windowed sinc of 64 taps."""
    whole = math.floor(delay_samples)
    moved = np.zeros_like(samples)
    moved[whole:] = samples[: max(0, len(samples) - whole)]
    if not delay_samples - whole > 1e-6:
        return moved
    taps = np.arange(-31, 33)
    kernel = np.sinc(taps - (delay_samples - whole)) * np.hanning(66)[1:-1]
    return np.convolve(moved, kernel)[31 : 31 + len(samples)]
