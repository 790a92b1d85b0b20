"""The audit of a dataset: what would make a result on it wrong, unfair or fragile, and what to do about it.

read every clip once (`acoustic`)  ->  find copies (`audit_copies`)  ->  checks, each a function of the evidence
in `CHECKS`  ->  findings, the gravest first (`audit_findings`)  ->  text, JSON, HTML (`audit_report`)
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import AudioError, ConfigError, DataError
from earmark.core.progress import SILENT, track
from earmark.data.acoustic import ClipFacts, measure_clip
from earmark.data.audit_checks import check_balance, check_files, check_formats, check_sound, check_times
from earmark.data.audit_copies import find_copies
from earmark.data.audit_findings import AuditReport, Evidence, Finding, LabelSummary
from earmark.data.audit_quality import assess_quality, check_quality, damage_by_label
from earmark.data.audit_shortcuts import check_shortcuts
from earmark.data.audit_splits import check_copies, check_splits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from earmark.core.progress import Progress
    from earmark.data.audit_quality import AssessClips
    from earmark.data.clip import Clip
    from earmark.data.dataset import Dataset
    from earmark.data.split import Fold

CHECKS: tuple[Callable[[Evidence], Iterator[Finding]], ...] = (
    check_files,
    check_splits,
    check_copies,
    check_shortcuts,
    check_times,
    check_sound,
    check_balance,
    check_formats,
    check_quality,
)
CLIPS_PER_TASK = 16


def audit(
    dataset: Dataset,
    *,
    folds: Sequence[Fold] = (),
    n_folds: int = 5,
    progress: Progress = SILENT,
    workers: int = 1,
    quality: AssessClips | None = None,
) -> AuditReport:
    """Read every clip of a dataset and return what is wrong with it.

    Args:
        dataset: The clips.
        folds: Splits to check for groups, files and copies that stand on both sides.
        n_folds: Number of folds that the groups of every label should allow.
        progress: Told about each clip.
        workers: Processes that read clips; the report does not depend on it.
        quality: What assesses damage, such as `earmark.distortion.check.clips.Assessor`; None: nothing does.

    Raises:
        ConfigError: `workers` is below 1.
        DataError: A worker process was killed.
        AudioError: A file that could be read at first cannot be read when copies are compared.

    Example:
        >>> report = audit(load_dataset("recordings/"))  # doctest: +SKIP
        >>> report.failed  # doctest: +SKIP
        False
    """
    if workers < 1:
        raise ConfigError(f"audit: found workers={workers}, expected 1 or more")
    facts: list[ClipFacts | None] = []
    failures: dict[int, str] = {}
    results = _measure_all(dataset.clips, workers)
    for row, result in enumerate(track(results, "Reading clips", len(dataset.clips), progress)):
        if isinstance(result, str):
            failures[row] = result
        facts.append(None if isinstance(result, str) else result)
    copies = find_copies(dataset.clips, facts, progress=progress)
    rows = [row for row, item in enumerate(facts) if item is not None]
    damage = assess_quality(dataset.clips, rows, quality, progress) if quality is not None else None
    evidence = Evidence(dataset, tuple(facts), failures, copies, tuple(folds), n_folds, damage)
    findings = [finding for check in CHECKS for finding in check(evidence)]
    return AuditReport(
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        n_clips=len(dataset.clips),
        n_readable=len(evidence.readable()),
        n_groups=len({clip.group for clip in dataset.clips}),
        total_s=sum(item.duration_s for _, item in evidence.readable()),
        folds=tuple(fold.name for fold in folds),
        findings=tuple(sorted(findings, key=lambda finding: finding.gravity)),
        labels=tuple(_summary(evidence, label) for label in dataset.labels),
        facts={evidence.clip(row).id: item for row, item in evidence.readable()},
        quality={evidence.clip(row).id: item for row, item in damage.by_row.items()} if damage else {},
        damage=damage_by_label(evidence),
    )


def _measure_all(clips: Sequence[Clip], workers: int) -> Iterator[ClipFacts | str]:
    """Yield the facts of each clip, or why it cannot be read, in order."""
    if workers == 1:
        yield from map(_measure, clips)
        return
    with ProcessPoolExecutor(max_workers=workers) as pool:
        try:
            yield from pool.map(_measure, clips, chunksize=CLIPS_PER_TASK)
        except BrokenProcessPool as error:
            raise DataError(
                f"audit: one of {workers} worker processes was killed (out of memory?); run again with fewer workers"
            ) from error


def _measure(clip: Clip) -> ClipFacts | str:
    try:
        return measure_clip(clip)
    except AudioError as error:
        return str(error)


def _summary(evidence: Evidence, label: str) -> LabelSummary:
    rows = [row for row, clip in enumerate(evidence.dataset.clips) if label in clip.labels]
    facts = [item for row in rows if (item := evidence.facts[row]) is not None]
    durations_s = np.array([item.duration_s for item in facts])
    return LabelSummary(
        label=label,
        n_clips=len(rows),
        n_groups=len({evidence.clip(row).group for row in rows}),
        total_s=float(durations_s.sum()),
        shortest_s=float(durations_s.min()) if facts else None,
        median_s=float(np.median(durations_s)) if facts else None,
        longest_s=float(durations_s.max()) if facts else None,
        level_db=float(np.mean([item.level_db for item in facts])) if facts else None,
    )
