"""Where noise comes from: each source is a pure function of length, rate and chance.

Sources return float64 (n_samples,) at any level, or what fits a number of channels; `earmark.distortion.effects.noise`
brings them to the wanted ratio.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.augment import coloured_noise
from earmark.audio.resample import resample
from earmark.core.units import seconds_to_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HUM_HZ = (50.0, 60.0)  # of the mains in most of the world, and in the Americas and parts of Asia
N_HARMONICS = 20
N_TALKERS = 8
SPEECH_RATE_HZ = 16_000
# First three formants of five vowels (Hz), rounded from G. Peterson and H. Barney, J. Acoust. Soc. Am. 24, 1952.
VOWELS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))


def hiss(n_samples: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return tape hiss: white noise that falls by 6 dB per octave below 3 kHz."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    frequencies_hz = np.fft.rfftfreq(n_samples, 1 / rate_hz)
    spectrum *= frequencies_hz / np.hypot(frequencies_hz, min(3000.0, 0.25 * rate_hz))
    return np.fft.irfft(spectrum, n_samples)


def hum(n_samples: int, rate_hz: int, rng: np.random.Generator, mains_hz: float) -> NDArray[np.float64]:
    """Return mains hum: a fundamental that wanders by 0.1 % and harmonics that fall off, the odd ones less."""
    times_s = np.arange(n_samples) / rate_hz
    wander = 1e-3 * mains_hz * np.sin(2 * np.pi * (rng.uniform(0.02, 0.1) * times_s + rng.random())) / 2
    phase = 2 * np.pi * np.cumsum(mains_hz + wander) / rate_hz
    fall = rng.uniform(0.5, 1.5)
    total = np.zeros(n_samples)
    for harmonic in range(1, N_HARMONICS + 1):
        if harmonic * mains_hz * 1.01 >= rate_hz / 2:
            break
        strength = rng.uniform(0.3, 1.0) * harmonic**-fall * (1.0 if harmonic % 2 else 0.5)
        total += strength * np.sin(harmonic * phase + rng.uniform(0, 2 * np.pi))
    return total


def crackle(n_samples: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the crackle of a worn record: ticks of all sizes, 100 to 2000 a second, each below two milliseconds."""
    per_s = math.exp(rng.uniform(math.log(100), math.log(2000)))
    n_ticks = max(1, rng.poisson(per_s * n_samples / rate_hz))
    return ticks(n_samples, rate_hz, rng, rng.lognormal(0.0, 0.7, n_ticks))


def ticks(n_samples: int, rate_hz: int, rng: np.random.Generator, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return decaying ticks of these sizes (their peaks) at random places; some ring, some do not."""
    longest = max(2, min(n_samples, seconds_to_samples(0.002, rate_hz)))
    ages_s = np.arange(longest) / rate_hz
    total = np.zeros(n_samples + longest)
    for size in sizes:  # all of a tick is drawn at once, so that one tick more leaves those before it alone
        start = int(rng.integers(n_samples))
        decay = np.exp(-ages_s / rng.uniform(3e-5, 4e-4))
        ringing = np.cos(2 * np.pi * rng.uniform(0, min(6000.0, 0.3 * rate_hz)) * ages_s)
        total[start : start + longest] += size * rng.choice((-1.0, 1.0)) * decay * ringing
    return total[:n_samples]


def traffic(n_samples: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a road: a far rumble, and cars that come and go, each with an engine and the hiss of its tyres."""
    times_s = np.arange(n_samples) / rate_hz
    duration_s = n_samples / rate_hz
    rumble = _between(coloured_noise(n_samples, "brown", rng), rate_hz, 20, 400)
    total = 0.3 * rumble / _level(rumble)
    for _ in range(max(2, rng.poisson(duration_s / 3))):
        nearness = 1 / (1 + ((times_s - rng.uniform(-1, duration_s + 1)) / rng.uniform(0.5, 2.5)) ** 2)
        tyres = _between(coloured_noise(n_samples, "pink", rng), rate_hz, 300, rng.uniform(1500, 4000))
        engine = _between(coloured_noise(n_samples, "brown", rng), rate_hz, 40, rng.uniform(150, 400))
        loudness = rng.uniform(0.3, 1.0)
        total += loudness * (nearness**2 * tyres / _level(tyres) + nearness * engine / _level(engine))
    return total


def babble(n_samples: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a crowd of eight synthetic talkers: pulse trains through vowels that change with each syllable.

    No word can be understood; spectrum (to 8 kHz), pitch and the 3 to 6 syllables a second are those of speech.
    """
    n_speech = max(64, math.ceil(n_samples * SPEECH_RATE_HZ / rate_hz) + 1)
    total = np.sum([_talker(n_speech, rng) for _ in range(N_TALKERS)], axis=0)
    sounding = resample(total.astype(np.float32), SPEECH_RATE_HZ, rate_hz)
    return np.resize(sounding, n_samples).astype(np.float64)


def _talker(n_samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    from scipy import signal

    pitch_hz, done = rng.uniform(85, 240), 0
    voice = np.zeros(n_samples)
    while done < n_samples:
        length = min(n_samples - done, int(SPEECH_RATE_HZ * rng.uniform(1 / 6, 1 / 3)))
        contour_hz = pitch_hz * np.linspace(rng.uniform(0.9, 1.2), rng.uniform(0.8, 1.1), length)
        pulses = np.diff(np.floor(np.cumsum(contour_hz) / SPEECH_RATE_HZ), prepend=0.0)
        syllable = signal.lfilter([1.0], [1.0, -0.95], pulses) + 0.03 * rng.standard_normal(length)
        for formant_hz in VOWELS_HZ[rng.integers(len(VOWELS_HZ))]:
            centre_hz = formant_hz * rng.uniform(0.9, 1.15)
            syllable = signal.lfilter(*signal.iirpeak(centre_hz, centre_hz / 90, fs=SPEECH_RATE_HZ), syllable) + (
                0.3 * syllable
            )
        voice[done : done + length] = syllable * np.hanning(length) * (rng.random() > 0.15)
        done += length
    voice = signal.sosfilt(
        signal.butter(2, 80, "highpass", fs=SPEECH_RATE_HZ, output="sos"), voice
    )  # pulses of one sign have a mean
    return np.asarray(voice / max(_level(voice), 1e-9) * rng.uniform(0.4, 1.0))


def from_clips(clips: Sequence[NDArray[np.float32]], n_samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return clips laid over each other, each at equal level, from a random place on and repeated as needed.

    Args:
        clips: float32 (n_channels, any length) at the rate of the sound, not silent; all of as many channels.
        n_samples: Length of the result.
        rng: Where each starts.
    """
    total = np.zeros((len(clips[0]), n_samples))
    for clip in clips:
        start = int(rng.integers(clip.shape[1]))
        repeated = np.take(clip, np.arange(start, start + n_samples), axis=1, mode="wrap")
        level = _level(repeated.astype(np.float64))
        total += repeated / level if level > 0 else 0.0
    return total


def _between(noise: NDArray[np.float32], rate_hz: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Return noise in a band, by gentle slopes of 12 dB per octave (a long filter that rings would be heard)."""
    spectrum = np.fft.rfft(noise.astype(np.float64))
    frequencies_hz = np.fft.rfftfreq(len(noise), 1 / rate_hz)
    below = frequencies_hz**2 / (frequencies_hz**2 + low_hz**2)
    return np.fft.irfft(spectrum * below / (1 + (frequencies_hz / high_hz) ** 2), len(noise))


def _level(samples: NDArray[np.float64]) -> float:
    return math.sqrt(float(np.mean(np.square(samples)))) or 1e-12
