"""Sharing groups out to the parts of a split so that every label keeps its proportions.

Greedy: large groups first (in random order among groups of like size), each to the part where it does least harm to
the proportions. The idea is that of scikit-learn's StratifiedGroupKFold; here parts may be unequal and clips may have
any number of labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.data.dataset import Dataset

_N_ATTEMPTS = 8
_FEW_GROUPS = 200


def group_counts(dataset: Dataset, groups: Sequence[str]) -> NDArray[np.float64]:
    """Return how often each group has each label, float64 (n_groups, n_classes + 1); the last column counts clips."""
    position = {group: index for index, group in enumerate(groups)}
    which = np.array([position[clip.group] for clip in dataset.clips], dtype=np.intp)
    columns = np.concatenate([dataset.targets, np.ones((len(dataset.clips), 1), dtype=np.float32)], axis=1)
    counts = np.zeros((len(groups), columns.shape[1]))
    np.add.at(counts, which, columns)
    return counts


def assign_groups(
    counts: NDArray[np.float64], fractions: Sequence[float], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return the part of each group, (n_groups,); no part stays empty.

    Args:
        counts: (n_groups, n_columns), see `group_counts`; rows in an order that does not depend on the clips'.
        fractions: The share of each part; they sum to 1.
        rng: Breaks ties and shuffles groups of like size.

    The harm of a split is the sum over parts and columns of (have - want)^2 / want, with want = fraction x total. The
    best of a few attempts is taken where there are few groups, since there a greedy choice can go wrong.
    """
    totals = np.maximum(counts.sum(axis=0), 1.0)
    want = np.asarray(fractions)[:, None] * totals  # (n_parts, n_columns)
    n_attempts = _N_ATTEMPTS if counts.shape[0] <= _FEW_GROUPS else 1
    attempts = [_assign_once(counts, want, rng) for _ in range(n_attempts)]
    return min(attempts, key=lambda attempt: attempt[0])[1]


def _assign_once(
    counts: NDArray[np.float64], want: NDArray[np.float64], rng: np.random.Generator
) -> tuple[float, NDArray[np.intp]]:
    """Return (harm, parts) of one greedy round."""
    n_groups, n_parts = counts.shape[0], want.shape[0]
    have = np.zeros_like(want)
    parts = np.full(n_groups, -1, dtype=np.intp)
    empty = np.ones(n_parts, dtype=np.bool_)
    for done, group in enumerate(_large_first(counts, rng)):
        harm = ((2 * (have - want) + counts[group]) * counts[group] / want).sum(axis=1)
        if n_groups - done <= empty.sum():
            harm[~empty] = np.inf
        best = np.flatnonzero(harm <= harm.min() + 1e-9)
        parts[group] = best[rng.integers(len(best))]
        have[parts[group]] += counts[group]
        empty[parts[group]] = False
    return float(((have - want) ** 2 / want).sum()), parts


def _large_first(counts: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.intp]:
    shuffled = rng.permutation(counts.shape[0])
    # sizes within a factor of two are alike: exact order would leave nothing to the generator
    magnitude = np.floor(np.log2(np.maximum(counts[shuffled, -1], 1.0)))
    return np.asarray(shuffled[np.argsort(-magnitude, kind="stable")], dtype=np.intp)
