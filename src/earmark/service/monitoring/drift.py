"""Whether a model's answers still look like those that it was measured by.

Drift is the population stability index of the top probability: the sum over bins of (a - e) * ln(a / e), with e the
share of the reference in a bin and a that of the last answers (Siddiqi, 2006, "Credit Risk Scorecards", chapter 8; the
symmetric form of the Kullback-Leibler divergence of Jeffreys, 1946). Below 0.1 counts as unchanged and above 0.25 as
changed. Without any change it is about (1/n + 1/m) times a chi-squared variable with one degree of freedom less than
there are bins (Yurdakul and Naranjo, 2020, Journal of Risk Model Validation 14(4)): of 200 answers against 1,000, 0.05,
seldom over 0.1. So no figure is given for fewer answers. Half an answer is added to each bin (Jeffreys' prior), so that
empty ones have a logarithm.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal

import numpy as np

from earmark.core.errors import DataError
from earmark.models.top_scores import N_BINS, bin_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WINDOW = 1000  # answers that are compared: the last ones
FIRST = 1000  # answers that are the reference where the bundle brings none
LEAST = 200  # answers without which there is no figure
PRIOR = 0.5

Source = Literal["bundle", "first_answers"]


def stability_index(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Return the population stability index of two histograms.

    Args:
        expected: Counts of the reference (n_bins,).
        actual: Counts of what is compared with it (n_bins,).

    Raises:
        DataError: They have not the same bins, or one holds nothing.

    Example:
        >>> round(stability_index([50, 50], [50, 50]), 3), round(stability_index([90, 10], [50, 50]), 2)
        (0.0, 0.85)
    """
    e, a = ((counts + PRIOR) / (counts.sum() + PRIOR * len(counts)) for counts in _counts(expected, actual))
    return float(((a - e) * np.log(a / e)).sum())


def surer_ratio(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Return how often one of the last answers is surer than one of the reference: 0.5 where neither is.

    That is the area under the ROC curve of the two histograms (Mann and Whitney, 1947); equal bins count half. The
    index tells that answers changed, this tells which way: below 0.5 the model has become less sure.

    Args:
        expected: Counts of the reference (n_bins,), from the least sure to the surest.
        actual: Counts of what is compared with it (n_bins,).

    Raises:
        DataError: They have not the same bins, or one holds nothing.

    Example:
        >>> surer_ratio([50, 50], [50, 50]), surer_ratio([0, 100], [50, 50])
        (0.5, 0.25)
    """
    e, a = (counts / counts.sum() for counts in _counts(expected, actual))
    less_sure = np.cumsum(e) - e
    return float((a * (less_sure + e / 2)).sum())


def _counts(expected: Sequence[float], actual: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    e, a = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if e.shape != a.shape or not e.sum() > 0 or not a.sum() > 0:
        raise DataError(
            f"drift: found counts of shapes {e.shape} and {a.shape} with sums {e.sum():g} and {a.sum():g}, "
            "expected the same bins and more than nothing in them"
        )
    return e, a


class Drift:
    """The last answers of one version of a model beside its reference. Not thread-safe: `Monitor` holds the lock.

    Args:
        reference: Counts of the bins that the bundle brings; None takes the first 1,000 answers.
    """

    def __init__(self, reference: Sequence[float] | None) -> None:
        self.source: Source = "first_answers" if reference is None else "bundle"
        self._expected = np.zeros(N_BINS) if reference is None else np.array(reference, dtype=float)
        self._missing = FIRST if reference is None else 0
        self._last: deque[tuple[int, bool]] = deque(maxlen=WINDOW)
        self._counts = np.zeros(N_BINS)

    def add(self, probability: float, *, known: bool) -> None:
        """Take note of an answer: its top probability, and whether the sound is like any that the model knows."""
        if self._missing:
            self._missing -= 1
            self._expected[bin_of(probability)] += 1
            return
        if len(self._last) == WINDOW:
            self._counts[self._last[0][0]] -= 1
        number = bin_of(probability)
        self._last.append((number, known))
        self._counts[number] += 1

    @property
    def n_reference(self) -> int:
        """How many answers the reference holds by now."""
        return int(self._expected.sum())

    @property
    def n_answers(self) -> int:
        """How many answers are compared with it."""
        return len(self._last)

    @property
    def index(self) -> float | None:
        """The stability index; None before there are 200 answers beside the reference."""
        return None if len(self._last) < LEAST else stability_index(self._expected.tolist(), self._counts.tolist())

    @property
    def surer_ratio(self) -> float | None:
        """How often one of the last answers is surer than one of the reference; None before there are 200."""
        return None if len(self._last) < LEAST else surer_ratio(self._expected.tolist(), self._counts.tolist())

    @property
    def unknown_ratio(self) -> float | None:
        """The share of the last answers that said "none of the labels"; None before there are 200."""
        return None if len(self._last) < LEAST else sum(not known for _, known in self._last) / len(self._last)
