"""`earmark weights`: pretrained weights, their licences, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.console import note, progress, show, show_json, show_table

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.core.progress import Progress
    from earmark.encoders.weights import FoundWeights
    from earmark.encoders.zoo import WeightsEntry

app = typer.Typer(help="List, fetch and verify pretrained weights.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NON_COMMERCIAL = "no commercial use, neither of the weights nor of models made from them"


@app.command("ls")
def list_weights(as_json: AsJson = False) -> None:
    """List the known weights: whether they are here, their size, licence and origin."""
    from earmark.encoders import WEIGHTS

    rows = [_facts(entry) for entry in WEIGHTS.values()]
    if as_json:
        show_json(rows)
        return
    show_table(
        ["weights", "here", "size", "licence", "commercial use", "origin"],
        [
            [
                row["name"],
                "yes" if row["path"] else "as graph" if row["graphs"] else "no",
                _size(row["size_bytes"]),
                row["licence"],
                "NO" if row["non_commercial"] else "yes",
                row["origin"],
            ]
            for row in rows
        ],
    )
    from earmark.encoders.weight_checks import weights_cache

    show(f"cache: {weights_cache()}; where each file lies: earmark weights ls --json")


@app.command("fetch")
def fetch(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Weights to fetch.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Fetch all weights of the table.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch weights, verify them, make the graphs that need making, and say under which licence.

    Exits with 1 if some could not be had; the others are there.
    """
    entries = _chosen(names or [], every)
    rows: list[dict[str, Any]] = []
    failures = 0
    with progress() as bars:
        for entry in entries:
            if not as_json:
                _show_licence(entry)
            outcome = _fetch(entry, bars)
            failures += outcome.failed
            rows.append(outcome.facts)
            if not as_json:
                _show_outcome(outcome)
    if as_json:
        show_json(rows)
    if failures:
        raise typer.Exit(1)


@app.command("verify")
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Weights to verify; default: all that are here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read weights again in full and compare their checksums.

    Exits with 1 if a file is another one, or if weights that you name are not here.
    """
    from earmark.encoders import WEIGHTS, find_weights

    outcomes = [_verify(find_weights(name)) for name in names or WEIGHTS]
    if not names:
        outcomes = [outcome for outcome in outcomes if outcome.facts["path"]]
    if as_json:
        show_json([outcome.facts for outcome in outcomes])
    else:
        show_table(
            ["weights", "verified by", "file"],
            [[o.facts["name"], o.facts["check"] or "NOT VERIFIED", o.facts["path"] or "not here"] for o in outcomes],
        )
    for outcome in outcomes:
        if outcome.failed:
            note(f"earmark: {outcome.error}")
    if any(outcome.failed for outcome in outcomes):
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Outcome:
    facts: dict[str, Any]
    error: str = ""

    @property
    def failed(self) -> bool:
        return bool(self.error)


def _facts(entry: WeightsEntry, path: Path | None = None) -> dict[str, Any]:
    from earmark.encoders.converted import converted_files
    from earmark.encoders.weights import weights_at_hand

    path = path or weights_at_hand(entry.name)
    return {
        "name": entry.name,
        "path": str(path) if path else None,
        "size_bytes": path.stat().st_size if path else entry.size_bytes or None,
        "licence": entry.licence,
        "non_commercial": entry.non_commercial,
        "origin": entry.origin,
        "sources": list(entry.sources),
        "graphs": [str(made) for made in converted_files(entry.name)],
    }


def _chosen(names: list[str], every: bool) -> list[WeightsEntry]:
    """Return the entries asked for, each with those it goes with. Raises ConfigError for an unknown name or none."""
    from earmark.core.errors import ConfigError
    from earmark.encoders import WEIGHTS, find_weights

    if not names and not every:
        raise ConfigError(f"earmark weights fetch: name weights, or give --all (known: {', '.join(WEIGHTS)})")
    asked = [find_weights(name) for name in (WEIGHTS if every else names)]
    with_others = [name for entry in asked for name in (entry.name, *entry.goes_with)]
    return [find_weights(name) for name in dict.fromkeys(with_others)]


def _fetch(entry: WeightsEntry, bars: Progress) -> _Outcome:
    from earmark.core.errors import EarmarkError
    from earmark.encoders.converted import converted_files
    from earmark.encoders.weights import get_weights, prepare_weights

    nothing: dict[str, Any] = {"check": None, "source": None, "graphs": []}
    try:
        found = get_weights(entry.name, bars)
    except EarmarkError as error:
        return _Outcome(_facts(entry) | nothing | {"error": str(error)}, str(error))
    facts = _facts(entry, found.path) | {"check": found.check, "source": found.source}
    try:
        prepare_weights(entry)
    except EarmarkError as error:
        return _Outcome(facts | {"graphs": [], "error": str(error)}, str(error))
    return _Outcome(facts | {"graphs": [str(path) for path in converted_files(entry.name)], "error": None})


def _verify(entry: WeightsEntry) -> _Outcome:
    from earmark.core.errors import WeightsError
    from earmark.encoders.weights import verify_weights, weights_at_hand

    facts = _facts(entry) | {"check": None}
    if weights_at_hand(entry.name) is None:
        error = f'weights "{entry.name}" are not here; earmark weights fetch {entry.name}'
        return _Outcome(facts | {"error": error}, error)
    try:
        found: FoundWeights = verify_weights(entry.name)
    except WeightsError as error:
        return _Outcome(facts | {"error": str(error)}, str(error))
    return _Outcome(facts | {"check": found.check, "error": None})


def _show_licence(entry: WeightsEntry) -> None:
    show(f"{entry.name}: {entry.origin}")
    show(f"  licence: {entry.licence}" + (f" ({NON_COMMERCIAL})" if entry.non_commercial else ""))


def _show_outcome(outcome: _Outcome) -> None:
    facts = outcome.facts
    if facts["check"]:
        proof = "SHA-256 of the first use; the makers publish none" if facts["check"] == "first use" else facts["check"]
        show(f"  file: {facts['path']} ({_size(facts['size_bytes'])}, verified by {proof})")
    for graph in facts["graphs"][:1]:
        show(f"  graph: {graph}")
    if outcome.failed:
        note(f"earmark: {outcome.error}")


def _size(n_bytes: int | None) -> str:
    if not n_bytes:
        return "?"
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:.1f} kB"
