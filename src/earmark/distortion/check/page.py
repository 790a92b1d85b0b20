"""The page of a catalogue: what is damaged, by what and how badly; the worst files with their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.core.errors import EarmarkError
from earmark.core.page import SORT_SCRIPT, Page, escape
from earmark.core.progress import SILENT, track
from earmark.data.audit_report import duration
from earmark.distortion.check.limits import found_types
from earmark.distortion.check.page_parts import FILTER_SCRIPT, STYLE, bar, shares, tag
from earmark.distortion.check.picture import MOST_SENTENCES, draw
from earmark.distortion.check.rows import gaps, length, sentences_of
from earmark.distortion.severity import KINDS
from earmark.distortion.words import share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.core.progress import Progress
    from earmark.distortion.check.catalogue import Checked
    from earmark.distortion.check.tally import Tally

N_PICTURES = 50
NUMBER = ' class="number"'
TEXT_COLUMNS = ("fault", "mean severity", "worst", "worst file", "file", "worst fault")


@dataclass(frozen=True)
class About:
    """What the page says of the run.

    Attributes:
        title: Name of the catalogue.
        base: The folder that all files are named from.
        model: Shipped model or bundle folder.
        n_other: Files that are not audio and were passed over.
        csv: Where all rows are, "" if nowhere.
    """

    title: str
    base: Path
    model: str
    n_other: int = 0
    csv: str = ""

    def name(self, path: Path | str) -> str:
        """Return a path as the page shows it."""
        whole = Path(path).absolute()
        return str(whole.relative_to(self.base)) if whole.is_relative_to(self.base) else str(path)


def render_page(tally: Tally, about: About, *, progress: Progress = SILENT) -> str:
    """Return the page as HTML text. Draws up to 50 files, which are read again for it; one that is gone is told."""
    rows = tally.rows
    page = Page(
        about.title,
        summary=_headline(tally, about),
        footer=f"Made by earmark check with the model {about.model}. Severity means the same everywhere in earmark: "
        "0 % is none, 100 % as bad as that fault gets.",
    )
    _verdict(page, tally, about)
    page.embed(STYLE + shares(_parts(tally)), [])
    _types(page, tally, about)
    damaged = [outcome for outcome in rows if outcome.report and outcome.report["has_distortion"]]
    _table(page, tally, rows, about)
    if damaged:
        page.heading("The worst files" if len(damaged) > N_PICTURES else "The damaged files")
        page.paragraph(
            f"{_of_many(min(N_PICTURES, len(damaged)), tally.n_damaged)}Above each spectrogram stands where the fault "
            "is heard; numbers below it belong to the sentences. Where channels do not fit together, the mean of both "
            "channels (mid) and their difference (side) are drawn."
        )
        for outcome in track(damaged[:N_PICTURES], "Drawing", min(N_PICTURES, len(damaged)), progress):
            page.embed(_card(outcome, about))
    return page.render()


def _headline(tally: Tally, about: About) -> str:
    other = f"; {_counted(about.n_other, 'other file')} passed over" if about.n_other else ""
    return f"{_counted(tally.n_files, 'file')} in {about.base}, {duration(tally.sound_s)} of sound{other}"


def _verdict(page: Page, tally: Tally, about: About) -> None:
    if tally.n_over:
        items = [f"{about.name(path)}: {'; '.join(told)}" for path, told in tally.over]
        page.notice(
            f"{_counted(tally.n_over, 'file')} of {tally.n_files:,} "
            f"{'is' if tally.n_over == 1 else 'are'} over the limit that was set.",
            "bad",
            title="Over the limit",
            items=items,
        )
    elif tally.limits:
        page.notice("No file is over the limit that was set.", "good", title="Within the limit")
    if tally.n_failed:
        page.notice(
            f"{_counted(tally.n_failed, 'file')} could not be read and {'is' if tally.n_failed == 1 else 'are'} not "
            "part of what follows.",
            "bad",
            title="Files that cannot be read",
            remedy="Mend or remove them and run the same command again; only they are read then.",
            items=[outcome.error for outcome in tally.failures],
        )


def _parts(tally: Tally) -> list[tuple[str, int, str]]:
    return [
        ("damaged", tally.n_damaged, "var(--bad)"),
        ("clean", tally.n_clean, "var(--good)"),
        ("cannot be told", tally.n_untold, "var(--warning)"),
        ("not read", tally.n_failed, "var(--soft)"),
    ]


def _types(page: Page, tally: Tally, about: About) -> None:
    page.heading("What is wrong")
    lines = []
    for kind, found in tally.types.items():
        mean, worst = (
            (bar(kind, found.mean), bar(kind, found.worst)) if found.n_files else ("\N{EN DASH}", "\N{EN DASH}")
        )
        path = escape(about.name(found.worst_path)) if found.n_files else ""
        lines.append(
            f'<tr><th scope="row">{kind}</th><td class="number">{found.n_files:,}</td>'
            f'<td class="number">{share(found.n_files / max(1, tally.n_files))}</td><td class="fault">{mean}</td>'
            f'<td class="fault">{worst}</td><td class="path">{path}</td>'
            f'<td class="number">{found.n_unassessable:,}</td></tr>'
        )
    columns = ("fault", "files", "share", "mean severity", "worst", "worst file", "cannot be told")
    page.embed(
        _open_table("Faults by type; a file may have several", columns) + "".join(lines) + "</tbody></table></div>"
    )


def _table(page: Page, tally: Tally, rows: Sequence[Checked], about: About) -> None:
    page.heading("Files")
    more = tally.n_files - tally.n_failed - len(rows)
    if more > 0:
        where = f"; all are in {about.csv}" if about.csv else "; --csv writes all"
        page.paragraph(f"The {len(rows):,} worst of {tally.n_files - tally.n_failed:,}{where}.")
    choices = " ".join(kind for kind, found in tally.types.items() if found.n_files)
    caption = "Severity of each fault by file, the worst first; ? where it cannot be told"
    columns = ("file", "worst fault", *KINDS, "length")
    body = "".join(_row(outcome, about) for outcome in rows)
    page.embed(
        f'<div id="filter" data-choices="{choices}"></div>' * bool(choices)
        + _open_table(caption, columns, sortable=True)
        + f"{body}</tbody></table></div>",
        [SORT_SCRIPT, FILTER_SCRIPT],
    )


def _open_table(caption: str, columns: Sequence[str], *, sortable: bool = False) -> str:
    head = "".join(f'<th scope="col"{"" if name in TEXT_COLUMNS else NUMBER}>{escape(name)}</th>' for name in columns)
    kind, tall = (' class="sortable"', " tall") if sortable else ("", "")
    return (
        f'<div class="scroll{tall}" tabindex="0" role="region" aria-label="{escape(caption)}"><table{kind}>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>"
    )


def _row(outcome: Checked, about: About) -> str:
    report = outcome.report or {}
    found = dict(found_types(report))
    worst = next(iter(found), "")
    clean = "clean" if report["has_distortion"] is False else "cannot be told"
    verdict = f"{bar(worst, found[worst])} {worst}" if worst else clean
    cells = [f'<td class="fault" data-key="{found.get(worst, 0.0)!r}">{verdict}</td>']
    for kind in KINDS:
        if kind in found:
            cells.append(f'<td class="number" data-key="{found[kind]!r}">{share(found[kind])}</td>')
        else:
            untold = not report["assessable"].get(kind, {}).get("ok", True)
            shown = "?" if untold else "\N{EN DASH}"
            cells.append(f'<td class="number" data-key="{-1 if untold else 0}">{shown}</td>')
    length_s = report["duration_s"] or 0.0
    return (
        f'<tr data-types="{" ".join(found)}"><th scope="row">{escape(about.name(outcome.path))}</th>{"".join(cells)}'
        f'<td class="number" data-key="{length_s!r}">{length(length_s)}</td></tr>'
    )


def _card(outcome: Checked, about: About) -> str:
    report = outcome.report or {}
    found = found_types(report)
    try:
        picture = draw(outcome)
    except EarmarkError as error:
        picture = f"<p>No picture: {escape(str(error))}</p>"
    channels = {1: "mono", 2: "stereo"}.get(report["n_channels"], f"{report['n_channels']} channels")
    meta = [length(report["duration_s"]), f"{report['rate_hz'] / 1000:g} kHz", channels]
    if report["confidence"] is not None:
        meta.append(f"{share(report['confidence'])} sure")
    sentences = sentences_of(report)
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences[:MOST_SENTENCES])
    rest = len(sentences) - MOST_SENTENCES
    more = f"<p>And {rest:,} more.</p>" if rest > 0 else ""
    untold = f'<p class="meta">Cannot be told: {escape(gaps(report))}.</p>' if gaps(report) else ""
    return (
        f'<article class="card" data-types="{" ".join(kind for kind, _ in found)}">'
        f"<h3>{escape(about.name(outcome.path))}</h3>"
        f'<p class="meta">{escape(" · ".join(meta))}</p><div>{"".join(tag(*each) for each in found)}</div>{picture}'
        f"<ol>{items}</ol>{more}{untold}</article>"
    )


def _of_many(n_shown: int, n_all: int) -> str:
    return f"The {n_shown:,} worst of {n_all:,} damaged files. " if n_shown < n_all else ""


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
