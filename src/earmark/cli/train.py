"""`earmark train`: train a recipe, measure it on unseen groups, save it as a bundle."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from earmark.cli.console import counted, note, progress, show, show_json, show_table, some
from earmark.cli.sources import GroupBy, Read, Source, open_dataset, parse_pair, parse_value
from earmark.cli.train_tracking import recording
from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earmark.core.progress import Progress
    from earmark.models.bundle import Bundle
    from earmark.training import Material, Trained, TrainingOptions
    from earmark.training.rejection import OtherSounds

Setting = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="frontend.KEY or classifier.KEY; may be given several times."),
]
GridOption = Annotated[
    list[str] | None, typer.Option("--grid", metavar="KEY=V1,V2", help="Classifier option to search, in grid modes.")
]
Rule = Literal["best_f1", "precision", "recall", "false_alarms"]


def train(
    source: Source,
    model: Annotated[str, typer.Option("--model", "-m", help="Recipe (see docs/models.md).")] = "svm",
    mode: Annotated[Literal["train", "cv", "grid", "cvgrid"], typer.Option(help="How to measure and search.")] = "cv",
    name: Annotated[str | None, typer.Option("--name", help="Name of the bundle; default: dataset-recipe.")] = None,
    summary: Annotated[str, typer.Option("--summary", help="One line about the bundle, kept in it.")] = "",
    out: Annotated[Path, typer.Option("--out", help="Folder that bundles are written to.")] = Path("bundles"),
    avoid_overwrite: Annotated[bool, typer.Option("--avoid-overwrite", help="Add -2, -3 ... to a taken name.")] = False,
    folds: Annotated[
        str | None,
        typer.Option(
            "--folds", help="grouped:K (default, K: EARMARK_DEFAULT_CV_FOLDS), leave-one-group-out, given ..."
        ),
    ] = None,
    allow_shared_groups: Annotated[
        str, typer.Option("--allow-shared-groups", metavar="REASON", help="Why a given split may share groups.")
    ] = "",
    options_set: Setting = None,
    grid: GridOption = None,
    augment: Annotated[str, typer.Option("--augment", help="Augmentation (see docs/train.md).")] = "none",
    copies: Annotated[int, typer.Option("--copies", min=0, help="Augmented copies of each training clip.")] = 0,
    also: Annotated[str | None, typer.Option("--also", help="Another dataset that is only trained on.")] = None,
    reject_others: Annotated[
        list[str] | None,
        typer.Option("--reject-others", metavar="DATASET", help="Other sounds to refuse; may be given several times."),
    ] = None,
    reject_keep: Annotated[
        float, typer.Option("--reject-keep", min=0.5, max=1, help="Share of its own sounds to keep, with the former.")
    ] = 0.98,
    threshold_rule: Annotated[Rule, typer.Option("--threshold-rule", help="How thresholds are chosen.")] = "best_f1",
    threshold_goal: Annotated[
        float, typer.Option("--threshold-goal", help="Precision, recall or share of false alarms.")
    ] = 0.95,
    aggregate: Annotated[
        Literal["mean", "max", "loudest"], typer.Option("--aggregate", help="From windows to the clip.")
    ] = "mean",
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed of everything random; default: EARMARK_RANDOM_SEED.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes for features; default: EARMARK_MAX_WORKERS.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Networks: go on where a run that was killed had come to.")
    ] = True,
    track: Annotated[
        list[str] | None, typer.Option("--track", metavar="TRACKER", help="wandb or mlflow; may be given twice.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the measurements as JSON.")] = False,
    group_by: GroupBy = None,
    read: Read = None,
) -> None:
    """Train a recipe, measure it on groups it never saw, and save it as a bundle."""
    from earmark.core.config import parse_config
    from earmark.core.settings import settings
    from earmark.data import load_dataset
    from earmark.features import default_store
    from earmark.training import TrainingOptions, measurements, prepare, save_trained, teach_rejection
    from earmark.training import train as run_training

    if name is not None and (Path(name).name != name or name in {"", ".."}):
        raise ConfigError(f'--name: found "{name}", expected a name, not a path; --out names the folder')
    options = parse_config(
        TrainingOptions,
        {
            "recipe": model,
            "aggregate": aggregate,
            "allow_shared_groups": allow_shared_groups,
            "augmentation": augment,
            "copies": copies,
            "threshold_rule": threshold_rule,
            "threshold_goal": threshold_goal,
            "workers": workers or settings().max_workers,
            **{key: value for key, value in {"folds": folds, "seed": seed}.items() if value is not None},
            **_nested(options_set or []),
        },
        "earmark train",
    )
    values = _grid(grid or [])
    if reject_others and mode not in {"cv", "cvgrid"}:
        raise ConfigError(f"--reject-others: found --mode {mode}, expected cv or cvgrid: it learns from every clip")
    with progress() as bars:
        dataset = open_dataset(source, bars, group_by, read)
        name = name or f"{dataset.name}-{model}"
        with recording(track or [], name, out, dataset, (options, mode)) as record:
            extra = load_dataset(also, progress=bars) if also else None
            material = prepare(dataset, options, extra=extra, store=default_store(), progress=bars)
            others = _others(reject_others or [], material, options, bars)
            with _checkpoints(out / f".{name}.training", resume=resume) as checkpoints:
                trained = run_training(
                    material,
                    options,
                    mode,
                    grid=values,
                    progress=bars,
                    checkpoints=checkpoints,
                    on_epoch=record.epoch,
                )
                folder = _free_folder(out / name, avoid=avoid_overwrite)
                bundle = save_trained(trained, folder, folder.name, summary=summary)
            if others is not None:
                bundle = teach_rejection(bundle, material, others, goal=reject_keep, progress=bars)
            record.result(trained, bundle)
    for part in bundle.spec.licences:
        if part.non_commercial:
            note(f"earmark: {part.what} ({part.licence}) forbids commercial use, and so of this bundle")
    if as_json:
        told = bundle.spec.rejection
        rejection = {} if told is None else {"rejection": told.model_dump(mode="json")}
        show_json({"bundle": str(bundle.folder), **measurements(trained), **rejection})
    else:
        _print_report(trained, bundle)


def _others(sources: list[str], material: Material, options: TrainingOptions, bars: Progress) -> OtherSounds | None:
    from earmark.data import load_dataset
    from earmark.features import default_store
    from earmark.training import prepare_others

    if not sources:
        return None
    datasets = [load_dataset(source, progress=bars) for source in sources]
    return prepare_others(material, options, datasets, store=default_store(), progress=bars)


def _print_report(trained: Trained, bundle: Bundle) -> None:
    from earmark.evaluation import Headline
    from earmark.evaluation.report import format_number
    from earmark.training import measurements

    found = measurements(trained)
    show_table(
        ["label", "clips", "precision", "recall", "F1"],
        [
            [row["label"], row["n_clips"], *(format_number(row[key]) for key in ("precision", "recall", "f1"))]
            for row in found["classes"]
        ],
    )
    primary, groups = (
        Headline(**found["primary"]),
        counted(found["n_groups"], "group" if found["groups_on_both_sides"] else "held-out group"),
    )
    show(f"{primary} on {counted(found['n_clips'], 'clip')} of {groups} ({found['split']})")
    if primary.low is None:
        note(f"earmark: no interval: {primary.method.removeprefix('none (').removesuffix(')')}")
    if found["groups_on_both_sides"]:
        note(f"earmark: this split shares groups: {some(found['groups_on_both_sides'])}; expect less on new ones")
    for remark in trained.remarks:
        note(f"earmark: {remark}")
    for search in trained.searches[-1:]:
        show(f"best of {len(search.points)}: {search.best.options} ({search.metric} {search.best.score:.3f})")
    if bundle.spec.rejection is not None:
        facts = bundle.spec.rejection.metrics
        show(
            f"on unseen groups it keeps {facts['kept']:.1%} of {facts['n_own']:,.0f} clips of its own and lets "
            f"{facts['let_through']:.1%} of {facts['n_others']:,.0f} windows of other sounds through"
        )
    show(f"bundle: {bundle.folder}")
    show(f"next: earmark predict --model {bundle.folder} FILE...")


@contextmanager
def _checkpoints(folder: Path, *, resume: bool) -> Iterator[Path]:
    """Give the folder for what networks keep after each epoch; it goes when all is done, and stays when it is not."""
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.exists():
        note(f"earmark: going on with the training kept in {folder}; --no-resume begins anew")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _free_folder(folder: Path, *, avoid: bool) -> Path:
    if not avoid:
        return folder
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free


def _nested(settings: list[str]) -> dict[str, Any]:
    """Return `frontend.n_mels=64` and the like as nested dictionaries."""
    result: dict[str, Any] = {}
    for text in settings:
        key, value = parse_pair(text, "--set")
        part, _, option = key.partition(".")
        if part not in {"frontend", "classifier"} or not option:
            raise ConfigError(f"--set {text}: found key {key}, expected frontend.OPTION or classifier.OPTION")
        result.setdefault(part, {})[option] = parse_value(value)
    return result


def _grid(settings: list[str]) -> dict[str, list[Any]] | None:
    grid: dict[str, list[Any]] = {}
    for text in settings:
        key, values = parse_pair(text, "--grid")
        if not all(value.strip() for value in values.split(",")):
            raise ConfigError(f"--grid {text}: found no value between commas, expected KEY=V1,V2")
        grid[key] = [parse_value(value.strip()) for value in values.split(",")]
    return grid or None
