"""Mel-frequency cepstral coefficients with deltas, equal to librosa's, pooled to one array per window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from earmark.core.config import parse_config
from earmark.features.base import FrontendSpec, check_windows
from earmark.features.options import MelOptions
from earmark.features.pooling import (
    KEEPS_FRAMES,
    ActivePart,
    Pooling,
    active_part,
    mean_and_std,
    pool,
    pooled_shape,
    whole,
)
from earmark.features.spectral import MelSpectrogram, dct_matrix, delta_width, deltas, power_to_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Below this spread (in MFCC units, some thousandths of a dB) a coefficient does not move: it is centred, not blown up.
LEAST_STD = 1e-2


class MfccConfig(MelOptions):
    """Options of the frontend "mfcc"."""

    n_mfcc: Annotated[int, Field(ge=1, description="Cepstral coefficients of a frame")] = 40
    deltas: Annotated[Literal[0, 1, 2], Field(description="Orders of derivatives that are appended")] = 2
    pooling: Annotated[
        Pooling,
        Field(
            description="pad: (n_frames, coefficients); flat: the same in a row; mean, max, mean_std: over time; "
            "length_normalised: the active part stretched to n_frames, in a row"
        ),
    ] = "pad"
    pool_over: Annotated[Literal["all", "active"], Field(description="Frames that mean, max and mean_std look at")] = (
        "all"
    )
    normalisation: Annotated[
        Literal["none", "mean", "mean_variance"],
        Field(description="Cepstral mean (and variance) normalisation over the active frames of a window"),
    ] = "none"
    active_range_db: Annotated[
        float, Field(gt=0, description="How far below the loudest frame of a window a frame still counts as active")
    ] = 40.0

    @property
    def n_coefficients(self) -> int:
        """Coefficients of a frame, deltas included."""
        return self.n_mfcc * (1 + self.deltas)

    @model_validator(mode="after")
    def _check_cepstrum(self) -> Self:
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc {self.n_mfcc} must not be more than n_mels {self.n_mels}")
        if self.n_frames is not None and self.pooling not in KEEPS_FRAMES:
            raise ValueError(
                f'n_frames {self.n_frames} has no effect with pooling "{self.pooling}", which keeps no frames; '
                f"leave it out or use one of {', '.join(sorted(KEEPS_FRAMES))}"
            )
        if self.deltas:
            delta_width(self.n_frames_in_window)
        return self

    @property
    def looks_for_activity(self) -> bool:
        """Whether any number depends on which frames are active."""
        summarises = self.pooling not in KEEPS_FRAMES and self.pool_over == "active"
        return summarises or self.pooling == "length_normalised" or self.normalisation != "none"


class MfccFrontend:
    """Turns windows into MFCC; the coefficients of a frame are [static, deltas, delta-deltas].

    Deltas are taken over the frames of the whole window, before pooling. Frames beyond the window ("pad", "flat" with
    n_frames above what a window has) are zeros, as from librosa.util.fix_length.

    Raises:
        ConfigError: Mel bands would stay empty, or a window has too few frames for deltas.
    """

    def __init__(self, config: MfccConfig) -> None:
        self.config = config
        shape = pooled_shape(config.pooling, config.n_frames_kept, config.n_coefficients)
        self.spec = FrontendSpec("mfcc", config.rate_hz, config.window_s, config.hop_s, shape, config.model_dump())
        self._mel_power = MelSpectrogram(config)
        self._dct = dct_matrix(config.n_mels, config.n_mfcc)

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return MFCC, float32 (n_windows, *spec.shape). Raises AudioError for windows that break the spec."""
        check_windows(windows, self.spec)
        config = self.config
        mel_power = self._mel_power(windows)
        static = (power_to_db(mel_power) @ self._dct).astype(np.float32)  # (n_windows, n_frames, n_mfcc)
        everything = whole(*static.shape[:2])
        active = active_part(mel_power, config.active_range_db) if config.looks_for_activity else everything
        static = self._normalised(static, active)
        orders = [deltas(static, order) for order in range(1, config.deltas + 1)]
        features = np.concatenate([static, *orders], axis=2) if orders else static
        looks_at_active = config.pooling == "length_normalised" or config.pool_over == "active"
        return pool(features, config.pooling, active if looks_at_active else everything, config.n_frames_kept)

    def _normalised(self, static: NDArray[np.float32], active: ActivePart) -> NDArray[np.float32]:
        if self.config.normalisation == "none":
            return static
        mean, std = mean_and_std(static, active)
        spread = np.maximum(std, LEAST_STD) if self.config.normalisation == "mean_variance" else 1
        return np.asarray((static - mean) / spread, dtype=np.float32)


def mfcc(**options: Any) -> MfccFrontend:
    """Return the frontend "mfcc" with these options of `MfccConfig`.

    Raises:
        ConfigError: An option is unknown (the message names the nearest known one) or out of range.

    Example:
        >>> mfcc(rate_hz=8000, fft_samples=512, pooling="mean", deltas=0).spec.shape
        (40,)
    """
    return MfccFrontend(parse_config(MfccConfig, options, 'frontend "mfcc"'))
