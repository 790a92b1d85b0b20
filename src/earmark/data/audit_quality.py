"""Damage in a dataset: which clips are damaged and by what, and whether damage gives the label or the fold away.

What tells damage lies above this floor: the caller hands in a function that assesses clips. Here its answers become
findings.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from earmark.data.audit_findings import Finding, counted, named
from earmark.data.audit_gaps import find_gaps
from earmark.data.audit_shortcuts import LEAST_CLIPS_OF_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from earmark.core.progress import Progress
    from earmark.data.audit_findings import Evidence
    from earmark.data.audit_gaps import Gap
    from earmark.data.clip import Clip

SHOWN_WORST = 12


@dataclass(frozen=True)
class ClipQuality:
    """What is wrong with the sound of a clip.

    Attributes:
        faults: Type of fault -> severity from 0 to 1, of those that were found.
        untold: Type -> why it cannot be told of this clip.
        sentences: What was measured, for a reader.
        over: Which limits the clip is over, in words.
    """

    faults: dict[str, float] = field(default_factory=dict)
    untold: dict[str, str] = field(default_factory=dict)
    sentences: tuple[str, ...] = ()
    over: tuple[str, ...] = ()

    @property
    def worst(self) -> float:
        """Severity of the worst fault, 0 where there is none."""
        return max(self.faults.values(), default=0.0)


class AssessClips(Protocol):
    """Listens to clips."""

    @property
    def words(self) -> dict[str, str]:
        """Each type of fault with what is said of a clip that has it: ``"noise": "noisy"``."""
        ...

    def __call__(self, clips: Sequence[Clip], progress: Progress) -> Iterable[ClipQuality | str]:
        """Return for each clip, in order, what is wrong with it, or why that cannot be told."""
        ...


@dataclass(frozen=True)
class Quality:
    """The answers for all clips.

    Attributes:
        words: As `AssessClips.words`.
        by_row: Position of a clip -> its quality, where it could be assessed.
        failures: Position of a clip -> why it could not.
    """

    words: dict[str, str]
    by_row: dict[int, ClipQuality]
    failures: dict[int, str]

    def told(self, kind: str) -> dict[int, bool]:
        """Return position -> whether the fault was found, for the clips of which that can be told."""
        return {row: kind in each.faults for row, each in self.by_row.items() if kind not in each.untold}


def assess_quality(clips: Sequence[Clip], rows: Sequence[int], assess: AssessClips, progress: Progress) -> Quality:
    """Return the quality of the clips at these positions."""
    by_row: dict[int, ClipQuality] = {}
    failures: dict[int, str] = {}
    for row, answer in zip(rows, assess([clips[row] for row in rows], progress), strict=True):
        if isinstance(answer, str):
            failures[row] = answer
        else:
            by_row[row] = answer
    return Quality(assess.words, by_row, failures)


def check_quality(evidence: Evidence) -> Iterator[Finding]:
    """Yield what is damaged, and where damage follows the labels, the folds or the groups."""
    quality = evidence.quality
    if quality is None:
        return
    yield from _failures(evidence, quality)
    yield from _over(evidence, quality)
    for kind in quality.words:
        told = quality.told(kind)
        rows = sorted(row for row, found in told.items() if found)
        if rows:
            yield _damaged(evidence, quality, kind, rows)
            yield from _unequal(evidence, quality, kind)
            yield from _in_groups(evidence, quality, kind)
    yield from _untold(evidence, quality)


def damage_by_label(evidence: Evidence) -> dict[str, dict[str, float | None]]:
    """Return label -> type -> share of damaged clips; None where it can be told of none. Empty if nobody asked."""
    if evidence.quality is None:
        return {}
    shares: dict[str, dict[str, float | None]] = {label: {} for label in evidence.dataset.labels}
    for kind in evidence.quality.words:
        told = evidence.quality.told(kind)
        for label in evidence.dataset.labels:
            flags = [found for row, found in told.items() if label in evidence.clip(row).labels]
            shares[label][kind] = sum(flags) / len(flags) if flags else None
    return shares


def _failures(evidence: Evidence, quality: Quality) -> Iterator[Finding]:
    rows = sorted(quality.failures)
    if rows:
        yield Finding(
            "not-assessed",
            "error",
            evidence.ids(rows),
            f"The quality of {counted(len(rows), 'clip')} cannot be assessed.",
            "Listen to them; replace or remove damaged files.",
            tuple(quality.failures[row] for row in rows),
        )


def _over(evidence: Evidence, quality: Quality) -> Iterator[Finding]:
    rows = sorted((row for row, each in quality.by_row.items() if each.over), key=lambda r: -quality.by_row[r].worst)
    if rows:
        yield Finding(
            "over-limit",
            "error",
            evidence.ids(rows),
            f"{counted(len(rows), 'clip')} of {len(quality.by_row):,} "
            f"{'is' if len(rows) == 1 else 'are'} damaged beyond the limit.",
            "Replace them or take them out, or raise the limit.",
            tuple(f"{evidence.clip(row).id}: {'; '.join(quality.by_row[row].over)}" for row in rows),
        )


def _damaged(evidence: Evidence, quality: Quality, kind: str, rows: Sequence[int]) -> Finding:
    severities = np.array([quality.by_row[row].faults[kind] for row in rows])
    worst = [rows[place] for place in np.argsort(-severities, kind="stable")[:SHOWN_WORST]]
    n_told = len(quality.told(kind))
    return Finding(
        "damaged",
        "warning",
        evidence.ids(rows),
        f"{counted(len(rows), 'clip')} of {n_told:,} ({_per_cent(len(rows) / n_told)}) "
        f"{'is' if len(rows) == 1 else 'are'} {quality.words[kind]}: "
        f"mean severity {_per_cent(float(severities.mean()))}, worst {_per_cent(float(severities.max()))}.",
        "Listen to the worst; replace them, or make sure that what you test on is damaged in the same way as what you "
        "will meet.",
        tuple(_line(evidence, quality, kind, row) for row in worst),
    )


def _line(evidence: Evidence, quality: Quality, kind: str, row: int) -> str:
    each = quality.by_row[row]
    lead = max(each.faults, key=lambda name: each.faults[name]) == kind and each.sentences
    return f"{evidence.clip(row).id}: {_per_cent(each.faults[kind])}" + (f". {each.sentences[0]}" if lead else "")


def _unequal(evidence: Evidence, quality: Quality, kind: str) -> Iterator[Finding]:
    """Yield labels and folds whose share of damaged clips differs from that of all others."""
    rows = sorted(quality.told(kind))
    label_of = [" + ".join(sorted(evidence.clip(row).labels)) for row in rows]
    folds = [evidence.clip(row).fold or "" for row in rows]
    for what, names in (("label", label_of), ("fold", folds)):
        gaps = find_gaps(kind, names, [quality.told(kind)[row] for row in rows], evidence.dataset.groups[rows])
        if not gaps:
            continue
        learn = (
            "a model can learn the damage instead of the sound"
            if what == "label"
            else ("a score on it says little about the others")
        )
        yield Finding(
            "damage-shortcut",
            "warning",
            (),
            f"Damage follows the {what}: {_gap_words(gaps[0], quality.words[kind])}; {learn}.",
            "Collect clips of each label in each quality, damage the others alike (earmark distort), or leave out the "
            "damaged ones."
            if what == "label"
            else "Make the split so that every fold has clips of each quality.",
            tuple(_gap_words(gap, quality.words[kind]) for gap in gaps),
        )


def _gap_words(gap: Gap, word: str) -> str:
    others = f"{_per_cent(gap.n_others_damaged / gap.n_others)} of all others"
    return (
        f'{_per_cent(gap.n_damaged / gap.n_clips)} of "{gap.name}" ({gap.n_damaged:,} of {gap.n_clips:,}) are {word}, '
        f"{others} ({gap.n_others_damaged:,} of {gap.n_others:,}; p = {gap.p_value:.3f})"
    )


def _in_groups(evidence: Evidence, quality: Quality, kind: str) -> Iterator[Finding]:
    """Yield the groups that hold most of the damage, where few do."""
    told = quality.told(kind)
    in_group = Counter(evidence.clip(row).group for row in told)
    damaged = Counter(evidence.clip(row).group for row, found in told.items() if found)
    whole = [
        group for group, n_clips in in_group.items() if n_clips >= LEAST_CLIPS_OF_LABEL and damaged[group] == n_clips
    ]
    share = sum(damaged[group] for group in whole) / max(1, damaged.total())
    if not whole or len(whole) == len(in_group) or share < 0.5:
        return
    whole.sort(key=lambda group: -in_group[group])
    yield Finding(
        "damage-in-groups",
        "info",
        (),
        f"{_per_cent(share)} of the clips that are {quality.words[kind]} come from "
        f"{counted(len(whole), 'group')} in which every clip is so: {named(whole)}.",
        "Look at how these were recorded; a split by group puts all of their damage on one side.",
        tuple(f"{group}: {counted(in_group[group], 'clip')}" for group in whole),
    )


def _untold(evidence: Evidence, quality: Quality) -> Iterator[Finding]:
    """Yield which types cannot be told of how many clips."""
    n_clips: Counter[tuple[str, str]] = Counter()
    for each in quality.by_row.values():
        # What was found differs from clip to clip: "needs 0.5 s of sound, found 0.35 s".
        n_clips.update((kind, reason.partition(", found")[0]) for kind, reason in each.untold.items())
    if n_clips:
        kinds = sorted({kind for kind, _ in n_clips}, key=list(quality.words).index)
        yield Finding(
            "not-told",
            "info",
            (),
            f"Some faults cannot be told of some clips: {', '.join(kinds)}.",
            "Nothing to mend; an absence of findings of these types says nothing about those clips.",
            tuple(
                f"{kind} in {n:,} of {len(evidence.dataset.clips):,}: {reason}"
                for (kind, reason), n in n_clips.most_common()
            ),
        )


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.005 else "under 1 %"
