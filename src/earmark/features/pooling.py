"""Ways from the frames of a window to one array of fixed shape.

Axes: features are float32 (n_windows, n_frames, n_coefficients).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pooling = Literal["pad", "flat", "mean", "max", "mean_std", "length_normalised"]
KEEPS_FRAMES: frozenset[Pooling] = frozenset({"pad", "flat", "length_normalised"})


@dataclass(frozen=True, eq=False)
class ActivePart:
    """The stretch of frames of each window in which something is heard.

    Attributes:
        first: int (n_windows,), the first active frame.
        last: int (n_windows,), the last active frame.
    """

    first: NDArray[np.intp]
    last: NDArray[np.intp]

    def mask(self, n_frames: int) -> NDArray[np.bool_]:
        """Return bool (n_windows, n_frames, 1), true from first to last."""
        frames = np.arange(n_frames)
        inside = (frames >= self.first[:, None]) & (frames <= self.last[:, None])
        return inside[:, :, None]


def active_part(mel_power: NDArray[np.float32], range_db: float) -> ActivePart:
    """Return the stretch from the first to the last frame within `range_db` of the window's loudest frame.

    A frame's energy is the sum of its mel power, float32 (n_windows, n_frames, n_mels). Digital silence is active all
    along, since no part of it stands out.
    """
    energy = mel_power.sum(axis=2)
    heard = energy >= energy.max(axis=1, keepdims=True) * np.float32(10 ** (-range_db / 10))
    return ActivePart(heard.argmax(axis=1), heard.shape[1] - 1 - heard[:, ::-1].argmax(axis=1))


def whole(n_windows: int, n_frames: int) -> ActivePart:
    """Return the stretch that holds every frame."""
    return ActivePart(np.zeros(n_windows, dtype=np.intp), np.full(n_windows, n_frames - 1, dtype=np.intp))


def fit_frames(
    features: NDArray[np.float32], n_frames: int, fill: float | NDArray[np.float32] = 0.0
) -> NDArray[np.float32]:
    """Return the first `n_frames` frames, padded with `fill` where there are fewer.

    fill: a number, or float32 (n_windows, 1, 1), one for each window.
    """
    n_windows, n_found, n_coefficients = features.shape
    if n_found >= n_frames:
        return features[:, :n_frames]
    fitted = np.empty((n_windows, n_frames, n_coefficients), dtype=np.float32)
    fitted[:, :n_found] = features
    fitted[:, n_found:] = fill
    return fitted


def stretch(features: NDArray[np.float32], part: ActivePart, n_frames: int) -> NDArray[np.float32]:
    """Return `n_frames` frames at equal steps from the first to the last active frame, linearly interpolated."""
    steps = np.linspace(0, 1, n_frames) if n_frames > 1 else np.array([0.5])
    places = part.first[:, None] + (part.last - part.first)[:, None] * steps  # (n_windows, n_frames)
    before = np.floor(places).astype(np.intp)
    after = np.minimum(before + 1, part.last[:, None])
    rows = np.arange(len(features))[:, None]
    share = (places - before).astype(np.float32)[:, :, None]
    left = features[rows, before]
    return np.asarray(left + share * (features[rows, after] - left), dtype=np.float32)


def mean_and_std(features: NDArray[np.float32], part: ActivePart) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation over the active frames, each float32 (n_windows, 1, n_coefficients)."""
    mask = part.mask(features.shape[1])
    mean = features.mean(axis=1, dtype=np.float64, where=mask, keepdims=True)
    squares = np.square(features - mean).mean(axis=1, where=mask, keepdims=True)
    return mean.astype(np.float32), np.sqrt(squares).astype(np.float32)


def pool(features: NDArray[np.float32], pooling: Pooling, part: ActivePart, n_frames: int) -> NDArray[np.float32]:
    """Return features in the shape that `pooled_shape` tells, over the active part where the pooling summarises."""
    if pooling == "pad":
        return fit_frames(features, n_frames)
    if pooling == "flat":
        return _rows(fit_frames(features, n_frames))
    if pooling == "length_normalised":
        return _rows(stretch(features, part, n_frames))
    if pooling == "max":
        mask = part.mask(features.shape[1])
        return np.asarray(features.max(axis=1, where=mask, initial=-np.inf), dtype=np.float32)
    mean, std = mean_and_std(features, part)
    return _rows(mean if pooling == "mean" else np.concatenate([mean, std], axis=1))


def pooled_shape(pooling: Pooling, n_frames: int, n_coefficients: int) -> tuple[int, ...]:
    """Return the shape of one window's pooled features."""
    if pooling == "pad":
        return (n_frames, n_coefficients)
    if pooling in KEEPS_FRAMES:
        return (n_frames * n_coefficients,)
    return (2 * n_coefficients,) if pooling == "mean_std" else (n_coefficients,)


def _rows(features: NDArray[np.float32]) -> NDArray[np.float32]:
    return features.reshape(len(features), features.shape[1] * features.shape[2])
