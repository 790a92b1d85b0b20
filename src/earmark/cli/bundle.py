"""`earmark bundle`: look at bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.console import counted, show, show_json, show_table, some

if TYPE_CHECKING:
    from earmark.models.bundle_spec import BundleSpec

app = typer.Typer(help="Look at bundles.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Shipped model or bundle folder.")]
SHOWN = ("precision", "recall", "f1")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("ls")
def list_bundles(as_json: AsJson = False) -> None:
    """List the models that come with the package."""
    from earmark.models import load_bundle, shipped_bundles

    specs = [load_bundle(name).spec for name in shipped_bundles()]
    if as_json:
        show_json([{"name": s.name, "summary": s.summary, "labels": list(s.labels)} for s in specs])
        return
    show_table(["model", "labels", "summary"], [[s.name, len(s.labels), s.summary] for s in specs])


@app.command("show")
def show_bundle(model: Model, as_json: AsJson = False) -> None:
    """Verify a bundle and show what it is, how good it is, and what it was made from."""
    from earmark.evaluation.report import format_number
    from earmark.models import load_bundle

    bundle = load_bundle(model)
    bundle.graph()
    if as_json:
        show_json(bundle.spec.sealed() | {"folder": str(bundle.folder)})
        return
    show(f"{bundle.spec.name}: {bundle.spec.summary or 'no summary'}")
    show_table(["", ""], [*_facts(bundle.spec), ["folder", str(bundle.folder)]])
    rows = bundle.spec.metrics.get("classes", [])
    thresholds = bundle.spec.thresholds.values
    show_table(
        ["label", "clips", "precision", "recall", "F1", "accepted from"],
        [
            [row["label"], row["n_clips"], *(format_number(row[key]) for key in SHOWN), f"{at:.2f}"]
            for row, at in zip(rows, thresholds, strict=True)
        ],
    )


def _facts(spec: BundleSpec) -> list[list[str]]:
    from earmark.evaluation import Headline

    front = spec.frontend
    leaks, reason = spec.metrics["groups_on_both_sides"], spec.provenance["options"]["allow_shared_groups"]
    return [
        ["measured", str(Headline(**spec.metrics["primary"]))],
        ["on", f"{counted(spec.metrics['n_clips'], 'clip')} of {counted(spec.metrics['n_groups'], 'group')}"],
        ["split", spec.metrics["split"]],
        *([["groups on both sides", f"{some(leaks)} ({reason})"]] if leaks else []),
        ["recipe", f"{spec.recipe} ({front.name}, {front.window_s:g} s windows at {front.rate_hz} Hz)"],
        ["input", f"audio of {front.min_source_rate_hz} Hz and more"],
        ["trained on", " and ".join(f"{counted(s['n_clips'], 'clip')} of {s['dataset']}" for s in _sources(spec))],
        ["created", f"{spec.created} with earmark {spec.earmark_version}"],
        ["parity", f"{spec.parity.max_difference:.1e} on {spec.parity.n_rows} rows"],
        *([f"licence of {part.what}", part.licence + _commerce(part.non_commercial)] for part in spec.licences),
    ]


def _sources(spec: BundleSpec) -> list[dict[str, Any]]:
    extra = spec.provenance.get("extra")
    return [spec.provenance, extra] if extra else [spec.provenance]


def _commerce(non_commercial: bool) -> str:
    return " (no commercial use)" if non_commercial else ""
