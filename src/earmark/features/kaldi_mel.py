"""Log-mel spectrograms in the manner of Kaldi, as EfficientAT's networks were trained on.

Pre-emphasis, frames of 800 samples every 320 in the middle of 1024, centred on the signal that is mirrored at its ends,
symmetric Hann window, power, 128 triangles that are straight on Kaldi's mel scale from 0 to 15 kHz, natural logarithm
of the sum plus 1e-5, then (x + 4.5) / 5: `AugmentMelSTFT` in models/preprocess.py of EfficientAT (Schmid et al., 2023,
arXiv:2211.04772) with the mel banks of `torchaudio.compliance.kaldi.get_mel_banks`.

Spectra are taken in single precision: the 1e-5 inside the logarithm lies far above its rounding.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import AudioError
from earmark.features.spectral import filter_bands

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 32000
FRAME_SAMPLES = 800
FRAME_HOP_SAMPLES = 320
FFT_SAMPLES = 1024
N_MELS = 128
LOWEST_HZ, HIGHEST_HZ = 0.0, 15000.0
PRE_EMPHASIS = 0.97
LOG_OFFSET = 1e-5
# A window shorter than this cannot be mirrored at its ends.
SHORTEST_SAMPLES = FFT_SAMPLES // 2 + 2
# Some 1 MiB of frames and spectra, which stay in the cache (half as many take 10 % longer, twice as many as long).
FRAMES_AT_ONCE = 128


def n_frames_of(n_samples: int) -> int:
    """Return the number of frames of a window."""
    return 1 + (n_samples - 1) // FRAME_HOP_SAMPLES


def kaldi_log_mel(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log-mel spectrograms, float32 (n_windows, 128, n_frames), of float32 windows (n_windows, n_samples).

    Raises:
        AudioError: Samples are so large that their power overflows.
    """
    found = np.empty((len(windows), N_MELS, n_frames_of(windows.shape[1])), dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for window, target in zip(windows, found, strict=True):
            _write_mel_power(_mirrored(window[1:] - np.float32(PRE_EMPHASIS) * window[:-1]), target)
    if not np.isfinite(found.max(initial=0)):
        raise AudioError(
            f"samples as large as {np.abs(windows).max():.3g} overflow the power spectrum; "
            "full scale is 1.0: scale the sound down first"
        )
    found += np.float32(LOG_OFFSET)
    np.log(found, out=found)
    found += np.float32(4.5)
    found *= np.float32(0.2)
    return found


def kaldi_filters(
    n_mels: int, fft_samples: int, rate_hz: int, lowest_hz: float, highest_hz: float
) -> NDArray[np.float32]:
    """Return triangles of height 1 whose sides are straight on the mel scale 1127 ln(1 + f / 700).

    float32 (n_mels, n_bins); Kaldi leaves the bin at half the rate out.
    """
    bins = 1127 * np.log1p(np.arange(fft_samples // 2 + 1) * rate_hz / fft_samples / 700)
    edges = np.linspace(1127 * np.log1p(lowest_hz / 700), 1127 * np.log1p(highest_hz / 700), n_mels + 2)[:, np.newaxis]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0, np.minimum(rising, falling))
    filters[:, -1] = 0
    return np.asarray(filters, dtype=np.float32)


def _mirrored(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the signal with half a transform before and behind it, mirrored without repeating the end."""
    half = FFT_SAMPLES // 2
    longer = np.empty(signal.size + FFT_SAMPLES, dtype=np.float32)
    longer[half:-half] = signal
    longer[:half] = signal[half:0:-1]
    longer[-half:] = signal[-2 : -half - 2 : -1]
    return longer


def _write_mel_power(signal: NDArray[np.float32], target: NDArray[np.float32]) -> None:
    """Write the power in mel bands of a mirrored signal into target (128, n_frames), block by block."""
    import scipy.fft  # in single precision half the time of numpy's

    taper, bands = _taper(), _bands()
    # Where a frame stands in its transform does not change its power: the zeros may all come behind it.
    first = (FFT_SAMPLES - FRAME_SAMPLES) // 2
    frames = np.lib.stride_tricks.sliding_window_view(signal[first:], FRAME_SAMPLES)[::FRAME_HOP_SAMPLES]
    tapered = np.zeros((FRAMES_AT_ONCE, FFT_SAMPLES), dtype=np.float32)
    power = np.empty((FRAMES_AT_ONCE, FFT_SAMPLES // 2 + 1), dtype=np.float32)
    for start in range(0, target.shape[1], FRAMES_AT_ONCE):
        block = slice(start, min(start + FRAMES_AT_ONCE, target.shape[1]))
        n_frames = block.stop - start
        np.multiply(frames[block], taper, out=tapered[:n_frames, :FRAME_SAMPLES])
        parts = scipy.fft.rfft(tapered[:n_frames]).view(np.float32)  # real and imaginary parts in turn
        np.square(parts, out=parts)
        np.add(parts[:, 0::2], parts[:, 1::2], out=power[:n_frames])
        for rows, bins, weights in bands:
            np.matmul(weights.T, power[:n_frames, bins].T, out=target[rows, block])


@lru_cache(maxsize=1)
def _taper() -> NDArray[np.float32]:
    return np.hanning(FRAME_SAMPLES).astype(np.float32)


@lru_cache(maxsize=1)
def _bands() -> list[tuple[slice, slice, NDArray[np.float32]]]:
    return filter_bands(kaldi_filters(N_MELS, FFT_SAMPLES, RATE_HZ, LOWEST_HZ, HIGHEST_HZ))
