"""`earmark evaluate`: measure a bundle on labelled clips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.console import counted, note, progress, show, show_json, show_table, some
from earmark.cli.sources import GroupBy, Read, Source, open_dataset
from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from earmark.data import Task
    from earmark.inference.evaluation import Evaluation


def evaluate(
    source: Source,
    model: Annotated[str, typer.Option("--model", "-m", help="Shipped model or bundle folder.")] = "digits",
    save_cm: Annotated[Path | None, typer.Option("--save-cm", help="Draw the confusion matrix: .png or .svg.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with ROC and reliability curves.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Measure the rest, list the failures, exit with 1.")
    ] = False,
    group_by: GroupBy = None,
    read: Read = None,
) -> None:
    """Measure a bundle on labelled clips: metrics with intervals, a row per class."""
    from earmark.core.files import write_text
    from earmark.inference import Predictor
    from earmark.inference.evaluation import evaluate_bundle
    from earmark.inference.evaluation_page import evaluation_page

    predictor = Predictor.load(model)
    _check_picture(save_cm, predictor.bundle.spec.task)
    with progress() as bars:
        dataset = open_dataset(source, bars, group_by, read)
        found = evaluate_bundle(predictor, dataset, skip_unreadable=skip_unreadable, progress=bars)
    if found.seen_groups:
        seen = f"{counted(len(found.seen_groups), 'group')} of this dataset ({some(found.seen_groups)})"
        note(f"earmark: the bundle was trained on {seen}; the numbers flatter it")
    if save_cm is not None:
        _save_confusion(found, save_cm)
    if html is not None:
        write_text(html, evaluation_page(found, predictor.bundle.spec, dataset.name))
        note(f"report: {html}")
    if as_json:
        show_json(found.to_dict())
    else:
        _print(found)
    for failure in found.failures:
        note(f"earmark: {failure}")
    if found.failures:
        raise typer.Exit(1)


def _print(found: Evaluation) -> None:
    from earmark.evaluation.report import format_number

    rows = [
        [row.label, row.n_clips, *(format_number(value) for value in (row.precision, row.recall, row.f1))]
        for row in found.summary.classes
    ]
    show_table(["label", "clips", "precision", "recall", "F1"], rows)
    show_table(["metric", "value"], [[name, format_number(value)] for name, value in found.summary.metrics.items()])
    measured_on = f"{counted(found.summary.n_clips, 'clip')} of {counted(found.n_groups, 'group')}"
    show(f"{found.primary} on {measured_on}; accepted {found.share_accepted:.1%}")


def _check_picture(path: Path | None, task: Task) -> None:
    """Refuse a picture that cannot be drawn before an hour of classifying."""
    if path is None:
        return
    if path.suffix not in {".png", ".svg"}:
        raise ConfigError(f'--save-cm {path}: found suffix "{path.suffix}", expected .png or .svg')
    if task == "many":
        raise ConfigError("--save-cm: clips of this model may have several labels, which no confusion matrix can show")


def _save_confusion(found: Evaluation, path: Path) -> None:
    from earmark.core.files import write_bytes, write_text
    from earmark.evaluation import confusion_matrix
    from earmark.evaluation.plots import plot_confusion

    picture = plot_confusion(confusion_matrix(found.targets, found.probabilities), found.labels)
    if path.suffix == ".png":
        write_bytes(path, picture.png)
    else:
        write_text(path, picture.svg)
    note(f"confusion matrix: {path}")
