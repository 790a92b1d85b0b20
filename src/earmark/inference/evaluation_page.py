"""A measured bundle as a page to read: metrics, classes, confusion, ROC and reliability."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.core.page import Page
from earmark.evaluation.confusion import confusion_matrix
from earmark.evaluation.metrics import METRICS
from earmark.evaluation.plots import plot_confusion, plot_reliability, plot_roc
from earmark.evaluation.report import CLASS_HEADERS, class_table

if TYPE_CHECKING:
    from earmark.evaluation.style import Picture
    from earmark.inference.evaluation import Evaluation
    from earmark.models.bundle_spec import BundleSpec


def evaluation_page(found: Evaluation, spec: BundleSpec, dataset_name: str) -> str:
    """Return a self-contained HTML page."""
    page = Page(
        f"{spec.name} on {dataset_name}",
        summary=f"{found.primary} on {found.summary.n_clips:,} clips of {found.n_groups:,} groups; "
        f"{found.share_accepted:.1%} of the answers reach their threshold.",
    )
    if found.seen_groups:
        page.notice(
            "The bundle was trained on groups of this dataset, so these numbers flatter it.",
            "warning",
            remedy="Measure it on groups that it has not seen.",
            items=found.seen_groups,
        )
    if found.failures:
        page.notice(f"{len(found.failures)} clips could not be classified.", "bad", items=found.failures)
    page.heading("Metrics")
    page.table(["metric", "value"], [(METRICS[name].title, value) for name, value in found.summary.metrics.items()])
    page.heading("Classes")
    page.table(CLASS_HEADERS, class_table(found.summary), sortable=True)
    page.heading("Pictures")
    for picture in _pictures(found, spec):
        page.figure(picture.svg, alt=picture.description)
    page.heading("The bundle")
    page.facts([("recipe", spec.recipe), ("created", spec.created), ("trained on", str(spec.provenance["dataset"]))])
    return page.render()


def _pictures(found: Evaluation, spec: BundleSpec) -> list[Picture]:
    pictures = [
        plot_roc(found.targets, found.probabilities, task=spec.task, labels=found.labels),
        plot_reliability(found.targets, found.probabilities, task=spec.task),
    ]
    if spec.task == "one":
        matrix = confusion_matrix(found.targets, found.probabilities)
        pictures.insert(0, plot_confusion(matrix, found.labels))
    return pictures
