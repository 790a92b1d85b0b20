"""Log-mel spectrograms as the PANNs networks were trained on.

Frames of 1024 samples every 320 at 32 kHz, centred on the signal that is mirrored at its ends, periodic Hann window,
power, 64 mel bands of librosa (slaney) from 50 Hz to 14 kHz, 10 log10 of at least 1e-10: `Spectrogram` and
`LogmelFilterBank` of torchlibrosa, with the settings of PANNs (Kong et al., 2020, arXiv:1912.10211).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from earmark.features.options import MelOptions
from earmark.features.spectral import MelSpectrogram, power_to_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 32000
FRAME_HOP_SAMPLES = 320
FFT_SAMPLES = 1024
N_MELS = 64
# More than half a transform is mirrored, so that it is whole frames; those in the middle of the mirrored part go again.
EXTRA_FRAMES = 2
SHORTEST_SAMPLES = EXTRA_FRAMES * FRAME_HOP_SAMPLES + 1


def panns_log_mel(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log-mel spectrograms in dB, float32 (n_windows, n_frames, 64), of float32 windows (n_windows, n_samples).

    n_frames = 1 + n_samples // 320; a window has at least `SHORTEST_SAMPLES`.

    Raises:
        AudioError: Samples are so large that their power overflows.
    """
    extra = EXTRA_FRAMES * FRAME_HOP_SAMPLES
    mirrored = np.pad(windows, ((0, 0), (extra, extra)), mode="reflect")
    mel_power = _spectrogram(mirrored.shape[1])(mirrored)
    return power_to_db(mel_power[:, EXTRA_FRAMES:-EXTRA_FRAMES], top_db=np.inf)


@lru_cache(maxsize=4)
def _spectrogram(n_samples: int) -> MelSpectrogram:
    return MelSpectrogram(
        MelOptions(
            rate_hz=RATE_HZ,
            window_s=n_samples / RATE_HZ,
            hop_s=n_samples / RATE_HZ,
            n_mels=N_MELS,
            fft_samples=FFT_SAMPLES,
            frame_hop_samples=FRAME_HOP_SAMPLES,
            fmin_hz=50.0,
            fmax_hz=14000.0,
        )
    )
