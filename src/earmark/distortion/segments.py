"""Where a fault is heard: from probabilities of seconds to stretches of the file."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEARD_FROM = 0.5  # probability of a second that belongs to a segment
LONGEST_GAP_S = 2.0  # a pause as short as that does not part a segment


def sure_seconds(probabilities: NDArray[np.float32], times_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which seconds reach a probability of 0.5, with pauses of up to two seconds filled, bool (n_seconds,).

    Args:
        probabilities: float32 (n_seconds,); NaN where a second cannot be told.
        times_s: float64 (n_seconds, 2), begin and end of each second.
    """
    heard: NDArray[np.bool_] = np.nan_to_num(probabilities, nan=0.0) >= HEARD_FROM
    filled = heard.copy()
    for (_, end), (begin, _) in itertools.pairwise(stretches(heard)):
        if times_s[begin, 0] - times_s[end - 1, 1] <= LONGEST_GAP_S + 1e-6:
            filled[end:begin] = True
    return filled


def stretches(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return begin and end (exclusive) of each run of true values, in order.

    Example:
        >>> stretches(np.array([True, True, False, True]))
        [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]
