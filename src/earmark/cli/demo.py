"""`earmark demo`: the main job from end to end on spoken digits.

Compare models by training size on unseen speakers, look at the picture, keep the best as a bundle, classify a clip of a
speaker that the bundle was never trained on.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.console import note, progress, show, show_intervals

if TYPE_CHECKING:
    from earmark.core.progress import Progress
    from earmark.data import Clip, Dataset
    from earmark.experiments import ExperimentConfig, Report

MODELS = ("random_forest", "svm", "logistic_regression", "speech_embedding")
SIZES = (20, 50, 100, 200, 500, 1000)
MAX_FOLDS = 6


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the report, pictures and bundle.")] = Path("demo"),
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes; default: EARMARK_MAX_WORKERS.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed of everything random; default: EARMARK_RANDOM_SEED.")
    ] = None,
) -> None:
    """Run the main job on spoken digits: compare, look, keep the best, classify."""
    from earmark.data import digits
    from earmark.experiments import ExperimentRunner, write_report

    with progress() as bars:
        dataset, which = digits(bars)
        show(which)
        plan = _plan(dataset, out, workers, seed)
        show(f"Comparing {len(plan.models)} models on speakers they never heard ({plan.folds}) ...")
        status = ExperimentRunner(plan, progress=bars).run()
        report = write_report(plan.folder, out)
        if status.n_failed:
            note(f"earmark: {status.n_failed} trials failed; run the command again to retry them")
            raise typer.Exit(1)
        _show_report(report)
        best = report.findings.best
        recipe = best[0].model if best else MODELS[-1]
        held_out = str(dataset.groups[-1])
        folder, measured = _keep(recipe, dataset, held_out, out, plan, bars)
    show(f"\nKept {recipe} as the bundle {folder}, trained without speaker {held_out}:")
    show(f"{measured} on speakers it was not trained on, by cross-validation")
    clip = next(clip for clip in dataset.clips if clip.group == held_out)
    _classify(folder, clip)
    _show_next(dataset.name, folder, clip)


def _plan(dataset: Dataset, out: Path, workers: int | None, seed: int | None) -> ExperimentConfig:
    from earmark.data.corpora import ESPEAK
    from earmark.experiments import plan_of

    n_groups = len(set(dataset.groups.tolist()))
    given = {"workers": workers, "seed": seed}
    return plan_of(
        dataset.name,
        MODELS,
        name="Synthetic digits of unseen voices" if dataset.name == ESPEAK else "Spoken digits of unseen speakers",
        training_sizes=[*SIZES, "all"],
        folds="leave-one-group-out" if n_groups <= MAX_FOLDS else f"grouped:{MAX_FOLDS}",
        results=out / "results",
        **{key: value for key, value in given.items() if value is not None},
    )


def _show_report(report: Report) -> None:
    columns, rows = report.table()
    show_intervals(columns, rows, "Accuracy on unseen speakers by number of training clips")
    for sentence in report.sentences():
        show(sentence)
    for file in report.files:
        if file.suffix in {".html", ".png"}:
            show(f"  {file}")


def _keep(
    recipe: str, dataset: Dataset, held_out: str, out: Path, plan: ExperimentConfig, bars: Progress
) -> tuple[Path, str]:
    """Train the winner on every speaker but one, save it, return its folder and its accuracy in words."""
    from earmark.evaluation import Headline
    from earmark.features import default_store
    from earmark.training import TrainingOptions, measurements, prepare, save_trained, train

    options = TrainingOptions(recipe=recipe, folds=plan.folds, seed=plan.seed, workers=plan.workers)
    seen = dataset.where(lambda clip: clip.group != held_out)
    material = prepare(seen, options, store=default_store(), progress=bars)
    trained = train(material, options, "cv", progress=bars)
    bundle = save_trained(trained, out / "bundles" / "digits-demo", "digits-demo")
    return bundle.folder, str(Headline(**measurements(trained)["primary"]))


def _classify(folder: Path, clip: Clip) -> None:
    from earmark.inference import Predictor, classify_file

    result = classify_file(Predictor.load(folder), clip.path)
    show(f"\n{clip.path.name}, spoken by {clip.group}, whom the bundle never heard:")
    if result.prediction is None:
        note(f"earmark: {result.error}")
        raise typer.Exit(1)
    answer = result.prediction
    verdict = "right" if answer.label == clip.labels[0] else f"wrong, it is {clip.labels[0]}"
    show(
        f"  it says {answer.label} with probability {answer.probability:.1%} in {result.latency_ms:.0f} ms ({verdict})"
    )


def _show_next(dataset: str, folder: Path, clip: Clip) -> None:
    command = _own_name()
    audit = folder.parent.parent / "audit.html"
    show("\nNext:")
    show(f"  {command} bundle show {folder}")
    show(f"  {command} predict --model digits --json {clip.path}")
    show(f"  {command} data audit {dataset} --folds leave-one-group-out --html {audit}")


def _own_name() -> str:
    """Return how this command is called from here: by name if it is on the PATH, else by its place."""
    return "earmark" if shutil.which("earmark") else os.path.relpath(sys.argv[0])
