"""The contract of everything that turns windows of sound into numbers, and its fake.

Axes: n_windows, n_samples, then the frontend's own shape such as (n_frames, n_mels) or (dim,).
A frontend is stateless and deterministic, and a window's features do not depend on its neighbours in the batch.
Most take mono windows of one rate. A native frontend hears a sound as it is, at its own rate and with all channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from earmark.core.errors import AudioError
from earmark.core.identity import fingerprint
from earmark.core.units import seconds_to_samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform

NATIVE_HZ = 0


@dataclass(frozen=True)
class FrontendSpec:
    """What a frontend takes and gives.

    Attributes:
        name: The frontend's name in its table, such as "mfcc".
        rate_hz: Sample rate of the windows it takes; `NATIVE_HZ` of a native one.
        window_s: Length of a window.
        hop_s: Step between the starts of windows when a recording is longer than one.
        shape: Shape of one window's features.
        config: Every parameter that changes a number, JSON-like; rebuilds the frontend with its name.
        version: Raised when the frontend's code comes to give other numbers for the same configuration.
    """

    name: str
    rate_hz: int
    window_s: float
    hop_s: float
    shape: tuple[int, ...]
    config: dict[str, Any] = field(hash=False)
    version: int = 1

    @property
    def native(self) -> bool:
        """Whether it takes sounds at their own rate and with all channels."""
        return self.rate_hz == NATIVE_HZ

    @property
    def window_samples(self) -> int:
        """Length of a window in samples."""
        return seconds_to_samples(self.window_s, self.rate_hz)

    @property
    def hop_samples(self) -> int:
        """Step between windows in samples."""
        return seconds_to_samples(self.hop_s, self.rate_hz)

    @property
    def fingerprint(self) -> str:
        """Name of the numbers it makes: equal for equal name, version and configuration."""
        return fingerprint({"name": self.name, "version": self.version, "config": self.config})


@runtime_checkable
class Frontend(Protocol):
    """Turns windows into features."""

    @property
    def spec(self) -> FrontendSpec:
        """What it takes and gives."""
        ...

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of windows.

        Args:
            windows: float32 (n_windows, n_samples) at `spec.rate_hz`, n_samples = `spec.window_samples`.

        Returns:
            float32 (n_windows, *spec.shape), finite.

        Raises:
            AudioError: n_samples is not `spec.window_samples`, or samples are not finite float32.
        """
        ...


@dataclass(frozen=True, eq=False)
class NativeWindow:
    """What a native frontend makes of a stretch of sound.

    Attributes:
        features: float32 (*spec.shape,), finite.
        level_db: RMS level of its loudest channel in dB re full scale, at least -100.
        start_s: Where it begins in the sound.
        end_s: Where it ends.
    """

    features: NDArray[np.float32]
    level_db: float
    start_s: float
    end_s: float


class NativeFrontend(ABC):
    """A frontend that cuts windows itself, of sound at its own rate and with all its channels.

    A `Frontend` by type, so that tables, stores and recipes hold both kinds, but of the two ways in only `measure` is
    open. Memory may not grow with the length of the sound, nor numbers depend on how it is cut into waveforms.
    """

    spec: FrontendSpec

    @abstractmethod
    def measure(self, waveforms: Iterable[Waveform]) -> Iterator[NativeWindow]:
        """Yield windows in order, at least one, of waveforms that follow on each other.

        Raises:
            AudioError: There is no sample, rate or channels change on the way, or samples are not finite.
        """

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Refuse mono windows, from which what it looks for is gone. Raises AudioError."""
        raise AudioError(
            f'frontend "{self.spec.name}": found {len(windows)} mono windows, but it takes sounds at their own rate '
            "and with all channels; hand files or waveforms to it (measure)"
        )


class LevelFrontend:
    """A fake that is real: the level of each of `n_parts` equal parts of a window in dB, floored at -100."""

    def __init__(self, rate_hz: int = 8000, window_s: float = 0.5, hop_s: float = 0.25, n_parts: int = 8) -> None:
        config = {"rate_hz": rate_hz, "window_s": window_s, "hop_s": hop_s, "n_parts": n_parts}
        self.spec = FrontendSpec("level", rate_hz, window_s, hop_s, (n_parts,), config)

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n_windows, n_parts), dB relative to full scale."""
        check_windows(windows, self.spec)
        parts = np.array_split(windows, self.spec.shape[0], axis=1)
        power = np.stack([np.square(part).mean(axis=1) for part in parts], axis=1)
        return (10 * np.log10(power + 1e-10)).astype(np.float32)


def check_windows(windows: NDArray[np.float32], spec: FrontendSpec) -> None:
    """Raise AudioError unless windows are finite float32 (n_windows, spec.window_samples)."""
    if windows.dtype != np.float32:
        raise AudioError(
            f'frontend "{spec.name}": found windows of {windows.dtype}, expected float32 with full scale at 1.0'
        )
    if windows.ndim != 2 or windows.shape[1] != spec.window_samples:
        raise AudioError(
            f'frontend "{spec.name}": found windows of shape {windows.shape}, expected '
            f"(n_windows, {spec.window_samples}): {spec.window_s} s at {spec.rate_hz} Hz"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        total = windows.sum()  # NaN and infinity stay in it: a fourth of the time of asking every sample
    if not np.isfinite(total) and not np.isfinite(windows).all():
        row = int(np.argmin(np.isfinite(windows).all(axis=1)))
        raise AudioError(f'frontend "{spec.name}": window {row} holds NaN or infinite samples, expected finite ones')
