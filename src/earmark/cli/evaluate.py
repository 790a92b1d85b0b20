"""`earmark evaluate`: measure a bundle on labelled clips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.console import figure, note, progress, show, show_json, show_table
from earmark.cli.sources import GroupBy, Read, Source, open_dataset

if TYPE_CHECKING:
    from earmark.inference.evaluation import Evaluation


def evaluate(
    source: Source,
    model: Annotated[str, typer.Option("--model", "-m", help="Shipped model or bundle folder.")] = "digits",
    save_cm: Annotated[Path | None, typer.Option("--save-cm", help="Draw the confusion matrix: .png or .svg.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Measure the rest, list the failures, exit with 1.")
    ] = False,
    group_by: GroupBy = None,
    read: Read = None,
) -> None:
    """Measure a bundle on labelled clips: metrics with intervals, a row per class."""
    from earmark.inference import Predictor
    from earmark.inference.evaluation import evaluate_bundle

    with progress() as bars:
        dataset = open_dataset(source, bars, group_by, read)
        found = evaluate_bundle(Predictor.load(model), dataset, skip_unreadable=skip_unreadable, progress=bars)
    if found.seen_groups:
        note(f"earmark: the bundle was trained on these groups: {', '.join(found.seen_groups)}; the numbers flatter it")
    if save_cm is not None:
        _save_confusion(found, save_cm)
    if as_json:
        show_json(found.to_dict())
    else:
        _print(found)
    for failure in found.failures:
        note(f"earmark: {failure}")
    if found.failures:
        raise typer.Exit(1)


def _print(found: Evaluation) -> None:
    rows = [
        [row.label, row.n_clips, figure(row.precision), figure(row.recall), figure(row.f1)]
        for row in found.summary.classes
    ]
    show_table(["label", "clips", "precision", "recall", "F1"], rows)
    show_table(["metric", "value"], [[k, figure(v)] for k, v in found.summary.metrics.items()])
    low_high = f"[{found.interval.low:.3f}, {found.interval.high:.3f}]"
    show(
        f"{found.primary} {found.interval.estimate:.3f} {low_high} on {found.summary.n_clips} clips of "
        f"{found.n_groups} groups; accepted {found.share_accepted:.1%}"
    )


def _save_confusion(found: Evaluation, path: Path) -> None:
    from earmark.core.errors import ConfigError
    from earmark.core.files import write_bytes, write_text
    from earmark.evaluation import confusion_matrix, plot_confusion

    if path.suffix not in {".png", ".svg"}:
        raise ConfigError(f'--save-cm {path}: found suffix "{path.suffix}", expected .png or .svg')
    picture = plot_confusion(confusion_matrix(found.targets, found.probabilities), found.labels)
    if path.suffix == ".png":
        write_bytes(path, picture.png)
    else:
        write_text(path, picture.svg)
    note(f"confusion matrix: {path}")
