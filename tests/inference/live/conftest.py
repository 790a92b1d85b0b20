"""Streams of tones between pauses, and a judge that tells loud from quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.inference.live import Judge, Listener, ListenOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from earmark.inference import Predictor

STREAM_HZ = 16_000
MakeStream = "Callable[..., NDArray[np.float32]]"


def stream_of(*parts: tuple[float, float], rate_hz: int = STREAM_HZ) -> NDArray[np.float32]:
    """Return parts of (level, seconds), each a tone of 440 Hz over a faint hiss."""
    rng = np.random.default_rng(3)
    pieces = []
    for level, duration_s in parts:
        times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
        pieces.append(level * np.sin(2 * np.pi * 440 * times_s) + 1e-4 * rng.normal(size=len(times_s)))
    return np.concatenate(pieces).astype(np.float32)


@pytest.fixture
def make_listener(predictor: Predictor) -> Callable[..., Listener]:
    """Return a function that makes a listener with the energy detector."""

    def make(rate_hz: int = STREAM_HZ, **options: object) -> Listener:
        chosen = ListenOptions.model_validate({"vad": "energy", "conf_thresh": 0.0, **options})
        judge = Judge(predictor, conf_thresh=chosen.conf_thresh, temperature=chosen.temp)
        return Listener(judge, rate_hz, chosen)

    return make


@pytest.fixture
def two_tones() -> NDArray[np.float32]:
    """Return a loud tone from 1.0 to 1.5 s, and a quiet one from 2.5 to 3.0 s, of a stream of 4 s."""
    return stream_of((0, 1.0), (0.5, 0.5), (0, 1.0), (0.01, 0.5), (0, 1.0))
