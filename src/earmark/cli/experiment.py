"""`earmark experiment`: run a plan, see how far it is, report what it found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.console import note, progress, show, show_intervals, show_json
from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from earmark.experiments import Status

app = typer.Typer(help="Compare models by training size and by unseen group.", no_args_is_help=True)

Plan = Annotated[Path, typer.Argument(metavar="PLAN.toml", help="The plan (see docs/experiment.md).")]
PlanOrFolder = Annotated[Path, typer.Argument(metavar="PLAN_OR_DIR", help="A plan, or its results folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
N_FAILURES_SHOWN = 5


@app.command()
def run(
    plan: Plan,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default: the plan's.")] = None,
    results: Annotated[Path | None, typer.Option("--results", help="Results folder; default: the plan's.")] = None,
    shard: Annotated[str, typer.Option("--shard", metavar="K/N", help="Only part K (from 0) of N.")] = "0/1",
    as_json: AsJson = False,
) -> None:
    """Run every trial that has no result yet; stop and run again at any time."""
    from earmark.experiments import ExperimentRunner, read_plan

    given = {"workers": workers, "results": results.resolve() if results else None}
    config = read_plan(plan).model_copy(update={name: value for name, value in given.items() if value is not None})
    with progress() as bars:
        status = ExperimentRunner(config, shard=_parse_shard(shard), progress=bars).run()
    if as_json:
        show_json({"results": str(config.folder), **status.to_dict()})
    else:
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
    """Write report.html, the learning curves as PNG and SVG, results.csv and results.json."""
    from earmark.experiments import read_plan, write_report

    folder = source if source.is_dir() else read_plan(source).folder
    written = write_report(folder, out)
    if as_json:
        show_json({**written.to_dict(), "files": [str(path) for path in written.files]})
        return
    columns, rows = written.table()
    show_intervals(columns, rows, written.findings.kind.title)
    for sentence in written.sentences():
        show(sentence)
    for path in written.files:
        show(str(path))


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
