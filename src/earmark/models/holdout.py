"""The validation part of a network's training rows: whole groups, so that early stopping is not fooled by a leak."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_TRIES = 20
LARGEST_FACTOR = 1.5  # a part may grow by this much over the share asked for, as groups come whole


def split_rows(
    targets: NDArray[np.float32],
    groups: NDArray[np.str_] | None,
    rng: np.random.Generator,
    *,
    share: float,
    min_rows: int,
) -> tuple[NDArray[np.intp], NDArray[np.intp], str]:
    """Return the rows to train on, the rows to validate on, and why there are none of those (empty: there are).

    Of several random choices of groups the one is taken whose classes are nearest to those of all rows.

    Args:
        targets: float32 (n_rows, n_classes) of ones and zeros.
        groups: (n_rows,), None if they are not known.
        rng: Chooses the groups.
        share: Of the rows, about.
        min_rows: Least rows to validate on.
    """
    everything, nothing = np.arange(len(targets)), np.arange(0)
    if not share:
        return everything, nothing, "no validation part: none was asked for"
    if groups is None:
        return everything, nothing, "no validation part: the groups of the rows are not known"
    wanted = round(share * len(targets))
    if wanted < min_rows:
        return everything, nothing, f"no validation part: {len(targets)} rows, {wanted} would be too few to judge by"
    parts = [_draw(groups, rng, wanted) for _ in range(N_TRIES)]
    fitting = [part for part in parts if part.sum() >= min_rows and _complete(targets, part)]
    if not fitting:
        n_groups = len(np.unique(groups))
        return everything, nothing, f"no validation part: {n_groups} groups cannot be parted with all classes in both"
    best = min(fitting, key=lambda part: float(np.abs(targets[part].mean(axis=0) - targets.mean(axis=0)).sum()))
    return np.flatnonzero(~best), np.flatnonzero(best), ""


def _draw(groups: NDArray[np.str_], rng: np.random.Generator, wanted: int) -> NDArray[np.bool_]:
    """Return which rows are of the groups drawn: as many as come near the number wanted."""
    names, of_row, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    drawn, n_rows = np.zeros(len(names), dtype=bool), 0
    for group in rng.permutation(len(names)):
        if n_rows < wanted and n_rows + sizes[group] <= LARGEST_FACTOR * wanted:
            drawn[group] = True
            n_rows += int(sizes[group])
    return drawn[of_row]


def _complete(targets: NDArray[np.float32], part: NDArray[np.bool_]) -> bool:
    """Return whether both sides have examples of every class, and more than one class (or yes and no) at all."""
    sides = (targets[part], targets[~part])
    return all(bool(side.any(axis=0).all()) and len(np.unique(side, axis=0)) > 1 for side in sides)
