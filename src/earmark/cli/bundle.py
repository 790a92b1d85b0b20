"""`earmark bundle`: look at bundles, make them smaller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from earmark.cli.console import counted, note, progress, show, show_json, show_table, some
from earmark.cli.sources import GroupBy, Read, open_dataset

if TYPE_CHECKING:
    from earmark.models.bundle_spec import BundleSpec
    from earmark.models.quantize import Quantisation

app = typer.Typer(help="Look at bundles, make them smaller.", no_args_is_help=True)

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
    from earmark.core.errors import MissingExtraError, WeightsError
    from earmark.evaluation.report import format_number
    from earmark.models import load_bundle

    bundle = load_bundle(model)
    try:
        bundle.graph()
    except (WeightsError, MissingExtraError) as error:  # whoever was handed a bundle may read its licences first
        note(f"earmark: this bundle cannot run here yet: {error}")
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


@app.command("quantize")
def quantize(
    model: Model,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the new bundle.")],
    data: Annotated[str, typer.Option("--data", help="Dataset that the bundle was not trained on.")],
    method: Annotated[
        Literal["static", "dynamic"] | None, typer.Option("--method", help="Default: static for convolutions.")
    ] = None,
    largest_loss: Annotated[
        float, typer.Option("--largest-loss", min=0, help="Save nothing if the metric falls by more.")
    ] = 0.02,
    as_json: AsJson = False,
    group_by: GroupBy = None,
    read: Read = None,
) -> None:
    """Make a bundle of 8-bit integers, and measure what that costs and saves."""
    from earmark.features import default_store
    from earmark.models import load_bundle
    from earmark.models.quantize import quantize_bundle, save_quantized

    bundle = load_bundle(model)
    with progress() as bars:
        dataset = open_dataset(data, bars, group_by, read)
        graph, measured = quantize_bundle(bundle, dataset, method=method, store=default_store(), progress=bars)
    if measured.seen_groups:
        seen = f"{counted(len(measured.seen_groups), 'group')} of this dataset ({some(measured.seen_groups)})"
        note(f"earmark: the bundle was trained on {seen}; the loss on new ones may be larger")
    _show_quantised(measured, as_json=as_json)
    saved = save_quantized(bundle, out, graph, measured, largest_loss=largest_loss)
    if not as_json:
        show(f"bundle: {saved.folder}")


def _show_quantised(found: Quantisation, *, as_json: bool) -> None:
    from earmark.evaluation.report import format_number

    if as_json:
        show_json(found.to_dict())
        return
    show_table(
        ["", "32-bit float", f"8-bit ({found.method})", "ratio"],
        [
            [
                "size",
                *(f"{size / 1e6:.2f} MB" for size in (found.bytes_before, found.bytes_after)),
                _ratio(found.bytes_before, found.bytes_after),
            ],
            [
                "time of a window",
                f"{found.ms_before:.2f} ms",
                f"{found.ms_after:.2f} ms",
                _ratio(found.ms_before, found.ms_after),
            ],
            [found.metric, format_number(found.before), format_number(found.after), ""],
        ],
    )
    difference = f"{found.metric} changes by {0.0 - found.loss:+.3f}"
    if found.low is not None and found.high is not None:
        difference += f" [{found.low:+.3f}, {found.high:+.3f}], p = {found.p_value:.3f}"
    measured_on = f"{counted(found.n_clips, 'clip')} of {counted(found.n_groups, 'group')}"
    show(f"{difference} on {measured_on}; a probability changes by at most {found.largest_change:.3f}")


def _ratio(before: float, after: float) -> str:
    return f"{before / after:.1f} x"


def _facts(spec: BundleSpec) -> list[list[str]]:
    from earmark.evaluation import Headline

    front = spec.frontend
    rate = f"{front.rate_hz} Hz" if front.rate_hz else "their own rate"
    leaks, reason = spec.metrics["groups_on_both_sides"], spec.provenance["options"]["allow_shared_groups"]
    return [
        ["measured", str(Headline(**spec.metrics["primary"]))],
        ["on", f"{counted(spec.metrics['n_clips'], 'clip')} of {counted(spec.metrics['n_groups'], 'group')}"],
        ["split", spec.metrics["split"]],
        *([["groups on both sides", f"{some(leaks)} ({reason})"]] if leaks else []),
        ["recipe", f"{spec.recipe} ({front.name}, {front.window_s:g} s windows at {rate})"],
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
