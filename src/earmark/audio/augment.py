"""Augmentation: one pure function per effect, chance only through the generator it is given.

Sound is float32 (n_samples,); results are float32, new arrays, and may exceed [-1, 1] where energy is added. Lengths
stay, except for `stretch_time` and `change_speed`, which say what theirs becomes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from earmark.audio.stretch import change_pitch, change_speed, check_samples, stretch_time
from earmark.core.errors import AudioError
from earmark.core.units import seconds_to_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Masks",
    "add_noise",
    "add_reverberation",
    "change_gain",
    "change_pitch",
    "change_speed",
    "clip_peaks",
    "coloured_noise",
    "limit_band",
    "mask_spectrogram",
    "random_equalizer",
    "shift_time",
    "stretch_time",
]

Colour = Literal["white", "pink", "brown"]
_SLOPES: dict[Colour, float] = {"white": 0.0, "pink": 0.5, "brown": 1.0}  # amplitude falls as frequency ** -slope
REVERBERATION_ONSET_S = 0.002  # sound takes this long for a detour of 0.7 m


def coloured_noise(n_samples: int, colour: Colour, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return noise of root mean square 1, float32 (n_samples,).

    Power falls with frequency by 0 (white), 3 (pink) or 6 (brown) dB per octave; coloured noise has no mean.
    Raises AudioError for another colour or no samples.
    """
    if colour not in _SLOPES or n_samples < 1:
        raise AudioError(
            f"coloured_noise: found {n_samples} samples of {colour!r}, expected one or more of {', '.join(_SLOPES)}"
        )
    noise = rng.standard_normal(n_samples)
    if _SLOPES[colour] and n_samples > 1:
        spectrum = np.fft.rfft(noise)
        spectrum[0] = 0
        spectrum[1:] *= np.arange(1, len(spectrum)) ** -_SLOPES[colour]
        noise = np.fft.irfft(spectrum, n_samples)
    even: NDArray[np.float32] = (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
    return even


def add_noise(samples: NDArray[np.float32], noise: NDArray[np.float32], snr_db: float) -> NDArray[np.float32]:
    """Return sound with noise mixed in at a ratio of mean powers, float32 (n_samples,).

    Args:
        samples: float32 (n_samples,), not silent.
        noise: float32 of any length, not silent; its start is taken, or it is repeated as needed.
        snr_db: 10 log10 of the power of `samples` over that of the noise put in.

    Raises:
        AudioError: Either is empty, silent or of another type, or the ratio is not finite.
    """
    check_samples(samples, "add_noise")
    check_samples(noise, "add_noise: noise")
    fitted = np.resize(noise, len(samples))
    power, noise_power = _power(samples), _power(fitted)
    if not (power > 0 and noise_power > 0 and math.isfinite(snr_db)):
        raise AudioError(
            f"add_noise: found sound of power {power:g}, noise of power {noise_power:g} and {snr_db} dB, "
            "expected powers above 0 and a finite ratio; leave silent clips out"
        )
    gain = np.float32(math.sqrt(power / noise_power) * 10 ** (-snr_db / 20))
    mixed: NDArray[np.float32] = samples + gain * fitted
    return mixed


def _power(samples: NDArray[np.float32]) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def change_gain(samples: NDArray[np.float32], gain_db: float) -> NDArray[np.float32]:
    """Return sound made louder or softer, float32 (n_samples,). Raises AudioError for a gain that is not finite."""
    check_samples(samples, "change_gain")
    if not math.isfinite(gain_db):
        raise AudioError(f"change_gain: found {gain_db} dB, expected a finite gain")
    return samples * np.float32(10 ** (gain_db / 20))


def shift_time(samples: NDArray[np.float32], shift_samples: int) -> NDArray[np.float32]:
    """Return sound moved later (or earlier, if negative), float32 (n_samples,).

    What leaves is lost, the gap is filled with zeros. Raises AudioError as all functions here.
    """
    check_samples(samples, "shift_time")
    shifted = np.zeros_like(samples)
    if shift_samples >= 0:
        shifted[shift_samples:] = samples[: max(0, len(samples) - shift_samples)]
    else:
        shifted[:shift_samples] = samples[-shift_samples:]
    return shifted


def limit_band(
    samples: NDArray[np.float32],
    rate_hz: int,
    *,
    low_hz: float | None = 300.0,
    high_hz: float | None = 3400.0,
    order: int = 4,
) -> NDArray[np.float32]:
    """Return sound without what lies outside a band (by default the telephone's), float32 (n_samples,).

    Butterworth filters run forwards and backwards, so nothing is delayed and the edges are at -6 dB. An edge of None is
    left open, and so is `high_hz` at or above half the rate, where there is nothing to take away.
    Raises AudioError if the band is empty or starts at or above half the rate.
    """
    from scipy import signal

    check_samples(samples, "limit_band")
    nyquist_hz = rate_hz / 2
    high_hz = None if high_hz is not None and high_hz >= nyquist_hz else high_hz
    if not 0 < (low_hz or 1e-9) < (high_hz or nyquist_hz) or order < 1:
        raise AudioError(
            f"limit_band: found {low_hz} to {high_hz} Hz of order {order} at {rate_hz} Hz, "
            f"expected 0 < low_hz < high_hz, below {nyquist_hz:g} Hz, and an order from 1"
        )
    edges: list[tuple[float, Literal["highpass", "lowpass"]]] = []
    edges += [] if low_hz is None else [(low_hz, "highpass")]
    edges += [] if high_hz is None else [(high_hz, "lowpass")]
    filtered = samples.astype(np.float64)
    for edge_hz, kind in edges:
        sections = signal.butter(order, edge_hz, kind, fs=rate_hz, output="sos")
        # longest useful extension at the ends: the filter's own default, or what a short sound allows
        padding = min(3 * (2 * len(sections) + 1), len(samples) - 1)
        filtered = signal.sosfiltfilt(sections, filtered, padlen=padding)
    return filtered.astype(np.float32)


def add_reverberation(
    samples: NDArray[np.float32],
    rate_hz: int,
    rt60_s: float,
    rng: np.random.Generator,
    *,
    direct_to_reverberant_db: float = 3.0,
) -> NDArray[np.float32]:
    """Return sound as in a room, float32 (n_samples,); the direct sound stays where and as loud as it is.

    The room is white noise that decays by 60 dB in `rt60_s` (Polack's model), starting 2 ms after the direct sound;
    its energy stands `direct_to_reverberant_db` below that of the direct path. Raises AudioError for times outside
    (0, 20] s or a ratio that is not finite.
    """
    from scipy import signal

    check_samples(samples, "add_reverberation")
    if not (0 < rt60_s <= 20 and math.isfinite(direct_to_reverberant_db)):
        raise AudioError(
            f"add_reverberation: found rt60_s={rt60_s}, direct_to_reverberant_db={direct_to_reverberant_db}, "
            "expected 0 < rt60_s <= 20 and a finite ratio"
        )
    n_tail = max(1, seconds_to_samples(rt60_s, rate_hz))
    decay = np.exp(-math.log(1000) * np.arange(n_tail) / (rt60_s * rate_hz))  # 60 dB are a factor of 1000
    tail = rng.standard_normal(n_tail) * decay
    tail *= 10 ** (-direct_to_reverberant_db / 20) / np.sqrt(np.sum(tail**2))
    onset = max(1, seconds_to_samples(REVERBERATION_ONSET_S, rate_hz))
    room = signal.oaconvolve(samples.astype(np.float64), tail)[: max(0, len(samples) - onset)]
    wet = samples.astype(np.float64)
    wet[onset:] += room
    return wet.astype(np.float32)


def clip_peaks(samples: NDArray[np.float32], depth_db: float) -> NDArray[np.float32]:
    """Return sound cut off at `depth_db` below its own peak, float32 (n_samples,).

    Raises AudioError for a negative or infinite depth.
    """
    check_samples(samples, "clip_peaks")
    if not 0 <= depth_db < math.inf:
        raise AudioError(f"clip_peaks: found depth_db={depth_db}, expected 0 or more")
    ceiling = np.float32(np.abs(samples).max() * 10 ** (-depth_db / 20))
    return np.clip(samples, -ceiling, ceiling)


def random_equalizer(
    samples: NDArray[np.float32],
    rate_hz: int,
    rng: np.random.Generator,
    *,
    n_bands: int = 4,
    max_gain_db: float = 6.0,
) -> NDArray[np.float32]:
    """Return sound through peaking filters at random places, as of another microphone, float32 (n_samples,).

    Centres are drawn evenly in log frequency from 60 Hz (or 1/400 of the rate, if higher) to 0.45 of the rate, gains
    from -max_gain_db to max_gain_db, Q from 0.5 to 2. Filters: R. Bristow-Johnson, "Audio EQ Cookbook", peakingEQ.
    Raises AudioError for fewer than one band or a negative gain.
    """
    from scipy import signal

    check_samples(samples, "random_equalizer")
    if n_bands < 1 or not 0 <= max_gain_db < math.inf:
        raise AudioError(
            f"random_equalizer: found n_bands={n_bands}, max_gain_db={max_gain_db}, expected 1 or more and 0 or more"
        )
    lowest_hz = min(max(60.0, rate_hz / 400), 0.2 * rate_hz)
    centres_hz = np.exp(rng.uniform(math.log(lowest_hz), math.log(0.45 * rate_hz), n_bands))
    amplitude = 10 ** (rng.uniform(-max_gain_db, max_gain_db, n_bands) / 40)
    omega = 2 * np.pi * centres_hz / rate_hz
    alpha = np.sin(omega) / (2 * rng.uniform(0.5, 2.0, n_bands))
    cosine = -2 * np.cos(omega)
    sections = np.stack(
        [1 + alpha * amplitude, cosine, 1 - alpha * amplitude, 1 + alpha / amplitude, cosine, 1 - alpha / amplitude],
        axis=1,
    )
    sections /= sections[:, 3:4]
    filtered: NDArray[np.float32] = signal.sosfilt(sections, samples.astype(np.float64)).astype(np.float32)
    return filtered


@dataclass(frozen=True)
class Masks:
    """How `mask_spectrogram` masks; the widths are drawn evenly from 0 to the largest.

    Attributes:
        n_mel_masks: Masks over all frames of some neighbouring mels ("mF" in the paper).
        max_mels: Largest width of such a mask ("F").
        n_time_masks: Masks over all mels of some neighbouring frames ("mT").
        max_frames: Largest width of such a mask ("T").
        max_time_share: No time mask is wider than this share of the frames ("p").
    """

    n_mel_masks: int = 2
    max_mels: int = 8
    n_time_masks: int = 2
    max_frames: int = 20
    max_time_share: float = 0.2


def mask_spectrogram(
    features: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    masks: Masks = Masks(),
    fill: float | None = None,
) -> NDArray[np.float32]:
    """Return features with random stretches of time and frequency masked (SpecAugment without time warping).

    Source: D. S. Park et al., "SpecAugment", Interspeech 2019, arXiv:1904.08779, section 2.

    Args:
        features: float32 (..., n_frames, n_mels); every item of the leading axes gets masks of its own.
        rng: Where the masks are.
        masks: How many and how wide.
        fill: Value under the masks; None is each item's own mean, the paper's 0 for normalised features.

    Returns:
        float32 of the same shape.

    Raises:
        AudioError: There are fewer than two axes, or no features.
    """
    if features.ndim < 2 or features.size == 0:
        raise AudioError(f"mask_spectrogram: found shape {features.shape}, expected (..., n_frames, n_mels)")
    n_frames, n_mels = features.shape[-2:]
    items = features.reshape(-1, n_frames, n_mels).copy()
    widest = min(masks.max_frames, int(masks.max_time_share * n_frames))
    for item in items:
        value = item.mean() if fill is None else fill
        for start, stop in _draw_masks(masks.n_mel_masks, min(masks.max_mels, n_mels), n_mels, rng):
            item[:, start:stop] = value
        for start, stop in _draw_masks(masks.n_time_masks, widest, n_frames, rng):
            item[start:stop] = value
    return items.reshape(features.shape)


def _draw_masks(n_masks: int, widest: int, length: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    widths = rng.integers(0, widest, n_masks, endpoint=True)
    starts = [int(rng.integers(0, length - width, endpoint=True)) for width in widths]
    return [(start, start + int(width)) for start, width in zip(starts, widths, strict=True)]
