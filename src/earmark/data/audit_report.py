"""An audit as text for the terminal, as JSON for programmes and as an HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from earmark.core.page import Page, Value
from earmark.data.audit_checks import FEW_CLIPS
from earmark.data.audit_figures import bars, histogram
from earmark.data.audit_findings import counted, named

if TYPE_CHECKING:
    from earmark.core.page import NoticeKind
    from earmark.data.audit_findings import AuditReport, LabelSummary, Severity

SHOWN_DETAILS = 3
MOST_BARS = 60
_WORDS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
_NOTICES: dict[Severity, NoticeKind] = {"error": "bad", "warning": "warning", "info": "info"}
_TITLES = {
    "unreadable": "Files that cannot be read",
    "not-assessed": "Clips whose quality cannot be assessed",
    "over-limit": "Damaged beyond the limit",
    "group-leak": "Groups on both sides of the split",
    "copy-leak": "Copies on both sides of the split",
    "file-leak": "Files on both sides of the split",
    "label-conflict": "Same sound, different labels",
    "label-is-group": "Label and group cannot be told apart",
    "copies-across-groups": "Same sound in different groups",
    "shortcut": "A shortcut to the label",
    "damage-shortcut": "Damage that gives the label away",
    "few-groups": "Too few groups",
    "fold-without-label": "Folds that lack a label",
    "cut-short": "Clips beyond the end of their file",
    "silent": "Silent clips",
    "clipped": "Clipped clips",
    "damaged": "Damaged clips",
    "imbalance": "Unequal labels",
    "few-clips": "Labels with few clips",
    "copies": "Repeated clips",
    "short": "Very short clips",
    "band-limited": "Less bandwidth than the rate promises",
    "dc-offset": "Off centre",
    "mixed-audio": "Mixed audio",
    "damage-in-groups": "Damage in few groups",
    "not-told": "What cannot be told",
    "no-groups": "No groups",
}
_ADVICE = {
    "bad": "Results on this dataset and split would mislead: mend the errors first.",
    "warning": "Usable, if you know what the warnings mean for your question.",
    "good": "Nothing here stands in the way of an honest comparison.",
}
_COLUMNS = ("label", "clips", "groups", "total", "shortest", "median", "longest", "mean level")


def to_text(report: AuditReport) -> str:
    """Return the verdict, the findings with the first examples of each, and the table of labels."""
    lines = [_headline(report), _verdict(report)]
    for finding in report.findings:
        lines += ["", f"{_WORDS[finding.severity].upper()}  {finding.message}", f"  -> {finding.remedy}"]
        lines += [f"     {detail}" for detail in finding.details[:SHOWN_DETAILS]]
        if len(finding.details) > SHOWN_DETAILS:
            lines.append(f"     and {len(finding.details) - SHOWN_DETAILS:,} more")
    rows = [_COLUMNS, *(_row(summary) for summary in report.labels)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines.append("")
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def to_json(report: AuditReport) -> dict[str, Any]:
    """Return the whole report as a JSON-like dict, with the measures of each clip."""
    return {
        "dataset": report.dataset,
        "fingerprint": report.fingerprint,
        "failed": report.failed,
        "n_clips": report.n_clips,
        "n_readable": report.n_readable,
        "n_groups": report.n_groups,
        "total_s": round(report.total_s, 3),
        "folds": list(report.folds),
        "findings": [
            {
                "kind": finding.kind,
                "severity": finding.severity,
                "message": finding.message,
                "remedy": finding.remedy,
                "clips": list(finding.clips),
                "details": list(finding.details),
            }
            for finding in report.findings
        ],
        "labels": [
            {
                "label": summary.label,
                "n_clips": summary.n_clips,
                "n_groups": summary.n_groups,
                "total_s": round(summary.total_s, 3),
                "shortest_s": summary.shortest_s,
                "median_s": summary.median_s,
                "longest_s": summary.longest_s,
                "level_db": summary.level_db,
            }
            for summary in report.labels
        ],
        **({"damage": report.damage} if report.damage else {}),
        "clips": {
            identifier: {
                "rate_hz": facts.rate_hz,
                "n_channels": facts.n_channels,
                "duration_s": facts.duration_s,
                "content_hash": facts.content_hash,
                "file_hash": facts.file_hash,
                "peak": facts.peak,
                "level_db": facts.level_db,
                "dc_offset": facts.dc_offset,
                "clipped_share": facts.clipped_share,
                "quiet_share": facts.quiet_share,
                "bandwidth_hz": facts.bandwidth_hz,
                "bandlimited": facts.bandlimited,
                **_damage(report, identifier),
            }
            for identifier, facts in report.facts.items()
        },
    }


def to_html(report: AuditReport) -> str:
    """Return the report as one self-contained page."""
    page = Page(f"Audit of {report.dataset}", summary=_headline(report))
    kind: Literal["bad", "warning", "good"] = (
        "bad" if report.failed else "warning" if _count(report, "warning") else "good"
    )
    page.notice(_ADVICE[kind], kind, title=_verdict(report))
    if report.findings:
        page.heading("Findings")
    for finding in report.findings:
        page.notice(
            finding.message,
            _NOTICES[finding.severity],
            title=_TITLES[finding.kind],
            remedy=finding.remedy,
            items=finding.details,
        )
    page.heading("Labels")
    page.table(
        list(_COLUMNS),
        [_cells(summary) for summary in report.labels],
        caption="Clips, groups and durations of each label; level is the mean RMS, 0 dB is full scale.",
        sortable=True,
    )
    _add_damage(page, report)
    _add_figures(page, report)
    return page.render()


def _damage(report: AuditReport, identifier: str) -> dict[str, Any]:
    if identifier not in report.quality:
        return {}
    found = report.quality[identifier]
    return {"faults": found.faults, "untold": found.untold, "sentences": list(found.sentences)}


def _add_damage(page: Page, report: AuditReport) -> None:
    if not report.damage:
        return
    kinds = list(next(iter(report.damage.values())))
    page.heading("Damage")
    page.table(
        ["label", *kinds],
        [[label, *(_share(shares[kind]) for kind in kinds)] for label, shares in report.damage.items()],
        caption="Share of the clips of each label that are damaged, by type of fault; a dash where it cannot be told.",
        sortable=True,
    )


def _share(share: float | None) -> Value | None:
    return None if share is None else Value(f"{100 * share:.0f} %", share)


def _add_figures(page: Page, report: AuditReport) -> None:
    page.heading("Pictures")
    few = [summary.label for summary in report.labels if summary.n_clips < FEW_CLIPS]
    counts = sorted(((summary.label, float(summary.n_clips)) for summary in report.labels), key=lambda item: -item[1])
    shown = counts[:MOST_BARS]
    rest = f" (the {MOST_BARS} largest of {len(counts):,})" if len(counts) > MOST_BARS else ""
    colours = f"; amber: fewer than {FEW_CLIPS}" if few else ""
    page.figure(
        bars(shown, highlight=few),
        alt=f"Clips for each label: {named([f'{name} {value:.0f}' for name, value in shown])}",
        caption=f"Clips for each label{rest}{colours}.",
        half=True,
    )
    facts = list(report.facts.values())
    if not facts:
        return
    for values, unit, logarithmic, name in (
        ([item.duration_s for item in facts], "s", True, "Duration of clips"),
        ([item.level_db for item in facts], "dB", False, "Level of clips (RMS, 0 dB is full scale)"),
        ([item.bandwidth_hz / 1000 for item in facts], "kHz", False, "Bandwidth of clips"),
    ):
        page.figure(
            histogram(values, unit, logarithmic=logarithmic),
            alt=f"{name}: from {min(values):.3g} to {max(values):.3g} {unit}",
            caption=f"{name}.",
            half=True,
        )


def _count(report: AuditReport, severity: Severity) -> int:
    return sum(finding.severity == severity for finding in report.findings)


def _headline(report: AuditReport) -> str:
    splits = f"; checked split: {named(report.folds)}" if report.folds else ""
    return (
        f"{report.dataset}: {counted(report.n_clips, 'clip')}, {counted(len(report.labels), 'label')}, "
        f"{counted(report.n_groups, 'group')}, {duration(report.total_s)}{splits}"
    )


def _verdict(report: AuditReport) -> str:
    counts = [(_count(report, severity), word) for severity, word in _WORDS.items()]
    found = ", ".join(counted(number, word) for number, word in counts if number)
    if report.failed:
        return f"FAILED: {found}"
    if not report.findings:
        return "PASSED: nothing to remark"
    leaks = "; nothing crosses the split" if report.folds else ""
    return f"PASSED with {found}{leaks}"


def _row(summary: LabelSummary) -> tuple[str, ...]:
    def seconds(value_s: float | None) -> str:
        return "\N{EN DASH}" if value_s is None else f"{value_s:.2f} s"

    return (
        summary.label,
        f"{summary.n_clips:,}",
        f"{summary.n_groups:,}",
        duration(summary.total_s),
        seconds(summary.shortest_s),
        seconds(summary.median_s),
        seconds(summary.longest_s),
        "\N{EN DASH}" if summary.level_db is None else f"{summary.level_db:.1f} dB",
    )


def _cells(summary: LabelSummary) -> list[str | Value | None]:
    """Return the row of a label with the numbers to sort by."""
    numbers = (
        summary.n_clips,
        summary.n_groups,
        summary.total_s,
        summary.shortest_s,
        summary.median_s,
        summary.longest_s,
        summary.level_db,
    )
    label, *texts = _row(summary)
    return [
        label,
        *(None if number is None else Value(text, number) for text, number in zip(texts, numbers, strict=True)),
    ]


def duration(seconds: float) -> str:
    """Return a duration as people say it: ``12 s``, ``21 min 52 s``, ``3 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
