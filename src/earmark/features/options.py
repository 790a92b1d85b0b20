"""Options of the mel frontends: one field = one TOML key = one row in the docs, checked where they are built."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from earmark.core.config import Config
from earmark.core.units import seconds_to_samples

MelScale = Literal["slaney", "htk"]
MelNorm = Literal["slaney", "none"]


class MelOptions(Config):
    """What every mel frontend takes: the window of sound, the frames inside it and the mel bands of a frame."""

    rate_hz: Annotated[int, Field(ge=1, description="Sample rate of the sound that it takes")] = 16000
    window_s: Annotated[float, Field(gt=0, description="Length of a window")] = 1.0
    hop_s: Annotated[float, Field(gt=0, description="Step between windows in a longer recording")] = 0.5
    n_mels: Annotated[int, Field(ge=1, description="Mel bands")] = 128
    fft_samples: Annotated[int, Field(ge=4, description="Length of the Fourier transform of a frame")] = 512
    frame_samples: Annotated[
        int | None, Field(ge=2, description="Length of a frame, zero-padded to fft_samples (none: fft_samples)")
    ] = None
    frame_hop_samples: Annotated[int, Field(ge=1, description="Step between frames")] = 256
    fmin_hz: Annotated[float, Field(ge=0, description="Lower edge of the lowest mel band")] = 0.0
    fmax_hz: Annotated[float | None, Field(gt=0, description="Upper edge of the highest (none: half the rate)")] = None
    mel_scale: Annotated[MelScale, Field(description="Formula of the mel scale")] = "slaney"
    mel_norm: Annotated[MelNorm, Field(description="Equal area (slaney) or equal height (none) of mel bands")] = (
        "slaney"
    )
    n_frames: Annotated[int | None, Field(ge=1, description="Frames that are kept (none: as many as a window has)")] = (
        None
    )

    @property
    def window_samples(self) -> int:
        """Length of a window in samples."""
        return seconds_to_samples(self.window_s, self.rate_hz)

    @property
    def top_hz(self) -> float:
        """Upper edge of the highest mel band."""
        return self.rate_hz / 2 if self.fmax_hz is None else self.fmax_hz

    @property
    def n_frames_in_window(self) -> int:
        """Frames that a window has, centred on every `frame_hop_samples`-th sample."""
        return 1 + (self.window_samples + 2 * (self.fft_samples // 2) - self.fft_samples) // self.frame_hop_samples

    @property
    def n_frames_kept(self) -> int:
        """Frames of the features."""
        return self.n_frames or self.n_frames_in_window

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.window_samples < 1 or seconds_to_samples(self.hop_s, self.rate_hz) < 1:
            raise ValueError(f"window_s {self.window_s} and hop_s {self.hop_s} must hold a sample at {self.rate_hz} Hz")
        if self.hop_s > self.window_s:
            raise ValueError(f"hop_s {self.hop_s} is longer than window_s {self.window_s}; sound would be left out")
        if self.frame_samples is not None and self.frame_samples > self.fft_samples:
            raise ValueError(
                f"frame_samples {self.frame_samples} is more than fft_samples {self.fft_samples}; raise fft_samples to "
                f"{2 ** math.ceil(math.log2(self.frame_samples))}"
            )
        if self.fmax_hz is not None and self.fmax_hz > self.rate_hz / 2:
            raise ValueError(f"fmax_hz {self.fmax_hz} is above half of rate_hz {self.rate_hz}; no sound is left there")
        if self.fmin_hz >= self.top_hz:
            raise ValueError(f"fmin_hz {self.fmin_hz} must be below fmax_hz {self.top_hz}")
        return self
