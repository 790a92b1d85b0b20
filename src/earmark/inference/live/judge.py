"""From a stretch of sound to an answer, by a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.waveform import Waveform
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.inference.prediction import Prediction
    from earmark.inference.predictor import Predictor

WARM_UP_LEVEL = 0.01


class Judge:
    """Answers for stretches of sound.

    Args:
        predictor: The bundle.
        conf_thresh: Probability from which an answer is accepted; None takes the bundle's thresholds, which count at
            temperature 1.
        temperature: Of the probabilities told.
    """

    def __init__(self, predictor: Predictor, *, conf_thresh: float | None = None, temperature: float = 1.0) -> None:
        self._predictor = predictor
        self._conf_thresh = conf_thresh
        self._sharpness = 1 / temperature

    @property
    def rate_hz(self) -> int:
        """The rate that the bundle works at."""
        return self._predictor.bundle.spec.frontend.rate_hz

    @property
    def window_s(self) -> float:
        """The length of the bundle's windows."""
        return self._predictor.bundle.spec.frontend.window_s

    @property
    def hop_s(self) -> float:
        """The step between the bundle's windows."""
        return self._predictor.bundle.spec.frontend.hop_s

    def check(self, rate_hz: int) -> None:
        """Judge some noise, so that nothing is loaded late and a rate that is too low is refused early.

        Raises:
            AudioError: The bundle was trained on audio of a higher rate.
        """
        noise = np.random.default_rng(0).normal(scale=WARM_UP_LEVEL, size=round(self.window_s * rate_hz))
        self._predictor.predict(Waveform(noise.astype(np.float32)[np.newaxis], rate_hz))

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> tuple[Prediction, bool] | None:
        """Return the answer for sound, float32 (n_samples,), and whether it counts; None for silence."""
        if not len(samples):
            return None
        try:
            found = self._predictor.predict(Waveform(samples[np.newaxis], rate_hz), sharpness=self._sharpness)
        except AudioError:  # it is silent: the rate was checked before
            return None
        if self._conf_thresh is None:
            return found, found.accepted
        return found, found.known and found.probability >= self._conf_thresh


def load_judge(
    model: str | Path, *, conf_thresh: float | None = None, temperature: float = 1.0, n_threads: int = 1
) -> Judge:
    """Return the judge of a bundle folder or a shipped bundle by name.

    Raises:
        BundleError: There is no such bundle, or it was tampered with.
        WeightsError: The pretrained weights that it needs are missing.
    """
    from earmark.inference.predictor import Predictor

    predictor = Predictor.load(model, n_threads=n_threads)
    return Judge(predictor, conf_thresh=conf_thresh, temperature=temperature)
