"""Write what an experiment on targets found: page, pictures and every number."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from earmark.experiments.by_target import TargetFindings
from earmark.experiments.curves import Entry
from earmark.experiments.export import MEAN_NAME, point_rows
from earmark.experiments.forecasts import needs
from earmark.experiments.target_areas import pairs_at
from earmark.experiments.target_page import Story
from earmark.experiments.target_pictures import draw_pictures
from earmark.experiments.target_words import verdict
from earmark.experiments.words import split_in_words

if TYPE_CHECKING:
    from earmark.experiments.journal import Journal
    from earmark.experiments.results import ResultsStore
    from earmark.experiments.status import Status


def find_targets(journal: Journal, results: ResultsStore) -> TargetFindings:
    """Return what is known of an experiment on targets so far. Raises StoreError where results cannot be read."""
    done = results.load_all(journal.keys)
    entries = tuple(Entry(trial, done.get(trial.key)) for trial in journal.trials)
    return TargetFindings(journal, entries, str(journal.plan["metric"]))


def tell(findings: TargetFindings, status: Status) -> Story:
    """Return everything that is to be said: tests at every size, forecasts, pictures.

    Raises:
        StoreError: A file of probabilities is damaged.
    """
    pairs = {size: pairs_at(findings, size) for size in findings.sizes}
    return Story(findings, pairs, needs(findings), status, draw_pictures(findings))


def summary_of_targets(story: Story) -> dict[str, Any]:
    """Return everything but the single trials, JSON-able."""
    findings = story.findings
    journal, dataset = findings.journal, findings.journal.dataset
    return {
        "name": journal.plan["name"],
        "verdict": verdict(findings, story.pairs),
        "complete": story.status.is_complete,
        "split": split_in_words(journal),
        "metric": findings.metric,
        "targets": list(findings.targets),
        "models": list(findings.models),
        "sizes": list(findings.sizes),
        "points": point_rows(findings),
        "pairs": [
            {"size": size, "target": place or MEAN_NAME, **pair.to_dict()}
            for size, by_place in story.pairs.items()
            for place, pairs in by_place.items()
            for pair in pairs
        ],
        "forecasts": [need.to_dict() | {"target": need.target or MEAN_NAME} for need in story.needed],
        "status": story.status.to_dict(),
        "leaks": list(journal.leaks),
        "notes": list(journal.notes),
        "dataset": {
            "name": dataset.name,
            "n_clips": len(dataset.clips),
            "n_groups": findings.n_groups,
            "labels": list(dataset.labels),
            "source": dataset.source,
            "licence": dataset.licence,
        },
        "plan": journal.plan,
        "reported_with": {"python": platform.python_version()},
    }
