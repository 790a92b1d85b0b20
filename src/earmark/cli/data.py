"""`earmark data`: find, audit and split datasets."""

from __future__ import annotations

import os
from contextlib import ExitStack
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.console import counted, note, progress, show, show_json, show_table
from earmark.cli.sources import GroupBy, Read, Source, open_dataset

if TYPE_CHECKING:
    import numpy as np

    from earmark.data import Clip, Dataset
    from earmark.distortion.check.clips import Assessor

app = typer.Typer(help="Find, audit and split datasets.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FoldsOption = Annotated[
    str | None, typer.Option("--folds", help="Split to check: grouped:K, leave-one-group-out, given or parts:70/15/15.")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the split; default: EARMARK_RANDOM_SEED.")]


@app.command("ls")
def list_corpora(as_json: AsJson = False) -> None:
    """List the named corpora and where each would come from."""
    from earmark.core.settings import settings
    from earmark.data.catalogue import catalogue

    rows = catalogue()
    if as_json:
        show_json([{"name": row.name, "where": row.where, "licence": row.licence, "about": row.about} for row in rows])
        return
    show_table(["corpus", "found", "licence", "about"], [[r.name, r.where, r.licence, r.about] for r in rows])
    show(f"cache: {settings().cache_dir} (downloads and features; deleting it costs time and no result)")


@app.command("fetch")
def fetch(name: Annotated[str, typer.Argument(help="Name of a corpus (see earmark data ls).")]) -> None:
    """Download or make a named corpus, verify it and say where it is."""
    from earmark.data import load_dataset

    with progress() as bars:
        dataset = load_dataset(name, progress=bars)
    counts = [(len(dataset.clips), "clip"), (dataset.n_classes, "label"), (len(set(dataset.groups)), "group")]
    show(f"{dataset.name}: {', '.join(starmap(counted, counts))}")
    show(f"folder: {os.path.commonpath([clip.path.parent for clip in dataset.clips])}")
    show(f"licence: {dataset.licence or 'not stated'}; source: {dataset.source or 'not stated'}")


@app.command("audit")
def audit(
    source: Source,
    folds: FoldsOption = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report as a page.")] = None,
    as_json: AsJson = False,
    seed: Seed = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that read audio; default: EARMARK_MAX_WORKERS.")
    ] = None,
    quality: Annotated[
        bool, typer.Option("--quality", help="Look for clipping, compression, noise, frequency and stereo faults, too.")
    ] = False,
    model: Annotated[str, typer.Option("--model", "-m", help="Model of --quality.")] = "distortion",
    fail_over: Annotated[
        list[str] | None,
        typer.Option("--fail-over", metavar="LIMIT", help="Severity that fails: 30%, clipping=10%; repeatable."),
    ] = None,
    group_by: GroupBy = None,
    read: Read = None,
) -> None:
    """Look for what makes results untrue: leaks, duplicates, damage, imbalance, shortcuts.

    Exits with 1 if a group or a duplicate crosses the split, if files cannot be read, or if a clip is over the limit.
    """
    from earmark.core.files import write_bytes
    from earmark.core.settings import settings
    from earmark.data import audit_report, make_folds
    from earmark.data.audit import audit as audit_dataset

    n_workers = workers or settings().max_workers
    with ExitStack() as stack:
        assessor = _assessor(stack, model, fail_over, n_workers) if quality or fail_over else None
        bars = stack.enter_context(progress())
        dataset = open_dataset(source, bars, group_by, read, missing="keep")
        split = (
            make_folds(dataset, folds, _generator(seed), allow_shared_groups="for the audit to tell") if folds else []
        )
        report = audit_dataset(dataset, folds=split, progress=bars, workers=n_workers, quality=assessor)
    if html is not None:
        write_bytes(html, audit_report.to_html(report).encode(errors="backslashreplace"))  # of strange file names
        note(f"report: {html}")
    if as_json:
        show_json(audit_report.to_json(report))
    else:
        show(audit_report.to_text(report))
    if report.failed:
        raise typer.Exit(1)


def _assessor(stack: ExitStack, model: str, fail_over: list[str] | None, workers: int) -> Assessor:
    """Return what listens for damage; its answers are kept in the cache for the next audit."""
    from earmark.cli.check import open_journal
    from earmark.core.settings import settings
    from earmark.distortion.check import parse_limits
    from earmark.distortion.check.clips import Assessor

    limits = parse_limits(fail_over or [])
    place = settings().cache_dir / "check" / "audit.jsonl"
    journal = open_journal(place, model, stack, resume=True, needed=False)
    return Assessor(model, limits, workers, journal)


@app.command("split")
def split(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="Manifest to write: .csv, .json or .jsonl.")],
    folds: Annotated[
        str, typer.Option("--folds", help="parts:70/15/15, grouped:K or leave-one-group-out.")
    ] = "parts:70/15/15",
    seed: Seed = None,
    group_by: GroupBy = None,
    read: Read = None,
) -> None:
    """Write a manifest whose fold column never has one group on two sides."""
    from earmark.data import write_manifest
    from earmark.data.assign import assign_folds

    with progress() as bars:
        dataset = open_dataset(source, bars, group_by, read)
    assigned = assign_folds(dataset, folds, _generator(seed))
    write_manifest(assigned, out)
    show_table(["fold", "clips", "groups", "labels"], _fold_rows(assigned))
    show(f"wrote {out}")


def _fold_rows(dataset: Dataset) -> list[list[object]]:
    parts: dict[str, list[Clip]] = {}
    for clip in dataset.clips:
        parts.setdefault(clip.fold or "", []).append(clip)
    return [
        [name, len(clips), len({c.group for c in clips}), len({label for c in clips for label in c.labels})]
        for name, clips in sorted(parts.items())
    ]


def _generator(seed: int | None) -> np.random.Generator:
    from earmark.core.randomness import named_generator
    from earmark.core.settings import settings

    return named_generator(settings().random_seed if seed is None else seed, "folds")
