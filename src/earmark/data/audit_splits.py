"""Checks of what crosses a split, a label or a group."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from earmark.data.audit_findings import SHOWN_NAMES, Finding, counted, named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from earmark.data.audit_copies import CopySet
    from earmark.data.audit_findings import Evidence
    from earmark.data.clip import Clip
    from earmark.data.split import Fold

SHOWN_COPIES = 4


@dataclass(frozen=True)
class _Ties:
    """What binds clips together so that no split may part them: row -> the name of its tie."""

    kind: str
    noun: str
    of_row: Mapping[int, str]
    remedy: str


def check_splits(evidence: Evidence) -> Iterator[Finding]:
    """Yield groups, files and copies that stand in training and test of one fold, and folds that lack a label.

    Files and copies are told only where they lie in several groups: within one, the group is what leaks.
    """
    if not evidence.folds:
        return
    groups = dict(enumerate(evidence.dataset.groups.tolist()))
    files = {row: str(clip.path) for row, clip in enumerate(evidence.dataset.clips)}
    copies = {row: _set_text(evidence, item, "copies") for item in evidence.copies for row in item.rows}
    for ties in (
        _Ties(
            "group-leak",
            "group",
            groups,
            "Split by group (leave one group out, or grouped k-fold): a score on this split measures how well a model "
            "remembers what it has heard.",
        ),
        _Ties(
            "file-leak",
            "audio file",
            _spanning(files, groups),
            "Give all clips of one file the same group, then split again by group.",
        ),
        _Ties(
            "copy-leak",
            "copy set",
            _spanning(copies, groups),
            "Keep one clip of each set, or give all of it the same group; then split again by group.",
        ),
    ):
        yield from _leaks(evidence, ties)
    yield from _missing_labels(evidence)


def _spanning(ties: Mapping[int, str], groups: Mapping[int, str]) -> dict[int, str]:
    """Return the ties that hold clips of several groups."""
    found: dict[str, set[str]] = defaultdict(set)
    for row, tie in ties.items():
        found[tie].add(groups[row])
    return {row: tie for row, tie in ties.items() if len(found[tie]) > 1}


def _parts(fold: Fold) -> tuple[NDArray[np.intp], ...]:
    return fold.train, fold.validation, fold.test


def _leaks(evidence: Evidence, ties: _Ties) -> Iterator[Finding]:
    crossing: dict[str, list[str]] = defaultdict(list)
    rows: set[int] = set()
    n_test = 0
    for fold in evidence.folds:
        parts = [{ties.of_row.get(row) for row in part.tolist()} - {None} for part in _parts(fold)]
        both = {tie for first, second in combinations(parts, 2) for tie in first & second if tie is not None}
        for tie in sorted(both):
            crossing[tie].append(fold.name)
        held_out = [row for part in _parts(fold)[1:] for row in part.tolist()]
        rows.update(row for row in held_out if ties.of_row.get(row) in both)
        n_test += len(held_out)
    if not crossing:
        return
    leaking = {fold for folds in crossing.values() for fold in folds}
    names = "" if ties.kind == "copy-leak" else f" ({named(sorted(crossing))})"
    where = f"{len(leaking)} of {counted(len(evidence.folds), 'fold')}" if len(evidence.folds) > 1 else "the split"
    yield Finding(
        ties.kind,
        "error",
        evidence.ids(tuple(rows)),
        f"{counted(len(crossing), ties.noun)}{names} on both sides of {where}: "
        f"{len(rows):,} of {counted(n_test, 'test clip')} have a relative in training.",
        ties.remedy,
        tuple(f"{tie} ({', '.join(folds)})" for tie, folds in sorted(crossing.items()))
        if not names or len(crossing) > SHOWN_NAMES or len(evidence.folds) > 1
        else (),
    )


def _missing_labels(evidence: Evidence) -> Iterator[Finding]:
    details = []
    for fold in evidence.folds:
        for side, rows in (("training", fold.train), ("test", fold.test)):
            present = {label for row in rows.tolist() for label in evidence.clip(row).labels}
            missing = [label for label in evidence.dataset.labels if label not in present]
            if missing:
                details.append(f"{fold.name} has no {named(missing, at_most=3)} in {side}")
    if details:
        yield Finding(
            "fold-without-label",
            "warning",
            (),
            f"Some folds lack a label: {'; '.join(details[:3])}{'; ...' if len(details) > 3 else ''}.",
            "Use fewer folds, stratify by label, or leave those labels out.",
            tuple(details) if len(details) > 3 else (),
        )


def check_copies(evidence: Evidence) -> Iterator[Finding]:
    """Yield clips with the same sound: under other labels, in other groups, within one group."""
    sorted_sets: dict[str, list[CopySet]] = defaultdict(list)
    for item in evidence.copies:
        clips = [evidence.clip(row) for row in item.rows]
        if len({frozenset(clip.labels) for clip in clips}) > 1:
            sorted_sets["label-conflict"].append(item)
        elif len({clip.group for clip in clips}) > 1:
            sorted_sets["copies-across-groups"].append(item)
        else:
            sorted_sets["copies"].append(item)
    texts = {
        "label-conflict": (
            "of the same sound under different labels",
            "Listen and correct the label, or drop the set: a model cannot learn both.",
        ),
        "copies-across-groups": (
            "of the same sound in different groups",
            "Keep one clip of each set, or give all of it the same group: else even a split by group leaks.",
        ),
        "copies": (
            "of the same sound within one label and group",
            "Keep one clip of each set if variety matters: copies count as clips but teach nothing new.",
        ),
    }
    for kind, (what, remedy) in texts.items():
        if sets := sorted_sets[kind]:
            yield _copy_finding(evidence, kind, sets, what, remedy)


def _copy_finding(evidence: Evidence, kind: str, sets: Sequence[CopySet], what: str, remedy: str) -> Finding:
    rows = [row for item in sets for row in item.rows]
    n_exact = sum(item.exact for item in sets)
    return Finding(
        kind,
        "info" if kind == "copies" else "warning",
        evidence.ids(rows),
        f"{counted(len(rows), 'clip')} in {counted(len(sets), 'set')} {what} "
        f"({n_exact:,} exact, {len(sets) - n_exact:,} near).",
        remedy,
        tuple(_set_text(evidence, item, kind) for item in sets),
    )


def _set_text(evidence: Evidence, item: CopySet, kind: str) -> str:
    sign = "=" if item.exact else "~"
    texts = [_told(evidence.clip(row), kind) for row in item.rows]
    return f" {sign} ".join(texts[:SHOWN_COPIES]) + (
        f" and {len(texts) - SHOWN_COPIES} more" if texts[SHOWN_COPIES:] else ""
    )


def _told(clip: Clip, kind: str) -> str:
    """Return the id of a clip with what should be equal but is not."""
    differs = {"label-conflict": ", ".join(clip.labels) or "no label", "copies-across-groups": clip.group}.get(kind)
    return clip.id if differs is None else f"{clip.id} [{differs}]"
