"""Write what an experiment found: a page to read, pictures, and every number as CSV and JSON."""

from __future__ import annotations

import csv
import io
import platform
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from earmark.core.files import write_bytes, write_json, write_text
from earmark.evaluation.metrics import METRICS
from earmark.evaluation.plots import plot_learning_curves
from earmark.evaluation.style import shorten
from earmark.experiments.curves import find
from earmark.experiments.journal import read_journal
from earmark.experiments.page import render_page
from earmark.experiments.results import ResultsStore
from earmark.experiments.status import folder_status
from earmark.experiments.words import sentences, split_in_words, table_of_sizes, verdict

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.evaluation.style import Picture
    from earmark.experiments.curves import Findings
    from earmark.experiments.status import Status

COLUMNS = ("model", "size", "n_train", "fold", "seed", "n_test", *METRICS)
MAX_TITLE_CHARACTERS = 44
MORE_COLUMNS = ("fit_s", "score_s", "peak_memory_bytes", "warnings", "key")


@dataclass(frozen=True)
class Report:
    """Where a report lies and what it says first.

    Attributes:
        folder: Holds report.html, learning_curves.png and .svg, results.csv and results.json.
        findings: The numbers behind it.
        status: How far the experiment was.
        files: Everything that was written.
    """

    folder: Path
    findings: Findings
    status: Status
    files: tuple[Path, ...]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return headers and rows of training size by model, as text."""
        return table_of_sizes(self.findings)

    def sentences(self) -> list[str]:
        """Return what was found in words: the verdict, the other models, the split."""
        return sentences(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return what `results.json` holds, without the single trials."""
        return summary_of(self.findings, self.status)


def write_report(results_folder: Path, out: Path | None = None) -> Report:
    """Write the report of whatever is done so far; `out` is the results folder unless given.

    Raises:
        StoreError: There is no experiment, its files are damaged, or the output cannot be written.
    """
    status = folder_status(results_folder)
    findings = find(read_journal(results_folder), ResultsStore(results_folder))
    folder = out or results_folder
    picture = draw_curves(findings)
    contents: list[tuple[str, bytes]] = [("results.csv", csv_text(findings).encode())]
    if picture is not None:
        contents += [("learning_curves.png", picture.png), ("learning_curves.svg", picture.svg.encode())]
    for name, content in contents:
        write_bytes(folder / name, content)
    write_json(folder / "results.json", summary_of(findings, status) | {"trials": _trial_rows(findings)})
    write_text(folder / "report.html", render_page(findings, status, picture, results_folder))
    names = [*(name for name, _ in contents), "results.json", "report.html"]
    return Report(folder, findings, status, tuple(folder / name for name in names))


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


def csv_text(findings: Findings) -> str:
    """Return one line per trial that is done, and a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS, *MORE_COLUMNS], lineterminator="\n")
    writer.writeheader()
    for row in _trial_rows(findings):
        metrics = row.pop("metrics")
        writer.writerow({**row, **metrics, "warnings": " | ".join(row["warnings"])})
    return text.getvalue()


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


def _trial_rows(findings: Findings) -> list[dict[str, Any]]:
    rows = []
    for entry in findings.entries:
        if entry.done is None:
            continue
        trial, facts = asdict(entry.trial), entry.done.facts
        row = {name: trial[name] for name in ("model", "size", "n_train", "fold", "seed")}
        more = {
            name: facts[name] for name in ("n_test", "metrics", "fit_s", "score_s", "peak_memory_bytes", "warnings")
        }
        rows.append({**row, **more, "key": entry.trial.key})
    return rows
