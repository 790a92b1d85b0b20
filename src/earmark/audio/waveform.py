"""A stretch of sound in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import AudioError
from earmark.core.units import samples_to_seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Waveform:
    """Samples with their rate; channels are kept until somebody asks for mono.

    Attributes:
        samples: float32 (n_channels, n_samples), full scale is [-1, 1] (float files may exceed it).
        rate_hz: Samples per second and channel.

    Raises:
        AudioError: The samples are of another type or shape, or the rate is not above 0.

    Example:
        >>> tone = Waveform(np.zeros((2, 8000), dtype=np.float32), 16000)
        >>> tone.duration_s, tone.mono().shape
        (0.5, (8000,))
    """

    samples: NDArray[np.float32]
    rate_hz: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype != np.float32:
            raise AudioError(
                f"waveform: found {self.samples.dtype} of shape {self.samples.shape}, "
                "expected float32 (n_channels, n_samples)"
            )
        if self.rate_hz <= 0:
            raise AudioError(f"waveform: found rate {self.rate_hz} Hz, expected a positive whole number")

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[0])

    @property
    def n_samples(self) -> int:
        """Number of samples in each channel."""
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return samples_to_seconds(self.n_samples, self.rate_hz)

    def mono(self) -> NDArray[np.float32]:
        """Return the mean of the channels as float32 (n_samples,)."""
        if self.n_channels == 1:
            only: NDArray[np.float32] = self.samples[0]
            return only
        if self.n_channels == 2:  # a third of the time of `mean(axis=0)`
            left, right = self.samples
            halves: NDArray[np.float32] = np.float32(0.5) * left + np.float32(0.5) * right
            return halves
        mixed: NDArray[np.float32] = self.samples.mean(axis=0, dtype=np.float32)
        return mixed
