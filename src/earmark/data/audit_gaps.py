"""Is a property of clips shared out unequally among labels or folds?

The share of clips that have it in each label is compared with the share of all others. A gap counts if at most 1 % of
shuffled labels have one as large anywhere: shuffles keep groups together (`audit_shortcuts.shuffles`), and the largest
gap of each guards against looking at many labels (Westfall & Young, "Resampling-Based Multiple Testing", 1993).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.randomness import named_generator
from earmark.data.audit_shortcuts import LARGEST_P, LEAST_CLIPS, LEAST_CLIPS_OF_LABEL, N_SHUFFLES, shuffles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAST_GAP = 0.25


@dataclass(frozen=True)
class Gap:
    """A label whose clips are damaged more often, or less, than all others.

    Attributes:
        name: The label or fold.
        n_damaged: Damaged clips of it.
        n_clips: Clips of it.
        n_others_damaged: Damaged clips of all others.
        n_others: Clips of all others.
        p_value: Share of shuffles with a gap as large for any name, of 199 (smallest value 0.005).
    """

    name: str
    n_damaged: int
    n_clips: int
    n_others_damaged: int
    n_others: int
    p_value: float

    @property
    def size(self) -> float:
        """Share of damaged clips of this name minus that of the others."""
        return self.n_damaged / self.n_clips - self.n_others_damaged / self.n_others


def find_gaps(kind: str, names: Sequence[str], damaged: Sequence[bool], groups: NDArray[np.str_]) -> list[Gap]:
    """Return the names whose share of damaged clips differs from the others' by more than chance, the highest first.

    Args:
        kind: What the damage is; also names the stream of random shuffles.
        names: The label or fold of each clip.
        damaged: Whether each clip is.
        groups: The group of each clip, (n_clips,).
    """
    counts = Counter(names)
    if len(names) < LEAST_CLIPS or len(counts) < 2:
        return []
    known = sorted(counts)
    targets = np.searchsorted(known, names)
    codes = np.unique(groups, return_inverse=True)[1]
    codes = codes if codes.max() > 0 else np.arange(len(names))
    flags = np.asarray(damaged, dtype=np.float64)
    usual = np.array([counts[name] >= LEAST_CLIPS_OF_LABEL for name in known])
    gaps = np.where(usual, np.abs(_gaps(targets, flags)), 0)
    rng = named_generator(0, "damage", kind)
    highest = np.array([np.abs(_gaps(each, flags))[usual].max(initial=0.0) for each in shuffles(targets, codes, rng)])
    found = []
    for place in range(len(known)):
        p_value = float((1 + np.count_nonzero(highest >= gaps[place] - 1e-12)) / (1 + N_SHUFFLES))
        if gaps[place] >= LEAST_GAP and p_value <= LARGEST_P:
            inside = targets == place
            found.append(
                Gap(
                    known[place],
                    int(flags[inside].sum()),
                    int(inside.sum()),
                    int(flags[~inside].sum()),
                    int((~inside).sum()),
                    p_value,
                )
            )
    return sorted(found, key=lambda gap: -gap.size)


def _gaps(targets: NDArray[np.int64], flags: NDArray[np.float64]) -> NDArray[np.float64]:
    sizes = np.bincount(targets)
    damaged = np.bincount(targets, weights=flags)
    others = sizes.sum() - sizes
    return np.asarray(damaged / np.maximum(1, sizes) - (flags.sum() - damaged) / np.maximum(1, others))
