"""Log-mel spectrograms, equal to librosa's melspectrogram in decibels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from earmark.core.config import parse_config
from earmark.features.base import FrontendSpec, check_windows
from earmark.features.options import MelOptions
from earmark.features.pooling import fit_frames
from earmark.features.spectral import MelSpectrogram, power_to_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Below this spread in dB a window is even (digital silence): it becomes zeros instead of amplified rounding noise.
LEAST_STD_DB = 1e-3


class LogMelConfig(MelOptions):
    """Options of the frontend "logmel"."""

    top_db: Annotated[
        float, Field(gt=0, description="Range below the loudest value of a window; what lies lower is cut there")
    ] = 80.0
    normalisation: Annotated[
        Literal["none", "window_standard"],
        Field(description="window_standard: zero mean and unit variance within each window"),
    ] = "none"


class LogMelFrontend:
    """Turns windows into mel bands in dB re full scale squared, (n_frames, n_mels).

    Frames beyond the window (n_frames above what a window has) hold the window's lowest value: they are as quiet as
    its quietest part.

    Raises:
        ConfigError: Mel bands would stay empty.
    """

    def __init__(self, config: LogMelConfig) -> None:
        self.config = config
        shape = (config.n_frames_kept, config.n_mels)
        self.spec = FrontendSpec("logmel", config.rate_hz, config.window_s, config.hop_s, shape, config.model_dump())
        self._mel_power = MelSpectrogram(config)

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n_windows, n_frames, n_mels). Raises AudioError for windows that break the spec."""
        check_windows(windows, self.spec)
        levels_db = power_to_db(self._mel_power(windows), self.config.top_db)
        kept = levels_db
        if self.config.n_frames is not None:
            kept = fit_frames(levels_db, self.config.n_frames, levels_db.min(axis=(1, 2), keepdims=True))
        return kept if self.config.normalisation == "none" else _standardised(kept)


def _standardised(levels_db: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = levels_db - levels_db.mean(axis=(1, 2), dtype=np.float64, keepdims=True)
    std_db = np.sqrt(np.square(centred).mean(axis=(1, 2), keepdims=True))
    return np.asarray(centred / np.maximum(std_db, LEAST_STD_DB), dtype=np.float32)


def log_mel(**options: Any) -> LogMelFrontend:
    """Return the frontend "logmel" with these options of `LogMelConfig`.

    Raises:
        ConfigError: An option is unknown (the message names the nearest known one) or out of range.

    Example:
        >>> log_mel(rate_hz=8000, fft_samples=512, n_mels=64).spec.shape
        (32, 64)
    """
    return LogMelFrontend(parse_config(LogMelConfig, options, 'frontend "logmel"'))
