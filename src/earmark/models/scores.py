"""Scores of windows with their times: what evaluation, inference and service hand to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.core.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Scores:
    """Calibrated probabilities of windows.

    Attributes:
        values: float32 (n_windows, n_classes) in [0, 1].
        times_s: float64 (n_windows, 2), start and end of each window in the recording.
        labels: The class of each column.

    Raises:
        ModelError: Values, times and labels do not fit together.
    """

    values: NDArray[np.float32]
    times_s: NDArray[np.float64]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        n_windows, n_classes = len(self.times_s), len(self.labels)
        if self.values.shape != (n_windows, n_classes) or self.times_s.shape != (n_windows, 2):
            raise ModelError(
                f"scores: found values {self.values.shape}, times {self.times_s.shape} and {n_classes} labels, "
                "expected (n_windows, n_classes) and (n_windows, 2)"
            )
