"""Silero VAD: a small recurrent network trained on speech in many languages and noises.

The graph is the one for blocks of frames in the wheel `silero-vad` (MIT, github.com/snakers4/silero-vad): the same
probabilities as the graph for single frames, in one call for as many frames as there are. Only that file is fetched:
the package itself wants torch. Each frame of 512 samples is preceded by the last 64 of the frame before.

The network misses quiet speech in noise that it hears when both are louder (a speaker at -32 dB in pink noise at 10 dB:
a fifth of the words found, nine in ten at full level; `python -m benchmarks.live_digits`). So sound is brought to one
level first: up at once to where the loudest of late fits, down again slowly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import WeightsError
from earmark.encoders.session import open_session
from earmark.encoders.weights import weights_path
from earmark.inference.live.vad import FRAME_S, FRAME_SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONTEXT_SAMPLES = 64
STATE_SHAPE = (1, 1, 128)
MAX_FRAMES = 512  # in one call: 16 s of sound
FULL_PEAK = 0.9
LARGEST_GAIN = 30.0
FALL_DB_PER_S = 3.0  # of the level that counts as the loudest of late


class SileroDetector:
    """Silero VAD, version 6.

    Raises:
        WeightsError: The graph is neither here nor to be fetched.
    """

    def __init__(self) -> None:
        try:
            path = weights_path("silero_vad")
        except WeightsError as error:
            raise WeightsError(f"{error}; or tell speech by its energy: --vad energy") from error
        self._session = open_session(path.read_bytes(), 1, str(path))
        self.reset()
        self(np.zeros((1, FRAME_SAMPLES), dtype=np.float32))  # the first call takes longer
        self.reset()

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of speech of frames (n_frames, 512), float32 (n_frames,)."""
        parts = [self._run(frames[first : first + MAX_FRAMES]) for first in range(0, len(frames), MAX_FRAMES)]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)

    def reset(self) -> None:
        """Forget what was heard."""
        self._peak = FULL_PEAK / LARGEST_GAIN
        self._h = np.zeros(STATE_SHAPE, dtype=np.float32)
        self._c = np.zeros(STATE_SHAPE, dtype=np.float32)
        self._context = np.zeros(CONTEXT_SAMPLES, dtype=np.float32)

    def _gains(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the factor of each frame, (n_frames, 1)."""
        fall, least = 10 ** (-FALL_DB_PER_S * FRAME_S / 20), FULL_PEAK / LARGEST_GAIN
        gains = np.empty((len(frames), 1), dtype=np.float32)
        for index, peak in enumerate(np.abs(frames).max(axis=1)):
            self._peak = max(float(peak), self._peak * fall, least)
            gains[index] = FULL_PEAK / self._peak
        return gains

    def _run(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        frames = frames * self._gains(frames)
        tails = frames[:, -CONTEXT_SAMPLES:]
        contexts = np.concatenate([self._context[np.newaxis], tails[:-1]])
        self._context = tails[-1].copy()
        inputs = {"input": np.concatenate([contexts, frames], axis=1), "h": self._h, "c": self._c}
        probabilities, self._h, self._c = self._session.run(["speech_probs", "hn", "cn"], inputs)
        found: NDArray[np.float32] = probabilities
        return found
