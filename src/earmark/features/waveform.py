"""The sound itself as features, for networks that learn from samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from earmark.core.config import Config, parse_config
from earmark.core.units import seconds_to_samples
from earmark.features.base import FrontendSpec, check_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of Wav2Vec2FeatureExtractor in Hugging Face's transformers: keeps digital silence at zero.
LEAST_VARIANCE = 1e-7


class WaveformOptions(Config):
    """Options of the frontend "waveform"."""

    rate_hz: Annotated[int, Field(ge=1, description="Sample rate of the sound that it takes")] = 16000
    window_s: Annotated[float, Field(gt=0, description="Length of a window")] = 2.0
    hop_s: Annotated[float, Field(gt=0, description="Step between windows in a longer recording")] = 1.0
    normalise: Annotated[bool, Field(description="Bring each window to zero mean and unit variance")] = False

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if seconds_to_samples(self.window_s, self.rate_hz) < 1:
            raise ValueError(f"window_s is {self.window_s}, which is less than a sample at {self.rate_hz} Hz")
        if self.hop_s > self.window_s or seconds_to_samples(self.hop_s, self.rate_hz) < 1:
            raise ValueError(f"hop_s is {self.hop_s}, expected one sample to window_s ({self.window_s})")
        return self


class WaveformFrontend:
    """Hands windows on as they are, or normalised one by one as wav2vec 2.0's own preprocessing does it."""

    def __init__(self, options: WaveformOptions) -> None:
        self._normalise = options.normalise
        shape = (seconds_to_samples(options.window_s, options.rate_hz),)
        self.spec = FrontendSpec(
            "waveform", options.rate_hz, options.window_s, options.hop_s, shape, options.model_dump()
        )

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n_windows, n_samples), a copy. Raises AudioError for windows that break the spec."""
        check_windows(windows, self.spec)
        if not self._normalise:
            return windows.copy()
        centred = windows - windows.mean(axis=1, dtype=np.float64, keepdims=True)
        variance = np.square(centred).mean(axis=1, keepdims=True)
        return np.asarray(centred / np.sqrt(variance + LEAST_VARIANCE), dtype=np.float32)


def waveform(**options: Any) -> WaveformFrontend:
    """Return the frontend "waveform" with these options of `WaveformOptions`.

    Raises:
        ConfigError: An option is unknown (the message names the nearest known one) or out of range.

    Example:
        >>> waveform(rate_hz=8000, window_s=0.5, hop_s=0.25).spec.shape
        (4000,)
    """
    return WaveformFrontend(parse_config(WaveformOptions, options, 'frontend "waveform"'))
