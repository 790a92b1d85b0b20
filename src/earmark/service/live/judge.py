"""A judge that tells the monitor of each answer, also of those that are not told to the client."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from earmark.inference.live import Judge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.inference import Prediction, Predictor
    from earmark.inference.live import ListenOptions
    from earmark.service.monitoring import Monitor


FAINTEST = 1e-6  # -120 dB


class WatchedJudge(Judge):
    """Answers for stretches of sound, as the version of a bundle that a stream began with.

    Probabilities at another temperature than 1 are not those that the bundle was measured by, so the monitor is not
    told of them.

    Args:
        predictor: The bundle.
        options: Of the stream.
        monitor: Who is told.
        name: Name of the model.
        version: Its version.
    """

    def __init__(
        self, predictor: Predictor, options: ListenOptions, monitor: Monitor, *, name: str, version: str
    ) -> None:
        super().__init__(predictor, conf_thresh=options.conf_thresh, temperature=options.temp)
        self._is_told = options.temp == 1
        self._monitor, self._name, self._version = monitor, name, version

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> tuple[Prediction, bool] | None:
        """Return the answer for sound, float32 (n_samples,), and whether it counts; None for silence."""
        answer = super().__call__(samples, rate_hz)
        if answer is not None and self._is_told:
            found = answer[0]  # its own `accepted` is by the bundle's thresholds, not by those of the client
            at = (self._name, self._version, 0.0)
            self._monitor.heard(*at, found.label, found.probability, accepted=found.accepted, known=found.known)
            self._monitor.sound(rate_hz, level_db(samples))
        return answer


def level_db(samples: NDArray[np.float32]) -> float:
    """Return the level of sound in dB of full scale, at least -120."""
    return 20 * math.log10(max(FAINTEST, float(np.sqrt(np.mean(np.square(samples))))))
