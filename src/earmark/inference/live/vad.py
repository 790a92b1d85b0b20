"""What tells speech from the rest: a probability for each frame of 32 ms at 16 kHz."""

from __future__ import annotations

import importlib
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from earmark.core.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 16_000
FRAME_SAMPLES = 512
FRAME_S = FRAME_SAMPLES / RATE_HZ


class SpeechDetector(Protocol):
    """Tells speech frame by frame; what it remembers of earlier frames is its own matter."""

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of speech of the next frames.

        Args:
            frames: float32 (n_frames, 512) at 16 kHz that follow on those of the last call.

        Returns:
            float32 (n_frames,) in [0, 1].
        """
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...


class EnergyDetector:
    """Speech is what stands out of the noise, whose floor is learned on the way.

    The floor is the level below which a fifth of the last five seconds lie: a spoken sentence does not lift it, and a
    fan that is switched on is part of it after four seconds.
    """

    MEMORY_S = 5.0
    SHARE = 20.0  # percentile
    STANDS_OUT_DB = 9.0  # over the floor: probability 0.5
    SLOPE_DB = 2.0
    QUIETEST_DB = -65.0  # below is the noise of the converter, however far it stands out of digital silence

    def __init__(self) -> None:
        self._levels_db: deque[float] = deque(maxlen=round(self.MEMORY_S / FRAME_S))

    @property
    def floor_db(self) -> float:
        """The level of the noise in dB of full scale."""
        if not self._levels_db:
            return self.QUIETEST_DB
        return max(float(np.percentile(self._levels_db, self.SHARE)), self.QUIETEST_DB)

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n_frames,): 0.5 where a frame stands 9 dB out of the noise."""
        found = np.empty(len(frames), dtype=np.float32)
        power = np.square(frames - frames.mean(axis=1, keepdims=True), dtype=np.float64).mean(axis=1)
        for index, level_db in enumerate(10 * np.log10(power + 1e-12)):
            self._levels_db.append(float(level_db))
            distance = (level_db - self.floor_db - self.STANDS_OUT_DB) / self.SLOPE_DB
            found[index] = 1 / (1 + np.exp(-np.clip(distance, -60, 60)))
        return found

    def reset(self) -> None:
        """Forget the noise."""
        self._levels_db.clear()


class EverythingDetector:
    """Takes everything for speech: the detector "off"."""

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ones (n_frames,)."""
        return np.ones(len(frames), dtype=np.float32)

    def reset(self) -> None:
        """Nothing is remembered."""


DETECTORS: dict[str, str] = {
    "silero": "earmark.inference.live.silero:SileroDetector",
    "energy": "earmark.inference.live.vad:EnergyDetector",
    "off": "earmark.inference.live.vad:EverythingDetector",
}


def build_detector(name: str) -> SpeechDetector:
    """Return the detector of this name.

    Raises:
        ConfigError: There is none.
        WeightsError: Its weights are missing.
    """
    if name not in DETECTORS:
        raise ConfigError(f'vad "{name}" is not known{did_you_mean(name, DETECTORS)}')
    module, _, kind = DETECTORS[name].partition(":")
    detector: Any = getattr(importlib.import_module(module), kind)()
    return detector  # type: ignore[no-any-return]
