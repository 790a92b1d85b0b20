"""The page of an experiment on targets: the answer, curves, field of scores, forecast, tests, costs; one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import MissingExtraError
from earmark.core.page import Page, Value
from earmark.evaluation.plots_interactive import (
    drawing_script,
    interactive_curves,
    interactive_heat_map,
    library,
)
from earmark.evaluation.report import NOTHING
from earmark.experiments.by_target import MEAN
from earmark.experiments.costs import cost_of
from earmark.experiments.forecasts import GOAL
from earmark.experiments.page_parts import add_data, add_failures, add_repeat, warn
from earmark.experiments.target_pictures import (
    MAX_PANELS,
    curves_on,
    hardest_first,
    mean_title,
    size_name,
)
from earmark.experiments.target_words import (
    Pairs,
    other_sizes,
    sentences,
    table_of_means,
    table_of_sizes,
    table_of_targets,
    verdict,
)
from earmark.experiments.words import difference_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.core.page import Cell
    from earmark.evaluation.plots_interactive import Figure
    from earmark.evaluation.style import Picture
    from earmark.experiments.by_target import TargetFindings
    from earmark.experiments.forecasts import Need
    from earmark.experiments.plan import Size
    from earmark.experiments.status import Status

MAX_MENU = 60
NEVER = 1e9  # what no number of clips reaches is sorted last
CHART = (
    '<div id="{name}" style="background:#fff;border-radius:.35rem;margin:1rem 0;overflow:hidden" role="img" '
    'aria-label="{alt}"></div>'
)


@dataclass(frozen=True, eq=False)
class Story:
    """Everything that a page tells: numbers, tests, forecasts, how far the experiment is, and its pictures."""

    findings: TargetFindings
    pairs: Pairs
    needed: Sequence[Need]
    status: Status
    pictures: Mapping[str, Picture]


def render_target_page(story: Story, results_folder: Path) -> str:
    """Return the page as HTML text; `results_folder` is named in the commands that repeat the experiment."""
    findings = story.findings
    page = Page(
        str(findings.journal.plan["name"]),
        summary=verdict(findings, story.pairs),
        footer="Made by earmark. Everything on this page is in summary.csv, results.csv and results.json beside it.",
    )
    warn(page, findings, story.status)
    said = other_sizes(findings, story.pairs)
    for sentence in sentences(findings, story.pairs, story.needed)[1:]:
        if sentence not in said:
            page.paragraph(sentence)
    _add_curves(page, story, said)
    _add_targets(page, story)
    _add_heat_map(page, story)
    _add_needs(page, story)
    _add_pairs(page, story)
    _add_costs(page, story)
    _add_explorer(page, findings)
    add_data(page, findings)
    add_failures(page, findings, story.status)
    add_repeat(page, findings, results_folder)
    return page.render()


def _add_curves(page: Page, story: Story, said: Sequence[str]) -> None:
    if "learning_curves" not in story.pictures:
        return
    findings = story.findings
    page.heading("Which model, with how many clips?")
    for sentence in said:
        page.paragraph(sentence)
    n_targets = len(findings.targets)
    drawn = any(point.size == 0 for point in findings.points(MEAN))
    zero_shot = " Zero-shot, left of the break: the encoder's own classes, without any training." if drawn else ""
    over = f", averaged over the {n_targets} targets" if n_targets > 1 else ""
    _add_picture(
        page,
        story,
        "learning_curves",
        f"{findings.kind.title} on the test clips of each fold{over}; half of the training clips have the target; "
        f"{_bars(findings, [MEAN])}.{zero_shot}",
    )
    columns, rows = table_of_sizes(findings)
    page.table(columns, _dashed(rows), caption=f"{mean_title(findings)} [95 % interval], by training clips")


def _add_targets(page: Page, story: Story) -> None:
    findings = story.findings
    if "by_target" not in story.pictures or len(findings.targets) == 1:
        return
    page.heading("Target by target")
    left_out = len(findings.targets) - MAX_PANELS
    rest = f" The {left_out} easiest targets are not drawn; they are in summary.csv." if left_out > 0 else ""
    _add_picture(page, story, "by_target", f"The hardest target first; {_bars(findings, findings.targets)}.{rest}")
    columns, rows = table_of_targets(findings, story.pairs)
    if rows:
        page.table(
            columns,
            rows,
            caption="Best model of each target; no paired test tells those of the last column apart from it "
            "(Holm-corrected p of at least 0.05)",
        )


def _bars(findings: TargetFindings, places: Sequence[str]) -> str:
    """Return what the bars of a picture are; a target that a single fold tests has them over groups."""
    methods = [point.method for place in places for point in findings.points(place) if point.low is not None]
    ways = {"over folds" if "folds" in method else "over groups, where one fold has the target" for method in methods}
    return f"bars are 95 % intervals {' or '.join(sorted(ways))}" if ways else "there are too few groups for intervals"


def _add_heat_map(page: Page, story: Story) -> None:
    if "heat_map" in story.pictures:
        page.heading("Every model at every size")
        caption = "Means over all targets; hatched where a model cannot answer, or lacks targets, at that size."
        _add_picture(page, story, "heat_map", caption)


def _add_needs(page: Page, story: Story) -> None:
    means = table_of_means(story.needed)
    if not story.needed:
        return
    page.heading(f"How many clips for {GOAL:g}?")
    page.paragraph(
        "A curve error(n) = a n^-b + c is fitted to each model's scores. The limits come from fitting it again without "
        "each fold; nothing is said beyond ten times the largest size that was tried."
    )
    kind = story.findings.kind.title
    caption = f"Training clips for a {kind} of {GOAL:g} on average over targets [95 % interval]"
    if means:
        page.table(["model", "needs"], means, caption=caption)
    _add_needs_of_targets(page, story, kind)


def _add_needs_of_targets(page: Page, story: Story, kind: str) -> None:
    found = {(need.target, need.model): need.forecast for need in story.needed if need.target != MEAN}
    models = [model for model in story.findings.models if any(name == model for _, name in found)]
    rows: list[list[Cell]] = []
    for target in hardest_first(story.findings):
        told = [found.get((target, model)) for model in models]
        if any(told):
            rows.append([target, *(None if one is None else Value(one.short, one.n_clips or NEVER) for one in told)])
    if rows:
        page.paragraph(
            f"On each target, for {kind} {GOAL:g}, the hardest first. In brackets 95 % intervals, … "
            "for more than ten times what was tried; never: the curve levels off below; ?: too few sizes."
        )
        page.table(["target", *models], rows, sortable=True)


def _dashed(rows: Sequence[Sequence[str]]) -> list[list[Cell]]:
    """Return rows with None for dashes, which leaves their columns numbers."""
    return [[None if cell == NOTHING else cell for cell in row] for row in rows]


def _add_pairs(page: Page, story: Story) -> None:
    findings = story.findings
    size = findings.best_size
    pairs = [] if size is None else story.pairs.get(size, {}).get(MEAN, [])
    if size is None or not pairs:
        return
    page.heading("Is the difference real?")
    page.paragraph(
        "Each row compares the best model with another one on the same test clips. The p-value is the share of ways to "
        "swap the two models' answers, group by group, that part them at least as far; Holm's correction allows for "
        "all pairs of models. It is about these trained models: chance in the choice of training clips is in the "
        "intervals of the curves."
    )
    best = findings.best_on(MEAN, size)
    rows: list[list[Cell]] = [
        [f"{pair.model_a} \N{MINUS SIGN} {pair.model_b}", *difference_in_words(pair)]
        for pair in pairs
        if best is None or best.model in (pair.model_a, pair.model_b)
    ]
    caption = f"Paired tests, {_clips(size)}: {pairs[0].comparison.method}, {pairs[0].comparison.n_groups:,} groups"
    page.table(["models", "difference [95 % interval]", "p", "p, Holm"], rows, caption=caption, sortable=True)
    page.paragraph("The other pairs, other sizes and each target are in results.json, under pairs.")


def _add_costs(page: Page, story: Story) -> None:
    findings = story.findings
    rows: list[list[Cell]] = []
    size = findings.best_size if findings.best_size is not None else findings.sizes[-1]
    for model in findings.models:
        trained = [entry for entry in findings.entries if entry.trial.model == model and entry.trial.size == size]
        cost = cost_of(trained)
        if cost is not None:
            pairs = (cost.fit_s, cost.score_ms, cost.peak_memory_mb)
            cells = [f"{_number(median)} ({_number(p95)})" for median, p95 in pairs]
            rows.append([model, *cells, cost.n_trials])
    if not rows:
        return
    page.heading("What it costs")
    if "costs" in story.pictures:
        caption = (
            "Each line leads from the smallest training size to the largest. Features come from the store and are not "
            "counted, which flatters models on pretrained encoders."
        )
        _add_picture(page, story, "costs", caption)
    columns = ["model", "training, s", "scoring a clip, ms", "peak memory of the process, MB", "trials"]
    caption = f"Median (95th percentile) over trials on one core, {_clips(size)}"
    page.table(columns, rows, caption=caption, sortable=True)


def _add_explorer(page: Page, findings: TargetFindings) -> None:
    """Add figures to explore; without plotly a line that says how to get them."""
    panels = {mean_title(findings): curves_on(findings, MEAN)} | {
        target: curves_on(findings, target) for target in findings.targets[:MAX_MENU]
    }
    if not any(panels.values()):
        return
    page.heading("Explore")
    try:
        source = library()
    except MissingExtraError as error:
        page.notice(f"Interactive figures are left out. {error}")
        return
    chance = 0.5 if findings.metric == "roc_auc" else None
    figures: dict[str, Figure] = {
        "curves": interactive_curves(panels, findings.kind.title, models=findings.models, chance=chance)
    }
    tables = {name: _table(findings, place) for name, place in zip(panels, (MEAN, *findings.targets), strict=False)}
    tables = {name: table for name, table in tables.items() if not np.isnan(table).all()}
    names = [size_name(size) for size in findings.sizes]
    figures["field"] = interactive_heat_map(tables, findings.models, names, findings.kind.title)
    page.paragraph(
        "Choose a target in the menus; hover for numbers, click a name to hide a model, double-click to see it alone."
    )
    alts = {"curves": "Learning curves to explore", "field": "Models by training sizes to explore"}
    for name in figures:
        page.embed(CHART.format(name=name, alt=alts[name]))
    page.embed("<noscript><p>Needs JavaScript.</p></noscript>", [source, drawing_script(figures)])


def _table(findings: TargetFindings, place: str) -> NDArray[np.float64]:
    table = np.full((len(findings.models), len(findings.sizes)), np.nan)
    for row, model in enumerate(findings.models):
        for column, size in enumerate(findings.sizes):
            point = findings.point(model, place, size)
            table[row, column] = np.nan if point is None else point.value
    return table


def _add_picture(page: Page, story: Story, name: str, caption: str) -> None:
    picture = story.pictures[name]
    page.figure(f'<?xml version="1.0"?>{picture.svg}', alt=picture.description, caption=caption)


def _clips(size: Size) -> str:
    return "zero-shot" if size == 0 else "all training clips" if size == "all" else f"{size:,} training clips"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
