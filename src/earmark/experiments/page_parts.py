"""The parts that pages of all experiments share: warnings, data, failures, and how to repeat it."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from earmark.experiments.plan import JOURNAL_FILE
from earmark.experiments.words import split_in_words

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.core.page import Cell, Page
    from earmark.experiments.curves import Entry
    from earmark.experiments.journal import Journal
    from earmark.experiments.status import Status

MOST_NOTES = 4  # more boxes would hide the answer


class Known(Protocol):
    """What is known of an experiment."""

    @property
    def journal(self) -> Journal:
        """The plan, its trials and its clips."""
        ...

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every point of the grid with its result."""
        ...


def warn(page: Page, findings: Known, status: Status) -> None:
    """Say first what makes the numbers less than they seem."""
    if not status.is_complete:
        page.notice(
            f"{status.n_done} of {status.n_total} trials are done, {status.n_failed} failed; all numbers below may "
            "still change.",
            "warning",
            title="Partial results",
            remedy="earmark experiment run does the rest; what is done is kept.",
        )
    if findings.journal.leaks:
        page.notice(
            split_in_words(findings.journal),
            "bad",
            title="Groups on both sides of the split",
            remedy='Set folds = "leave-one-group-out" or "grouped:5" to measure what holds for new groups.',
        )
    notes = findings.journal.notes
    if len(notes) > MOST_NOTES:
        page.notice(f"{len(notes)} things were done otherwise than asked.", items=notes)
        return
    for note in notes:
        page.notice(note)


def add_data(page: Page, findings: Known) -> None:
    """Add what was learnt from and tested on."""
    dataset, journal = findings.journal.dataset, findings.journal
    page.heading("Data")
    per_label = Counter(label for clip in dataset.clips for label in clip.labels)
    least, most = min(per_label.values(), default=0), max(per_label.values(), default=0)
    n_groups = len(set(dataset.groups.tolist()))
    page.facts(
        [
            ("Dataset", dataset.name),
            ("Clips", f"{len(dataset.clips):,}"),
            ("Groups", f"{n_groups:,}"),
            (
                "Labels",
                f"{dataset.n_classes}: {', '.join(dataset.labels[:30])}{' …' if dataset.n_classes > 30 else ''}",
            ),
            ("Clips per label", f"{least:,}" if least == most else f"{least:,} to {most:,}"),
            ("Source", dataset.source or "not stated"),
            ("Licence", dataset.licence or "not stated"),
            ("Fingerprint", journal.trials[0].dataset),
        ]
    )
    rows: list[list[Cell]] = [[name, n_train, n_test] for name, n_train, n_test in journal.folds]
    page.table(["fold", "training clips", "test clips"], rows, caption=split_in_words(journal))


def add_failures(page: Page, findings: Known, status: Status) -> None:
    """Add failed trials and warnings, if there are any."""
    warned = Counter(
        text for entry in findings.entries if entry.done is not None for text in entry.done.facts["warnings"]
    )
    if not status.failures and not warned:
        return
    page.heading("What went wrong")
    if status.failures:
        items = [f"{failure.trial.title}: {failure.message}" for failure in status.failures]
        page.notice(f"{len(items)} trials failed and are missing above; the next run tries them again.", "bad")
        page.details(f"{len(items)} failed trials", items)
    if warned:
        page.details(f"{len(warned)} kinds of warnings", [f"{n} trials: {text}" for text, n in warned.most_common()])


def add_repeat(page: Page, findings: Known, results_folder: Path) -> None:
    """Add the commands and the environment."""
    page.heading("How to repeat this")
    environments = Counter(
        tuple(sorted(entry.done.facts["environment"].items())) for entry in findings.entries if entry.done is not None
    )
    folder = shlex.quote(str(results_folder))
    plan = shlex.quote(str(results_folder / JOURNAL_FILE))
    page.preformatted(f"earmark experiment run {plan}\nearmark experiment report {folder}")
    page.paragraph(
        f"{JOURNAL_FILE} is the plan as it was run, from a file or from flags (fingerprint "
        f"{findings.journal.fingerprint}). The number of workers changes no result."
    )
    if len(environments) > 1:
        page.notice("The results were computed in different environments.", "warning")
    for environment, n_trials in environments.most_common():
        page.facts([*environment, ("trials", f"{n_trials:,}")])
