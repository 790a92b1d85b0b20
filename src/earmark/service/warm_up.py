"""What is tried out on a bundle before it serves: that it answers, and how many windows it should hear at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.waveform import Waveform
from earmark.core.errors import BundleError

if TYPE_CHECKING:
    from earmark.distortion.validator import AudioDistortionValidator
    from earmark.inference.predictor import Predictor

WARM_UP_LEVEL = 0.01
WARM_UP_HZ = 44_100
LONGEST_BATCH_S = 0.05  # others wait for it, and what is cancelled is computed to its end
LEAST_GAIN = 0.1  # of time per window, for twice as many windows at once
N_TRIES = 3


def windows_at_once(predictor: Predictor, most: int) -> int:
    """Return how many windows at once take the least time each, at most so many.

    More is not always better. A small model gains, because each call costs something by itself; a network whose
    layers outgrow the processor's cache gets slower. Doubles the number while that pays, on noise.

    Raises:
        BundleError: The scores of noise are not finite.
    """
    spec = predictor.bundle.frontend.spec
    if spec.native:
        return 1
    rng = np.random.default_rng(0)
    best, best_s, n_windows = 1, np.inf, 1
    while n_windows <= most:
        noise = rng.normal(scale=WARM_UP_LEVEL, size=(n_windows, spec.window_samples)).astype(np.float32)
        each_s = min(_seconds(predictor, noise) for _ in range(N_TRIES)) / n_windows
        if each_s > (1 - LEAST_GAIN) * best_s or n_windows * each_s > LONGEST_BATCH_S:
            break
        best, best_s, n_windows = n_windows, each_s, 2 * n_windows
    return best


def try_out(validator: AudioDistortionValidator) -> None:
    """Check a second of noise, so that nothing is imported or opened late."""
    noise = np.random.default_rng(0).normal(scale=WARM_UP_LEVEL, size=(2, WARM_UP_HZ)).astype(np.float32)
    validator.analyze(Waveform(noise, WARM_UP_HZ))


def _seconds(predictor: Predictor, windows: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> float:
    began_s = time.thread_time()  # not the clock: other processes shall not decide it
    rows = predictor.hear(windows)
    taken_s = time.thread_time() - began_s
    if not np.isfinite(rows.scores).all():
        raise BundleError(f"bundle {predictor.bundle.spec.name}: gives no finite scores for noise; train it again")
    return taken_s
