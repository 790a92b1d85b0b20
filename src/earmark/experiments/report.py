"""Write what an experiment found: a page to read, pictures, and every number as CSV and JSON."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.core.files import write_bytes, write_json
from earmark.evaluation.plots import plot_learning_curves
from earmark.evaluation.style import shorten
from earmark.experiments import target_words
from earmark.experiments.by_target import TargetFindings
from earmark.experiments.curves import find
from earmark.experiments.export import (
    COST_COLUMNS,
    MORE_COLUMNS,
    POINT_COLUMNS,
    TRIAL_COLUMNS,
    csv_text,
    curve_rows,
    flat,
    parquet_bytes,
    point_rows,
    trial_rows,
)
from earmark.experiments.journal import read_journal
from earmark.experiments.page import render_page
from earmark.experiments.results import ResultsStore
from earmark.experiments.status import folder_status
from earmark.experiments.target_page import render_target_page
from earmark.experiments.target_report import find_targets, summary_of_targets, tell
from earmark.experiments.words import sentences, split_in_words, table_of_sizes, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from earmark.evaluation.style import Picture
    from earmark.experiments.curves import Entry, Findings
    from earmark.experiments.status import Status
    from earmark.experiments.target_page import Story

MAX_TITLE_CHARACTERS = 44


@dataclass(frozen=True)
class Report:
    """Where a report lies and what it says first.

    Attributes:
        folder: Holds the page, the pictures and the numbers.
        findings: The numbers behind it.
        status: How far the experiment was.
        files: Everything that was written.
        story: What was found, of an experiment on targets.
    """

    folder: Path
    findings: Findings | TargetFindings
    status: Status
    files: tuple[Path, ...]
    story: Story | None = None

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return headers and rows of training size by model, as text."""
        if isinstance(self.findings, TargetFindings):
            return target_words.table_of_sizes(self.findings)
        return table_of_sizes(self.findings)

    def sentences(self) -> list[str]:
        """Return what was found in words: the verdict, the other models, the split."""
        if isinstance(self.findings, TargetFindings):
            story = self.story or tell(self.findings, self.status)
            return target_words.sentences(story.findings, story.pairs, story.needed)
        return sentences(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return what `results.json` holds, without the single trials."""
        if isinstance(self.findings, TargetFindings):
            return summary_of_targets(self.story or tell(self.findings, self.status))
        return summary_of(self.findings, self.status)


def write_report(results_folder: Path, out: Path | None = None) -> Report:
    """Write the report of whatever is done so far; `out` is the results folder unless given.

    Raises:
        StoreError: There is no experiment, its files are damaged, or the output cannot be written.
    """
    status = folder_status(results_folder)
    journal, results = read_journal(results_folder), ResultsStore(results_folder)
    folder = out or results_folder
    if any(trial.target for trial in journal.trials):
        story = tell(find_targets(journal, results), status)
        page = render_target_page(story, results_folder)
        files = _write(folder, story.pictures, story.findings.entries, point_rows(story.findings), page)
        report = Report(folder, story.findings, status, files, story)
    else:
        findings = find(journal, results)
        picture = draw_curves(findings)
        pictures = {} if picture is None else {"learning_curves": picture}
        page = render_page(findings, status, picture, results_folder)
        files = _write(folder, pictures, findings.entries, curve_rows(findings), page)
        report = Report(folder, findings, status, files)
    write_json(folder / "results.json", report.to_dict() | {"trials": trial_rows(report.findings.entries)})
    return report


def _write(
    folder: Path, pictures: Mapping[str, Picture], entries: Sequence[Entry], points: list[dict[str, Any]], page: str
) -> tuple[Path, ...]:
    """Write everything but results.json; return all files."""
    trials = flat(trial_rows(entries))
    columns = [*TRIAL_COLUMNS, *MORE_COLUMNS]
    contents: dict[str, bytes] = {
        "results.csv": csv_text(trials, columns).encode(),
        "summary.csv": csv_text(points, [*POINT_COLUMNS, *COST_COLUMNS]).encode(),
    }
    parquet = parquet_bytes(trials, columns)
    if parquet is not None:
        contents["results.parquet"] = parquet
    for name, picture in pictures.items():
        contents |= {f"{name}.png": picture.png, f"{name}.svg": picture.svg.encode()}
    contents["report.html"] = page.encode()
    for name, content in contents.items():
        write_bytes(folder / name, content)
    return tuple(folder / name for name in [*[*contents][:-1], "results.json", "report.html"])


def draw_curves(findings: Findings) -> Picture | None:
    """Return the learning curves as a picture, None while there is no result."""
    if not findings.curves:
        return None
    kind = findings.kind
    return plot_learning_curves(
        findings.curves,
        kind.title,
        chance=chance_of(findings),
        scale=kind.scale,
        title=shorten(str(findings.journal.plan["name"]), MAX_TITLE_CHARACTERS),
    )


def chance_of(findings: Findings) -> float | None:
    """Return the metric's value for guessing, None where there is no single one."""
    if findings.metric == "roc_auc":
        return 0.5
    one = findings.journal.dataset.task == "one"
    return (
        1 / findings.journal.dataset.n_classes if one and findings.metric in ("accuracy", "balanced_accuracy") else None
    )


def summary_of(findings: Findings, status: Status) -> dict[str, Any]:
    """Return everything but the single trials, JSON-able."""
    journal = findings.journal
    largest = max(findings.sizes.values())
    return {
        "name": journal.plan["name"],
        "verdict": verdict(findings),
        "complete": status.is_complete,
        "split": split_in_words(journal),
        "metric": findings.metric,
        "curves": [curve.to_dict() for curve in findings.curves],
        "pairs": [pair.to_dict() for pair in findings.pairs],
        "groups": [
            {"group": group, "n_clips": n_clips, "accuracy": rates}
            for group, n_clips, rates in findings.group_rates(largest)
        ],
        "status": status.to_dict(),
        "leaks": list(journal.leaks),
        "notes": list(journal.notes),
        "dataset": {
            "name": journal.dataset.name,
            "n_clips": len(journal.dataset.clips),
            "n_groups": len(set(journal.dataset.groups.tolist())),
            "labels": list(journal.dataset.labels),
            "source": journal.dataset.source,
            "licence": journal.dataset.licence,
        },
        "plan": journal.plan,
        "reported_with": {"python": platform.python_version()},
    }
