"""What a decoder is: an open file that gives its sound in order as float32 frames, or a refusal with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DISCARD_SAMPLES = 65_536


class Refused(Exception):  # noqa: N818 - never leaves this package
    """Says why a decoder does not take a file."""


@dataclass(frozen=True)
class SourceSpec:
    """What a decoder says about a file before decoding it.

    Attributes:
        rate_hz: Samples per second and channel.
        n_channels: Number of channels.
        n_samples: Length per channel that the file promises; None if only decoding tells.
        format: Container and coding, such as ``"WAV PCM_16"``.
        decoder: Name in the table of decoders.
        slack_samples: How many samples fewer than promised are no sign of damage.
        may_hold_nan: Whether the coding can carry NaN or infinity.
    """

    rate_hz: int
    n_channels: int
    n_samples: int | None
    format: str
    decoder: str
    slack_samples: int = 0
    may_hold_nan: bool = True


class Source(Protocol):
    """An open file that gives its sound in order."""

    spec: SourceSpec

    def skip(self, n_samples: int) -> None:
        """Leave out the first samples; call once, before the first read."""
        ...

    def read_into(self, frames: NDArray[np.float32]) -> int:
        """Fill float32 (n_samples, n_channels) from its start; fewer only at the end. Returns how many."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


def discard(source: Source, n_samples: int) -> None:
    """Read the next samples and throw them away; stops at the end of the sound."""
    if n_samples <= 0:
        return
    waste = np.empty((min(n_samples, DISCARD_SAMPLES), source.spec.n_channels), dtype=np.float32)
    while n_samples > 0:
        n_read = source.read_into(waste[: min(n_samples, len(waste))])
        if n_read == 0:
            return
        n_samples -= n_read
