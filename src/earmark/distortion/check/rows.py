"""The outcome for one file as a line to read, as a row of a table and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.distortion.check.limits import found_types
from earmark.distortion.severity import KINDS
from earmark.distortion.words import clock, share

if TYPE_CHECKING:
    from earmark.distortion.check.catalogue import Checked
    from earmark.distortion.check.limits import Limits

CSV_COLUMNS = (
    "path",
    "duration_s",
    "has_distortion",
    "worst_type",
    "severity",
    "confidence",
    *(f"{kind}_{what}" for kind in KINDS for what in ("probability", "severity")),
    "sentence",
    "error",
    "over_limit",
)
MOST_SENTENCES = 3  # on a line
_TRUTH = {True: "yes", False: "no", None: ""}


def to_json(outcome: Checked, limits: Limits) -> dict[str, Any]:
    """Return the path and the report, or the path and the error; with limits, also which are exceeded."""
    value: dict[str, Any] = {"path": str(outcome.path)}
    if outcome.report is None:
        return value | {"error": outcome.error}
    return value | outcome.report | ({"over_limit": limits.over(outcome.report)} if limits else {})


def to_csv(outcome: Checked, limits: Limits) -> list[object]:
    """Return the cells of `CSV_COLUMNS`; what cannot be told is empty."""
    report = outcome.report
    if report is None:
        return [str(outcome.path), *[""] * (len(CSV_COLUMNS) - 3), outcome.error, ""]
    types = report["types"]
    values = [types.get(kind, {}).get(what) for kind in KINDS for what in ("probability", "severity")]
    sentences = sentences_of(report)
    return [
        str(outcome.path),
        _number(report["duration_s"]),
        _TRUTH[report["has_distortion"]],
        report["distortion_type"] or "",
        _number(report["severity"]),
        _number(report["confidence"]),
        *map(_number, values),
        sentences[0] if sentences else "",
        "",
        "; ".join(limits.over(report)),
    ]


def to_line(outcome: Checked) -> str:
    """Return what a person should know about a file that was analysed."""
    report = outcome.report or {}
    faults = ", ".join(f"{kind} {share(severity)}" for kind, severity in found_types(report))
    if report["has_distortion"] is None:
        return f"{outcome.path}: cannot be told: {why_not(report)}"
    if not faults:
        return f"{outcome.path}: clean"
    return f"{outcome.path}: {faults}. {' '.join(sentences_of(report)[:MOST_SENTENCES])}".rstrip()


def sentences_of(report: dict[str, Any]) -> list[str]:
    """Return the sentences about the faults that were found, the worst first, from capital to full stop."""
    told = [finding["sentence"] for finding in report["evidence"] if finding["type"] is not None]
    return [f"{sentence[:1].upper()}{sentence[1:].removesuffix('.')}." for sentence in told]


def why_not(report: dict[str, Any]) -> str:
    """Return why nothing could be told, each reason once."""
    reasons = [value["reason"] for value in report["assessable"].values() if not value["ok"] and value["reason"]]
    return "; ".join(dict.fromkeys(reasons)) or "nothing in it can be assessed"


def gaps(report: dict[str, Any]) -> str:
    """Return which types could not be assessed and why; "" where all could."""
    by_reason: dict[str, list[str]] = {}
    for kind, value in report["assessable"].items():
        if not value["ok"]:
            by_reason.setdefault(value["reason"] or "unknown", []).append(kind)
    return "; ".join(f"{', '.join(kinds)}: {reason}" for reason, kinds in by_reason.items())


def length(seconds: float) -> str:
    """Return a duration as m:ss, or in seconds where it is short."""
    return clock(round(seconds)) if seconds >= 10 else f"{seconds:.2g} s"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
