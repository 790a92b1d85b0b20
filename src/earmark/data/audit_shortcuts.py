"""Shortcuts: does something other than what is heard give the label away?

For one measure at a time, the clips are sorted into at most 16 bins of equal size (or one for each value), and each
clip is given the label that is most over-represented in its bin among the clips of all *other* folds. Folds keep groups
together. The mean recall over labels (balanced accuracy) is compared with that of shuffled labels: labels are shuffled
within groups where groups hold several labels, else from group to group, so that the comparison keeps what groups
explain (restricted permutation; Good, "Permutation, Parametric and Bootstrap Tests of Hypotheses", 2005).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.randomness import named_generator
from earmark.data.audit_findings import Finding, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from earmark.data.acoustic import ClipFacts
    from earmark.data.audit_findings import Evidence

N_BINS = 16
N_FOLDS = 5
N_SHUFFLES = 199
LEAST_CLIPS = 20
LEAST_CLIPS_OF_LABEL = 4
LARGEST_P = 0.01
WARNING_SKILL = 0.25
NATURAL_SKILL = 0.5  # length and level belong to many sounds: only what nearly decides the label is worth a line


@dataclass(frozen=True)
class _Measure:
    """A property of clips that a model should not need; `natural` ones may truly belong to the sound."""

    name: str
    value: Callable[[ClipFacts], float | str]
    natural: bool
    remedy: str


_MEASURES = (
    _Measure(
        "sample rate",
        lambda facts: float(facts.rate_hz),
        False,
        "Resample everything to the lowest rate, and choose a frontend that does not look above it.",
    ),
    _Measure(
        "number of channels",
        lambda facts: float(facts.n_channels),
        False,
        "Mix everything to mono.",
    ),
    _Measure(
        "file format",
        lambda facts: facts.container,
        False,
        "Collect clips of each label in each format, or re-encode all clips the same way.",
    ),
    _Measure(
        "bandwidth",
        lambda facts: facts.bandwidth_hz,
        True,
        "If the cut comes from the equipment, low-pass all clips to the narrowest.",
    ),
    _Measure(
        "share of silence",
        lambda facts: facts.quiet_share,
        True,
        "Trim silence at both ends, so that padding cannot give the label away.",
    ),
    _Measure(
        "duration",
        lambda facts: facts.duration_s,
        True,
        "Cut all clips to windows of one length, unless length is part of what the label means.",
    ),
    _Measure(
        "level",
        lambda facts: facts.level_db,
        True,
        "Normalise the level or train with random gain, unless loudness is part of what the label means.",
    ),
)


@dataclass(frozen=True)
class Shortcut:
    """How well one measure alone predicts the label.

    Attributes:
        measure: What is measured.
        accuracy: Share of clips whose label it predicts.
        balanced_accuracy: Mean over labels of that share.
        chance: The balanced accuracy of shuffled labels.
        p_value: Share of shuffles that do as well, of 199 (smallest value 0.005).
    """

    measure: str
    accuracy: float
    balanced_accuracy: float
    chance: float
    p_value: float

    @property
    def skill(self) -> float:
        """0 at chance, 1 where the measure decides the label."""
        return (self.balanced_accuracy - self.chance) / max(1e-9, 1 - self.chance)


def check_shortcuts(evidence: Evidence) -> Iterator[Finding]:
    """Yield measures that predict the labels of clips in groups that were not looked at.

    No label, or several, count as a label of their own where at least 4 clips have them.
    """
    label_of = {row: " + ".join(sorted(evidence.clip(row).labels)) for row, _ in evidence.readable()}
    counts = Counter(label_of.values())
    usual = sorted(label for label, n_clips in counts.items() if n_clips >= LEAST_CLIPS_OF_LABEL)
    labelled = [(row, facts) for row, facts in evidence.readable() if counts[label_of[row]] >= LEAST_CLIPS_OF_LABEL]
    rows = [row for row, _ in labelled]
    targets = np.searchsorted(usual, [label_of[row] for row in rows]) if rows else np.zeros(0, dtype=np.int64)
    groups = np.unique(evidence.dataset.groups[rows], return_inverse=True)[1] if rows else targets
    if len(rows) < LEAST_CLIPS or len(usual) < 2:
        return
    for measure in _MEASURES:
        values = [measure.value(facts) for _, facts in labelled]
        shortcut = find_shortcut(measure.name, values, targets, groups)
        if shortcut is None or shortcut.p_value > LARGEST_P:
            continue
        if shortcut.skill >= (NATURAL_SKILL if measure.natural else WARNING_SKILL):
            yield Finding(
                "shortcut",
                "warning",
                (),
                f"The {measure.name} alone predicts the label for {100 * shortcut.accuracy:.0f} % of clips in unseen "
                f"groups ({100 * shortcut.balanced_accuracy:.0f} % balanced over labels; "
                f"{100 * shortcut.chance:.0f} % by chance, p = {shortcut.p_value:.3f}, {counted(len(rows), 'clip')}).",
                measure.remedy,
            )


def find_shortcut(
    name: str, values: Sequence[float | str], targets: NDArray[np.int64], groups: NDArray[np.int64]
) -> Shortcut | None:
    """Return how well a measure predicts labels across groups; None if it has one value only.

    Args:
        name: What is measured; also names the stream of random shuffles.
        values: One for each clip.
        targets: int64 (n_clips,), the label of each clip.
        groups: int64 (n_clips,), the group of each clip, from 0 on. Where there is one group, clips stand for groups.
    """
    bins = _bins(values)
    if bins.max() == 0:
        return None
    if groups.max() == 0:
        groups = np.arange(targets.size)
    targets = np.unique(targets, return_inverse=True)[1]
    folds = _folds(groups)
    accuracy, balanced = _held_out(bins, targets, folds)
    rng = named_generator(0, "shortcut", name)
    shuffled = np.array([_held_out(bins, targets_, folds)[1] for targets_ in shuffles(targets, groups, rng)])
    p_value = float((1 + np.count_nonzero(shuffled >= balanced)) / (1 + N_SHUFFLES))
    return Shortcut(name, accuracy, balanced, float(shuffled.mean()), p_value)


def _bins(values: Sequence[float | str]) -> NDArray[np.int64]:
    array = np.array(values)
    codes = np.unique(array, return_inverse=True)[1]
    if codes.max() < N_BINS or array.dtype.kind == "U":
        return codes
    edges = np.quantile(array.astype(np.float64), np.arange(1, N_BINS) / N_BINS)
    return np.unique(np.searchsorted(edges, array, side="right"), return_inverse=True)[1]


def _folds(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the fold of each clip: the largest group goes to the fold with fewest clips, and so on."""
    sizes = np.bincount(groups)
    loads = np.zeros(N_FOLDS, dtype=np.int64)
    fold_of = np.zeros(sizes.size, dtype=np.int64)
    for group in np.argsort(-sizes, kind="stable"):
        fold_of[group] = np.argmin(loads)
        loads[fold_of[group]] += sizes[group]
    return fold_of[groups]


def _held_out(bins: NDArray[np.int64], targets: NDArray[np.int64], folds: NDArray[np.int64]) -> tuple[float, float]:
    """Return accuracy and balanced accuracy of labels predicted from the bins of the other folds."""
    n_bins, n_labels = int(bins.max()) + 1, int(targets.max()) + 1
    flat = (folds * n_bins + bins) * n_labels + targets
    counts = np.bincount(flat, minlength=N_FOLDS * n_bins * n_labels).reshape(N_FOLDS, n_bins, n_labels)
    seen = counts.sum(axis=0) - counts  # (n_folds, n_bins, n_labels)
    rates = seen / np.maximum(1, seen.sum(axis=1, keepdims=True))
    right = rates.argmax(axis=2)[folds, bins] == targets
    recalls = np.bincount(targets, weights=right) / np.bincount(targets)
    return float(right.mean()), float(recalls.mean())


def shuffles(
    targets: NDArray[np.int64], groups: NDArray[np.int64], rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield 199 times the labels of clips shuffled: within groups that hold several, else from group to group."""
    span = int(targets.max()) + 1
    n_labels = np.bincount(np.unique(groups * span + targets) // span)
    within = np.mean(n_labels[groups] > 1) > 0.5
    by_group = np.argsort(groups, kind="stable")
    for _ in range(N_SHUFFLES):
        shuffled = np.empty_like(targets)
        if within:
            order = np.lexsort((rng.random(targets.size), groups))
        else:
            order = np.argsort(rng.permutation(n_labels.size)[groups], kind="stable")
        shuffled[by_group] = targets[order]
        yield shuffled
