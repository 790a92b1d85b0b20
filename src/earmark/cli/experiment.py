"""`earmark experiment`: run a plan, see how far it is, report what it found."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.console import note, progress, show, show_intervals, show_json
from earmark.cli.many_values import ManyValues
from earmark.cli.plan_flags import plan_from
from earmark.cli.sources import GroupBy, Read  # noqa: TC001 (Typer reads the annotations)
from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from earmark.experiments import Status

app = typer.Typer(help="Compare models by training size and by unseen group.", no_args_is_help=True)

OptionalPlan = Annotated[
    Path | None, typer.Argument(metavar="PLAN.toml", help="The plan (see docs/experiment.md), if not all in flags.")
]
PlanOrFolder = Annotated[Path, typer.Argument(metavar="PLAN_OR_DIR", help="A plan, or its results folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
N_FAILURES_SHOWN = 5


@app.command(cls=ManyValues)
def run(
    plan: OptionalPlan = None,
    data: Annotated[str | None, typer.Option("--data", help="Corpus name, folder or manifest.")] = None,
    models: Annotated[list[str] | None, typer.Option("--models", help="Recipes, or models of the plan.")] = None,
    targets: Annotated[list[str] | None, typer.Option("--targets", help="Labels to detect one at a time.")] = None,
    training_sizes: Annotated[
        list[str] | None, typer.Option("--training-sizes", help='Numbers of clips, 0 for zero-shot, or "all".')
    ] = None,
    cv_folds: Annotated[int | None, typer.Option("--cv-folds", min=2, help="Folds of whole groups.")] = None,
    folds: Annotated[str | None, typer.Option("--folds", help="Other folds, such as given:drop-shared.")] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="How many subsets and models per point.")] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="What the report compares first.")] = None,
    group_by: GroupBy = None,
    read: Read = None,
    name: Annotated[str | None, typer.Option("--name", help="Title, and results/NAME; default: the data's.")] = None,
    results: Annotated[Path | None, typer.Option("--results", help="Results folder; default: the plan's.")] = None,
    results_url: Annotated[
        str | None, typer.Option("--results-url", help="Address or name in object storage to share results at.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "--max-concurrent", min=1, help="Processes; default: the plan's.")
    ] = None,
    shard: Annotated[str, typer.Option("--shard", metavar="K/N", help="Only part K (from 0) of N.")] = "0/1",
    as_json: AsJson = False,
) -> None:
    """Run every trial that has no result yet; stop and run again at any time. Flags win over the plan."""
    from earmark.experiments import ExperimentRunner

    if folds is not None and cv_folds is not None:
        raise ConfigError("--folds and --cv-folds both say how to split; give one of them")
    config = plan_from(
        plan,
        {
            "dataset": data,
            "models": models,
            "targets": targets,
            "training_sizes": training_sizes,
            "folds": folds if cv_folds is None else f"grouped:{cv_folds}",
            "seeds": seeds,
            "metric": metric,
            "group_by": group_by,
            "read": read,
            "name": name,
            "results": results,
            "results_mirror": results_url,
            "workers": workers,
        },
    )
    with progress() as bars:
        runner = ExperimentRunner(config, shard=_parse_shard(shard), progress=bars)
        status = runner.run()
    notes = runner.notes()
    if as_json:
        show_json({"results": str(config.folder), **status.to_dict(), "notes": list(notes)})
    else:
        for text in notes:
            note(f"earmark: {text}")
        _show_status(status)
        show(f"results: {config.folder}")
        if status.n_done:
            show(f"next: earmark experiment report {config.folder}")
    if status.n_failed:
        raise typer.Exit(1)


@app.command()
def status(source: PlanOrFolder, as_json: AsJson = False) -> None:
    """Show how many trials are done, failed and left, and the time left."""
    from earmark.experiments import ExperimentRunner, folder_status, read_plan

    found = folder_status(source) if source.is_dir() else ExperimentRunner(read_plan(source)).status()
    if as_json:
        show_json(found.to_dict())
    else:
        _show_status(found)


@app.command()
def report(
    source: PlanOrFolder,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to; default: the results folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write report.html, its pictures as PNG and SVG, and every number as CSV and JSON."""
    from earmark.experiments import read_plan, write_report
    from earmark.experiments.results_mirror import ResultsMirror, share_report

    config = None if source.is_dir() else read_plan(source)
    folder = source if config is None else config.folder
    if config is not None and config.results_mirror:
        with progress() as bars, closing(ResultsMirror(config.results_mirror, folder, bars)) as mirror:
            mirror.pull()
    written = write_report(folder, out)
    shared = share_report(folder, written.files)
    if as_json:
        show_json({**written.to_dict(), "files": [str(path) for path in written.files], "shared": shared or None})
        return
    columns, rows = written.table()
    show_intervals(columns, rows, written.findings.kind.title)
    for sentence in written.sentences():
        show(sentence)
    for path in written.files:
        show(str(path))
    if shared:
        show(f"shared: {shared}")


def _show_status(status: Status) -> None:
    left = "" if status.left_s is None or status.is_complete else f", about {_duration(status.left_s)} left"
    show(f"{status.n_done} of {status.n_total} trials done, {status.n_failed} failed, {status.n_left} to do{left}")
    if status.n_others:
        show(f"the folder also holds {status.n_others} results of other plans")
    if status.n_damaged:
        note(f"earmark: {status.n_damaged} damaged result files were moved to the folder damaged")
    if status.n_with_warnings:
        note(f"earmark: {status.n_with_warnings} trials have warnings (see the report)")
    for failure in status.failures[:N_FAILURES_SHOWN]:
        note(f"earmark: failed: {failure.trial.title}: {failure.message}")
    if status.n_failed > N_FAILURES_SHOWN:
        note(f"earmark: ... and {status.n_failed - N_FAILURES_SHOWN} more failed trials")


def _duration(seconds: float) -> str:
    minutes, rest_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"


def _parse_shard(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise ConfigError(f'--shard: found "{text}", expected K/N with K from 0 to N - 1, such as 0/4')
    return int(index), int(count)
