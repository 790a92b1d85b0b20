"""From the windows of a clip to the clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Aggregate = Literal["mean", "max", "loudest"]


def aggregate_windows(
    scores: NDArray[np.float32],
    clip_rows: NDArray[np.intp],
    levels_db: NDArray[np.float32],
    how: Aggregate,
) -> NDArray[np.float32]:
    """Return one row of scores per clip, in the order of the clips' numbers.

    Args:
        scores: float32 (n_windows, n_classes).
        clip_rows: The clip of each window, (n_windows,); windows of a clip stand together.
        levels_db: Level of each window, (n_windows,).
        how: "mean" over windows, "max" over windows, or the scores of the "loudest" window.

    Returns:
        float32 (n_clips, n_classes) for the clips in ascending order of their numbers.
    """
    _, starts, counts = np.unique(clip_rows, return_index=True, return_counts=True)
    if counts.max(initial=1) == 1:
        return scores[starts]
    ends = starts + counts
    spans = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
    if how == "mean":
        return np.stack([scores[span].mean(axis=0) for span in spans])
    if how == "max":
        return np.stack([scores[span].max(axis=0) for span in spans])
    return np.stack([scores[span.start + int(levels_db[span].argmax())] for span in spans])
