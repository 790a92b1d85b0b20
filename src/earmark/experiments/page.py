"""The page of an experiment: self-contained HTML, first the answer, then the evidence, then how to repeat it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.core.page import Page
from earmark.evaluation.confusion import confusion_matrix, most_confused
from earmark.evaluation.metrics import METRICS, summarize
from earmark.evaluation.plots import plot_confusion
from earmark.evaluation.report import CLASS_HEADERS, class_table
from earmark.experiments.page_parts import add_data, add_failures, add_repeat, warn
from earmark.experiments.words import difference_in_words, sentences, table_of_sizes, verdict

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.core.page import Cell
    from earmark.evaluation.style import Picture
    from earmark.experiments.curves import Findings
    from earmark.experiments.status import Status

MAX_CLASSES_DRAWN = 60
N_MISTAKES = 5
MOST_GROUPS = 20  # more would bury those worth listening to


def render_page(findings: Findings, status: Status, curves: Picture | None, results_folder: Path) -> str:
    """Return the page as HTML text.

    Args:
        findings: What to say.
        status: How far the experiment was.
        curves: The learning curves, None while there is no result.
        results_folder: Named in the commands that repeat the experiment.

    Raises:
        StoreError: A file of probabilities is damaged.
    """
    page = Page(
        str(findings.journal.plan["name"]),
        summary=verdict(findings),
        footer="Made by earmark. Everything on this page is in results.csv and results.json beside it.",
    )
    warn(page, findings, status)
    for sentence in sentences(findings)[1:]:
        page.paragraph(sentence)
    if curves is not None:
        _curves(page, findings, curves)
        _pairs(page, findings)
        _groups(page, findings)
        _confusion(page, findings)
        _costs(page, findings)
    add_data(page, findings)
    add_failures(page, findings, status)
    add_repeat(page, findings, results_folder)
    return page.render()


def _curves(page: Page, findings: Findings, picture: Picture) -> None:
    page.heading("Learning curves")
    page.figure(
        picture.svg,
        alt=picture.description,
        caption=f"{findings.kind.title} on the test clips of each fold against the number of training clips; "
        "bars are 95 % intervals over folds. Smaller training sets lie inside the larger ones.",
    )
    columns, rows = table_of_sizes(findings)
    page.table(columns, rows, caption=f"{findings.kind.title}, mean over folds [95 % interval]")


def _pairs(page: Page, findings: Findings) -> None:
    if not findings.pairs:
        return
    page.heading("Is the difference real?")
    page.paragraph(
        "Each row compares two models on the same test clips. The p-value is the share of all ways to swap the two "
        "models' answers, group by group, that part them at least as far; Holm's correction allows for all pairs of "
        "that size being tested."
    )
    largest = max(pair.n_train for pair in findings.pairs)
    rows: list[list[Cell]] = [
        [f"{pair.model_a} \N{MINUS SIGN} {pair.model_b}", *difference_in_words(pair)]
        for pair in findings.pairs
        if pair.n_train == largest
    ]
    columns = ["models", "difference [95 % interval]", "p", "p, Holm"]
    caption = f"Paired tests at {largest:,} training clips: {findings.pairs[0].comparison.method}"
    page.table(columns, rows, caption=caption, sortable=True)
    if len(rows) < len(findings.pairs):
        page.paragraph("The same tests at smaller sizes are in results.json, under pairs.")


def _groups(page: Page, findings: Findings) -> None:
    largest = max(findings.sizes.values())
    rows = findings.group_rates(largest)
    page.heading("Which groups are hard?")
    cells: list[list[Cell]] = [
        [group, n_clips, *(None if rate is None else f"{rate:.3f}" for rate in rates.values())]
        for group, n_clips, rates in rows[:MOST_GROUPS]
    ]
    shown = f"the hardest {MOST_GROUPS} of {len(rows)}" if len(rows) > MOST_GROUPS else "the hardest first"
    caption = f"Accuracy on each group at {largest:,} training clips, {shown}"
    page.table(["group", "clips", *findings.models], cells, caption=caption, sortable=True)


def _confusion(page: Page, findings: Findings) -> None:
    if findings.best is None:
        return
    curve, index = findings.best
    n_train = curve.sizes[index]
    targets, probabilities = findings.predictions(curve.model, n_train)
    dataset = findings.journal.dataset
    n_seeds = len(findings.journal.plan["seeds"])
    over = f"all folds and {n_seeds} seeds" if n_seeds > 1 else "all folds"
    page.heading(f"What {curve.model} confuses")
    if dataset.task == "one" and dataset.n_classes <= MAX_CLASSES_DRAWN:
        matrix = confusion_matrix(targets, probabilities)
        picture = plot_confusion(matrix, dataset.labels, title=f"{curve.model}, {n_train:,} training clips")
        page.figure(
            picture.svg, alt=picture.description, caption=f"Counts over {over}; rows are true, columns decided."
        )
        mistakes = most_confused(matrix, dataset.labels, n=N_MISTAKES)
        words = [f"{found.true} taken for {found.decided} ({found.share:.0%})" for found in mistakes]
        page.paragraph(f"Most frequent mistakes: {', '.join(words)}." if words else "No mistake at all.")
    summary = summarize(targets, probabilities, task=dataset.task, labels=dataset.labels)
    page.table(list(CLASS_HEADERS[:-1]), [row[:-1] for row in class_table(summary)], caption=f"Classes, over {over}")


def _costs(page: Page, findings: Findings) -> None:
    largest = max(findings.sizes.values())
    page.heading("Other metrics and costs")
    rows: list[list[Cell]] = []
    for name, kind in METRICS.items():
        curves = {curve.model: curve for curve in findings.curves_of(name)}
        cells: list[Cell] = [kind.title]
        for model in findings.models:
            curve = curves.get(model)
            at = curve.sizes.index(largest) if curve is not None and largest in curve.sizes else None
            cells.append(f"{curve.means[at]:.3f}" if curve is not None and at is not None else None)
        rows.append(cells)
    caption = f"At {largest:,} training clips, means over folds; the last three from scores that were not calibrated"
    page.table(["metric", *findings.models], rows, caption=caption)
    _cost_table(page, findings, largest)


def _cost_table(page: Page, findings: Findings, largest: int) -> None:
    costs: list[list[Cell]] = []
    for model in findings.models:
        facts = [
            entry.done.facts
            for entry in findings.entries
            if entry.done and entry.trial.model == model and findings.sizes.get(entry.trial.size) == largest
        ]
        if facts:
            fit_s = float(np.mean([fact["fit_s"] for fact in facts]))
            score_ms = float(np.mean([1e3 * fact["score_s"] / fact["n_test"] for fact in facts]))
            peak_mb = max(fact["peak_memory_bytes"] for fact in facts) / 1e6
            costs.append([model, f"{fit_s:.2f}", f"{score_ms:.3f}", f"{peak_mb:,.0f}"])
    columns = ["model", "fit, s", "score one clip, ms", "peak memory, MB"]
    page.table(columns, costs, caption="One core; features come from the store and are not counted")
