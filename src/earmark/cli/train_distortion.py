"""`earmark train distortion`: the distortion validator from its sources, measured on sources never trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from earmark.cli.console import progress, show, show_json, show_table
from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from earmark.distortion.scorecard import Figure

WORD = "distortion"


class TrainCommand(TyperCommand):
    """`earmark train`, which hands over to `earmark train distortion` where that is asked for."""

    @property
    def commands(self) -> dict[str, Any]:
        """What it hands over to, by its first word."""
        return {WORD: distortion_command()}

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Return the context of the command that the first word asks for."""
        handed = self.commands.get(args[0]) if args else None
        if handed is not None:
            return handed.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the context was made for."""
        return ctx.command.invoke(ctx) if ctx.command is not self else super().invoke(ctx)


def distortion_command() -> Any:
    """Return `earmark train distortion` as a command."""
    app = typer.Typer(context_settings={"help_option_names": ["-h", "--help"]}, add_completion=False)
    app.command(WORD)(train_distortion)
    return typer.main.get_command(app)


def train_distortion(
    model: Annotated[
        str,
        typer.Option("--model", "-m", help="Design: boosting, perceptron, blend, fusion, midside, mn04 or panns."),
    ] = "blend",
    name: Annotated[str, typer.Option("--name", help="Name of the bundle.")] = "distortion",
    out: Annotated[Path, typer.Option("--out", help="Folder that bundles are written to.")] = Path("bundles"),
    sources: Annotated[
        Path | None, typer.Option("--sources", help="Folder of clean tracks; default: fetched and rendered.")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option("--corpus", help="Folder of the corpus; default: in the cache.")
    ] = None,
    musicnet: Annotated[
        Path | None, typer.Option("--musicnet", help="Folder of MusicNet, to train on as well.")
    ] = None,
    fma: Annotated[Path | None, typer.Option("--fma", help="Folder of FMA-small, to train on as well.")] = None,
    clips: Annotated[int, typer.Option("--clips", min=200, help="Clips to train on; other parts in step.")] = 16_000,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Times to train; the first seed's is kept.")] = 1,
    folds: Annotated[int, typer.Option("--folds", min=0, help="Folds of sources to cross-validate over.")] = 0,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="First seed; default: EARMARK_RANDOM_SEED.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes; default: EARMARK_MAX_WORKERS.")
    ] = None,
    track: Annotated[
        list[str] | None, typer.Option("--track", metavar="TRACKER", help="wandb or mlflow; may be given twice.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scorecards as JSON.")] = False,
) -> None:
    """Train the distortion validator from its sources, and measure it on sources never trained on."""
    from dataclasses import asdict

    from earmark.core.config import parse_config
    from earmark.distortion.pipeline import ValidatorOptions, train_validator
    from earmark.training.trackers import open_trackers

    if Path(name).name != name or name in {"", ".."}:
        raise ConfigError(f'--name: found "{name}", expected a name, not a path; --out names the folder')
    given = {"model": model, "sources": sources, "corpus": corpus, "musicnet": musicnet, "fma": fma, "clips": clips}
    given |= {"seeds": seeds, "folds": folds, "seed": seed, "workers": workers}
    options = parse_config(
        ValidatorOptions, {key: value for key, value in given.items() if value is not None}, "earmark train distortion"
    )
    tracker = open_trackers(track or [], run_name=name, config=options.model_dump(mode="json"), folder=out)
    ok = False

    def told(part: str, figures: list[Figure]) -> None:
        tracker.log_metrics({f"{part.split(',', maxsplit=1)[0]}/{each.name}": each.value for each in figures}, 1)

    try:
        with progress() as bars:
            trained = train_validator(options, out / name, progress=bars, on_figures=told)
        if trained.bundle is not None:
            tracker.log_files([trained.bundle.folder])
        ok = True
    finally:
        tracker.finish(ok)
    folder = None if trained.bundle is None else str(trained.bundle.folder)
    if as_json:
        cards = {part: [asdict(figure) for figure in figures] for part, figures in trained.figures.items()}
        show_json({"bundle": folder, "figures": cards})
        return
    for part, figures in trained.figures.items():
        _print_card(part, figures)
    show(f"bundle: {folder}" if folder else f'"{model}" was only measured: bundles hold designs on the measures alone')


def _print_card(part: str, figures: list[Figure]) -> None:
    rows = [
        [each.name, f"{each.value:.3f}", f"{each.low:.3f} to {each.high:.3f}", each.n_clips, each.n_tracks]
        for each in figures
    ]
    show_table(["", "value", "95 % over tracks", "clips", "tracks"], rows, title=part)
