"""Time stretching and pitch shifting: a phase vocoder with identity phase locking.

J. Laroche and M. Dolson, "Improved phase vocoder time-scale modification of audio", IEEE Trans. Speech and Audio
Processing 7(3), 1999. Two spectra are taken per output frame, one synthesis hop apart in the input, so the phase of a
peak advances by what the input itself advances there and nothing is unwrapped; the bins around a peak turn with it.

Why not a library: of the permissive ones, python-stretch has no wheels for Linux on ARM and is not repeatable at a
factor of 2 (two runs differ by 8e-3), pedalboard and Rubber Band are GPL, librosa brings numba.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.resample import resample
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW_S = 0.06  # some four periods of the lowest voice; rounded to the nearest power of two of samples
OVERLAP = 4
MIN_FACTOR, MAX_FACTOR = 0.25, 4.0
_TINY = np.float32(1e-20)


def stretch_time(samples: NDArray[np.float32], rate_hz: int, factor: float) -> NDArray[np.float32]:
    """Return sound that lasts `factor` times as long at the same pitch.

    Args:
        samples: float32 (n_samples,).
        rate_hz: Their rate, which sets the length of the analysis window (60 ms).
        factor: 2 is twice as long and half as fast; 0.25 to 4.

    Returns:
        float32 with ``round(n_samples * factor)`` samples, at least one. `factor` 1 gives the samples back within 1e-5.

    Raises:
        AudioError: The samples are empty or of another type, or the factor is out of range.
    """
    check_samples(samples, "stretch_time")
    _check_factor(factor, "stretch_time")
    n_fft = 2 ** max(5, round(math.log2(WINDOW_S * rate_hz)))
    hop, n_samples = n_fft // OVERLAP, max(1, round(len(samples) * factor))
    n_frames = 1 + -(-(n_samples + n_fft) // hop)
    # frame m of the output is centred on sample m * hop, and on sample m * hop / factor of the input
    starts = np.round(np.arange(n_frames) * hop / factor).astype(np.int64)
    padded = np.pad(samples, (hop + n_fft // 2, int(starts[-1]) + n_fft))
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)
    before = np.fft.rfft(frames[starts] * window).astype(np.complex64)
    now = np.fft.rfft(frames[starts + hop] * window).astype(np.complex64)  # (n_frames, n_bins)
    turned = np.fft.irfft(_lock_phases(before, now), n=n_fft).astype(np.float32) * window
    return _overlap_add(turned, window, hop)[n_fft // 2 : n_fft // 2 + n_samples].copy()


def _lock_phases(before: NDArray[np.complex64], now: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Return spectra with the magnitudes of `now` and phases that continue those of the frame before."""
    magnitude = np.abs(now)
    is_peak = np.zeros(now.shape, dtype=bool)
    inner = magnitude[:, 2:-2]  # a peak is larger than its two neighbours on either side
    is_peak[:, 2:-2] = (inner > magnitude[:, 1:-3]) & (inner > magnitude[:, :-4])
    is_peak[:, 2:-2] &= (inner >= magnitude[:, 3:-1]) & (inner >= magnitude[:, 4:])
    locked = np.empty_like(now)
    locked[0] = now[0]
    bins = np.arange(now.shape[1])
    for m in range(1, len(now)):
        peaks = np.flatnonzero(is_peak[m])
        if len(peaks) == 0:
            locked[m] = now[m]
            continue
        turn = locked[m - 1, peaks] * np.conj(before[m, peaks])
        size = np.abs(turn)
        turn = np.where(size > _TINY, turn / np.maximum(size, _TINY), np.complex64(1))
        nearest = np.searchsorted((peaks[1:] + peaks[:-1]) / 2, bins)
        locked[m] = now[m] * turn[nearest]
    return locked


def _overlap_add(frames: NDArray[np.float32], window: NDArray[np.float32], hop: int) -> NDArray[np.float32]:
    n_frames = len(frames)
    total = np.zeros((n_frames + OVERLAP - 1, hop), dtype=np.float32)
    weight = np.zeros_like(total)
    for part in range(OVERLAP):  # a frame is OVERLAP hops long: add its parts row by row
        columns = slice(part * hop, (part + 1) * hop)
        total[part : part + n_frames] += frames[:, columns]
        weight[part : part + n_frames] += window[columns] ** 2
    return (total / np.maximum(weight, np.float32(1e-3))).astype(np.float32, copy=False).reshape(-1)


def change_pitch(samples: NDArray[np.float32], rate_hz: int, semitones: float) -> NDArray[np.float32]:
    """Return sound of the same length with every frequency moved by a number of semitones.

    Formants move along (a voice raised by much sounds small). Frequencies pushed beyond half the rate are gone.

    Args:
        samples: float32 (n_samples,).
        rate_hz: Their rate.
        semitones: 12 is an octave up; -24 to 24.

    Returns:
        float32 (n_samples,).

    Raises:
        AudioError: The samples are empty or of another type, or the shift is out of range.
    """
    check_samples(samples, "change_pitch")
    if not -24 <= semitones <= 24:
        raise AudioError(f"change_pitch: found {semitones} semitones, expected -24 to 24")
    ratio = 2.0 ** (semitones / 12)
    changed = resample(stretch_time(samples, rate_hz, ratio), ratio, 1.0)
    return _fit(changed, len(samples))


def change_speed(samples: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Return sound played faster or slower, pitch and time together, as a tape would.

    Args:
        samples: float32 (n_samples,).
        factor: 2 is twice as fast, half as long and an octave up; 0.25 to 4.

    Returns:
        float32 with ``round(n_samples / factor)`` samples, at least one.

    Raises:
        AudioError: The samples are empty or of another type, or the factor is out of range.
    """
    check_samples(samples, "change_speed")
    _check_factor(factor, "change_speed")
    return _fit(resample(samples, factor, 1.0), max(1, round(len(samples) / factor)))


def check_samples(samples: NDArray[np.float32], where: str) -> None:
    """Raise AudioError unless `samples` is float32 (n_samples,) with samples in it."""
    if samples.ndim != 1 or samples.dtype != np.float32 or samples.size == 0:
        raise AudioError(
            f"{where}: found {samples.dtype} of shape {samples.shape}, expected float32 (n_samples,) with samples in it"
        )


def _check_factor(factor: float, where: str) -> None:
    if not MIN_FACTOR <= factor <= MAX_FACTOR:
        raise AudioError(f"{where}: found factor {factor}, expected {MIN_FACTOR} to {MAX_FACTOR:g}")


def _fit(samples: NDArray[np.float32], n_samples: int) -> NDArray[np.float32]:
    """Return exactly n_samples: rounding leaves resampled sound a sample or two long or short."""
    return samples[:n_samples] if len(samples) >= n_samples else np.pad(samples, (0, n_samples - len(samples)))
