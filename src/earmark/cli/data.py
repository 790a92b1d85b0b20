"""`earmark data`: find, audit and split datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli.console import note, progress, show, show_json, show_table
from earmark.cli.sources import GroupBy, Read, Source, open_dataset

app = typer.Typer(help="Find, audit and split datasets.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FoldsOption = Annotated[
    str | None, typer.Option("--folds", help="Split to check: grouped:K, leave-one-group-out, given or parts:70/15/15.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the split.")]


@app.command("ls")
def list_corpora(as_json: AsJson = False) -> None:
    """List the named corpora and where each would come from."""
    from earmark.data.catalogue import catalogue

    rows = catalogue()
    if as_json:
        show_json([{"name": row.name, "where": row.where, "licence": row.licence, "about": row.about} for row in rows])
        return
    show_table(["corpus", "found", "licence", "about"], [[r.name, r.where, r.licence, r.about] for r in rows])


@app.command("fetch")
def fetch(name: Annotated[str, typer.Argument(help="Name of a corpus (see earmark data ls).")]) -> None:
    """Download or make a named corpus, verify it and say where it is."""
    from earmark.data import load_dataset

    with progress() as bars:
        dataset = load_dataset(name, progress=bars)
    show(f"{dataset.name}: {len(dataset.clips)} clips, {dataset.n_classes} labels, {len(set(dataset.groups))} groups")
    show(f"licence: {dataset.licence or 'not stated'}; source: {dataset.source or 'not stated'}")


@app.command("audit")
def audit(
    source: Source,
    folds: FoldsOption = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report as a page.")] = None,
    as_json: AsJson = False,
    seed: Seed = 0,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that read audio.")] = 2,
    group_by: GroupBy = None,
    read: Read = None,
) -> None:
    """Look for what makes results untrue: leaks, duplicates, damage, imbalance, shortcuts.

    Exits with 1 if a group or a duplicate crosses the split, or if files cannot be read.
    """
    from earmark.core.files import write_text
    from earmark.core.randomness import named_generator
    from earmark.data import audit_report, make_folds
    from earmark.data.audit import audit as audit_dataset

    with progress() as bars:
        dataset = open_dataset(source, bars, group_by, read, missing="keep")
        rng = named_generator(seed, "folds")
        split = make_folds(dataset, folds, rng, allow_shared_groups="for the audit to tell") if folds else []
        report = audit_dataset(dataset, folds=split, progress=bars, workers=workers)
    if html is not None:
        write_text(html, audit_report.to_html(report))
        note(f"report: {html}")
    if as_json:
        show_json(audit_report.to_json(report))
    else:
        show(audit_report.to_text(report))
    if report.failed:
        raise typer.Exit(1)


@app.command("split")
def split(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="Manifest to write: .csv, .json or .jsonl.")],
    folds: Annotated[
        str, typer.Option("--folds", help="parts:70/15/15, grouped:K or leave-one-group-out.")
    ] = "parts:70/15/15",
    seed: Seed = 0,
    group_by: GroupBy = None,
    read: Read = None,
) -> None:
    """Write a manifest whose fold column never has one group on two sides."""
    from earmark.core.randomness import named_generator
    from earmark.data import write_manifest
    from earmark.data.assign import assign_folds

    with progress() as bars:
        dataset = open_dataset(source, bars, group_by, read)
    assigned = assign_folds(dataset, folds, named_generator(seed, "folds"))
    write_manifest(assigned, out)
    names = sorted({clip.fold or "" for clip in assigned.clips})
    rows = []
    for name in names:
        clips = [clip for clip in assigned.clips if clip.fold == name]
        rows.append([name, len(clips), len({clip.group for clip in clips}), len({clip.labels for clip in clips})])
    show_table(["fold", "clips", "groups", "labels"], rows)
    show(f"wrote {out}")
