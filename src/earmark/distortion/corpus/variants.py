"""What clean sound can be like: loud, quiet, mono, narrow, wide, faded, with silence in it. None of it is a fault.

These are the hard negatives: whatever a model takes for damage here would be a false alarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.resample import resample
from earmark.audio.waveform import Waveform
from earmark.distortion.severity import measure_severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# Half of what counts as a fault: what a variant changes may not come near one.
MOST_SEVERITY = 0.08
NOTHING_LEFT = 1e-3  # of the level: channels that cancel in mono, a pause where all the sound was
NARROW_HZ = (14_500.0, 19_500.0)
OTHER_RATES_HZ = (16_000, 22_050, 24_000, 32_000, 48_000, 48_000, 96_000)


def make_loud(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return sound as mastered loud: 3 to 9 dB into a look-ahead limiter, which cuts nothing off.

    The gain is the least that keeps each sample below the ceiling within 5 ms to both sides, smoothed over the same
    time, so that its changes are slow against the wave.
    """
    from scipy import ndimage

    peak = float(np.abs(waveform.samples).max())
    drive = 10 ** (rng.uniform(3, 9) / 20)
    reach = max(1, round(0.005 * waveform.rate_hz))
    wanted = np.minimum(1.0, peak / np.maximum(drive * np.abs(waveform.samples).max(axis=0), 1e-9))
    least = ndimage.minimum_filter1d(wanted, 2 * reach + 1)
    release = max(reach, round(rng.uniform(0.02, 0.12) * waveform.rate_hz))
    held = ndimage.minimum_filter1d(least, 2 * release + 1)
    gain = ndimage.uniform_filter1d(ndimage.uniform_filter1d(held, release), release)
    gain = np.minimum(gain, ndimage.uniform_filter1d(least, 2 * reach + 1))
    return Waveform((drive * gain * waveform.samples).astype(np.float32), waveform.rate_hz)


def make_mono(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return the mean of the channels, as one channel or as two equal ones."""
    mono = waveform.samples.mean(axis=0, keepdims=True)
    both = waveform.n_channels == 2 and rng.random() < 0.5
    return Waveform(np.repeat(mono, 2 if both else 1, axis=0), waveform.rate_hz)


def make_narrow(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return sound that ends at 14.5 to 19.5 kHz, as old converters leave it."""
    return Waveform(_low_pass(waveform.samples, waveform.rate_hz, rng.uniform(*NARROW_HZ)), waveform.rate_hz)


def change_rate(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return sound at another common rate."""
    rate_hz = int(rng.choice([each for each in OTHER_RATES_HZ if each != waveform.rate_hz]))
    return Waveform(resample(waveform.samples, waveform.rate_hz, rate_hz), rate_hz)


def make_wide(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return sound somewhat wider than it was, by more of the side."""
    if waveform.n_channels != 2:
        return waveform
    half = waveform.samples[0] / 2, waveform.samples[1] / 2
    mid, side = half[0] + half[1], half[0] - half[1]
    side = side * np.float32(10 ** (rng.uniform(1, 5) / 20))
    return Waveform(np.stack([mid + side, mid - side]), waveform.rate_hz)


def fade(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return sound that fades in, out or both, over 1 to 6 s."""
    n_samples = waveform.n_samples
    n_fade = min(n_samples, round(rng.uniform(1, 6) * waveform.rate_hz))
    ramp = np.linspace(0, 1, n_fade, dtype=np.float32) ** np.float32(rng.choice([1.0, 2.0]))
    samples = waveform.samples.copy()
    where = int(rng.integers(3))
    if where != 1:
        samples[:, :n_fade] *= ramp
    if where != 0:
        samples[:, n_samples - n_fade :] *= ramp[::-1]
    return Waveform(samples, waveform.rate_hz)


def add_pause(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return sound with 0.7 to 4 s of digital silence, faded over 20 to 200 ms to both sides, at any place."""
    rate_hz, n_samples = waveform.rate_hz, waveform.n_samples
    n_fade = round(rng.uniform(0.02, 0.2) * rate_hz)
    n_pause = min(n_samples // 2, round(rng.uniform(0.7, 4) * rate_hz))
    start = int(rng.integers(0, max(1, n_samples - n_pause)))
    times = np.arange(n_samples)
    beside = np.maximum(start - times, times - (start + n_pause))
    gain = np.clip(beside / n_fade, 0, 1).astype(np.float32)
    return Waveform(waveform.samples * gain, rate_hz)


def colour(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Return sound a little brighter or darker, as one mastering differs from another."""
    frequencies = np.fft.rfftfreq(waveform.n_samples, 1 / waveform.rate_hz)
    octaves = np.log2(np.maximum(frequencies, 50) / 1000)
    gain = 10 ** (rng.uniform(-1, 1) * octaves / 20)
    return Waveform(_filtered(waveform.samples, gain), waveform.rate_hz)


VARIANTS: dict[str, Callable[[Waveform, np.random.Generator], Waveform]] = {
    "loud": make_loud,
    "mono": make_mono,
    "narrow": make_narrow,
    "rate": change_rate,
    "wide": make_wide,
    "fade": fade,
    "pause": add_pause,
    "colour": colour,
    "quiet": lambda waveform, _: waveform,  # a matter of the level that the clip is written at
}
MEASURED = {"narrow": "frequency", "colour": "frequency", "wide": "phase"}


def vary(waveform: Waveform, variant: str, rng: np.random.Generator) -> Waveform:
    """Return the variant of clean sound, or the sound as it was where that would come near a fault or to silence."""
    if not variant:
        return waveform
    changed = VARIANTS[variant](waveform, rng)
    if _level(changed) <= NOTHING_LEFT * _level(waveform):
        return waveform
    kind = MEASURED.get(variant)
    if kind == "frequency" and measure_severity("frequency", waveform, changed) > MOST_SEVERITY:
        return waveform
    if kind == "phase" and waveform.n_channels == 2 and measure_severity("phase", waveform, changed) > MOST_SEVERITY:
        return waveform
    return changed


def _level(waveform: Waveform) -> float:
    return float(np.sqrt(np.mean(np.square(waveform.samples))))


def _low_pass(samples: NDArray[np.float32], rate_hz: int, edge_hz: float) -> NDArray[np.float32]:
    frequencies = np.fft.rfftfreq(samples.shape[1], 1 / rate_hz)
    return _filtered(samples, np.clip((edge_hz + 200 - frequencies) / 400, 0, 1))


def _filtered(samples: NDArray[np.float32], gain: NDArray[np.float64]) -> NDArray[np.float32]:
    from scipy import fft

    shaped = fft.rfft(samples, axis=1) * gain.astype(np.float32)
    filtered: NDArray[np.float32] = fft.irfft(shaped, samples.shape[1], axis=1).astype(np.float32)
    return filtered
