"""How sure a bundle is: the distribution of its top probability, to compare later answers with.

Ten bins, the same for every bundle. Their edges lie closer together the surer the answer, about evenly in log odds:
calibrated answers of a good classifier crowd near 1, where ten equal bins see nothing. For task "many" the top
probability is that of the likeliest label, which is low for a clip without any, hence the bins down to 0.01.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

EDGES = (0.01, 0.05, 0.2, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
N_BINS = len(EDGES) + 1
METRIC = "top_probability"  # its key in `metrics` of bundle.json


def bin_of(probability: float) -> int:
    """Return the bin of a probability; an edge belongs to the bin below it, as in Prometheus.

    Example:
        >>> bin_of(0.3), bin_of(0.999), bin_of(1.0)
        (3, 8, 9)
    """
    return bisect_left(EDGES, probability)


def top_histogram(probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """Return the histogram of the top probability of clips, as it stands in bundle.json.

    Args:
        probabilities: float32 (n_clips, n_classes), calibrated, of clips that the model never saw.
    """
    tops = probabilities.max(axis=1)
    counts = np.bincount(np.searchsorted(EDGES, tops, side="left"), minlength=N_BINS)
    return {"edges": list(EDGES), "counts": counts.tolist()}


def reference_counts(metrics: Mapping[str, Any]) -> tuple[float, ...] | None:
    """Return the counts of the ten bins from `metrics` of a bundle; None where it has none, as older bundles do.

    None also where they are of other bins than today's, or are no counts.
    """
    found = metrics.get(METRIC)
    if not isinstance(found, dict) or found.get("edges") != list(EDGES):
        return None
    counts = found.get("counts")
    if not isinstance(counts, list) or len(counts) != N_BINS:
        return None
    if not all(isinstance(count, int) and count >= 0 for count in counts) or not sum(counts):
        return None
    return tuple(float(count) for count in counts)
