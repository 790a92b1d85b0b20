"""`earmark check`: is it damaged, by what, how badly, where? For one file or a catalogue of a million."""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.console import counted, note, progress, show, show_table
from earmark.core.errors import DataError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from earmark.core.progress import Progress
    from earmark.distortion.check import Checked, Count, Journal, Limits, Tally

    Tell = Callable[[Checked], None]

N_LISTED = 20


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for."""

    paths: list[Path]
    model: str
    limits: Limits
    as_json: bool
    show_all: bool
    csv_file: Path | None
    html: Path | None
    workers: int
    resume: bool
    results: Path | None


def check(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE_OR_FOLDER...", help="Audio files and folders of them.")],
    model: Annotated[str, typer.Option("--model", "-m", help="Shipped model or bundle folder.")] = "distortion",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line and file.")] = False,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write a table, one row per file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with pictures of the worst files.")] = None,
    fail_over: Annotated[
        list[str] | None,
        typer.Option("--fail-over", metavar="LIMIT", help="Exit 1 over a severity: 30%, clipping=10%; repeatable."),
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Name the files without a fault, too.")] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes; default: EARMARK_MAX_WORKERS.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Keep the answers of earlier runs.")] = True,
    results: Annotated[
        Path | None, typer.Option("--results", help="Folder or .jsonl file for the answers; default: in the cache.")
    ] = None,
) -> None:
    """Find damage in audio files: clipping, lossy compression, noise, frequency and stereo faults.

    Exits with 1 if a file cannot be read, or is over the limit of --fail-over.
    """
    from earmark.core.files import write_bytes
    from earmark.core.settings import settings
    from earmark.distortion.check import count_files, parse_limits

    limits = parse_limits(fail_over or [])
    n_workers = workers or settings().max_workers
    wishes = Wishes(paths, model, limits, as_json, show_all, csv_file, html, n_workers, resume, results)
    for path in (csv_file, html):
        _refuse_read_only(path)
    count = count_files(paths)
    if not count.n_audio:
        raise DataError(f"{', '.join(map(str, paths))}: no audio found; {counted(count.n_other, 'other file')} there")
    tally = _check(wishes, count)
    if csv_file is not None:
        note(f"table: {csv_file}")
    if html is not None:
        write_bytes(html, _page(tally, wishes, count).encode(errors="backslashreplace"))  # of strange file names
        note(f"page: {html}")
    _end(tally)


def _check(wishes: Wishes, count: Count) -> Tally:
    """Check everything, tell it as it comes and return what it comes to."""
    from earmark.core.settings import settings
    from earmark.distortion.check import Run, Tally, find_audio, journal_path
    from earmark.distortion.check import check as check_files
    from earmark.distortion.check.tally import MOST_ROWS

    tally = Tally(wishes.limits, n_rows=MOST_ROWS if wishes.html else 0)
    began_s = time.monotonic()
    with ExitStack() as stack:
        place = journal_path(wishes.results, wishes.paths, settings().cache_dir)
        journal = open_journal(place, wishes.model, stack, resume=wishes.resume, needed=wishes.results is not None)
        tellers = [tally.add, _printer(wishes)]  # before the bars: they take standard output for their own
        if wishes.csv_file is not None:
            tellers.append(_csv_writer(wishes.csv_file, wishes.limits, stack))
        bars: Progress = stack.enter_context(progress())
        run = Run(wishes.model, wishes.workers, bars, journal)
        for outcome in check_files(find_audio(wishes.paths), count.n_audio, run):
            for tell in tellers:
                tell(outcome)
    if not wishes.as_json and tally.n_files > 1:
        _summarize(tally, count, time.monotonic() - began_s)
    return tally


def open_journal(path: Path, model: str, stack: ExitStack, *, resume: bool, needed: bool) -> Journal | None:
    """Return the journal at a path; None where it cannot be written and nobody asked for this place.

    Raises:
        BundleError: There is no such model.
        StoreError: It cannot be used, and is needed.
    """
    from earmark.distortion.check import Journal, model_seal

    seal = model_seal(model)
    try:
        return stack.enter_context(Journal(path, seal, resume=resume))
    except StoreError as error:
        if needed:
            raise
        note(f"earmark: answers are not kept: {error}")
        return None


def _printer(wishes: Wishes) -> Tell:
    """Return what shows an outcome on standard output, even while bars are drawn."""
    import json

    from earmark.distortion.check.rows import to_json, to_line

    out = sys.stdout

    def put(text: str) -> None:
        if out.isatty():
            show(text)  # the bars make room for it
        else:
            out.write(text + "\n")
            out.flush()

    def tell(outcome: Checked) -> None:
        if wishes.as_json:
            put(json.dumps(to_json(outcome, wishes.limits), ensure_ascii=False, allow_nan=False))
        elif outcome.report is None:
            note(f"earmark: {outcome.error}")
        elif wishes.show_all or outcome.report["has_distortion"] is not False:
            put(to_line(outcome))

    return tell


def _csv_writer(path: Path, limits: Limits, stack: ExitStack) -> Tell:
    """Return what writes an outcome as a row; the file takes its name when the stack is left without an error."""
    from earmark.core.files import replacing
    from earmark.distortion.check.rows import CSV_COLUMNS, to_csv

    temporary = stack.enter_context(replacing(path))
    file = stack.enter_context(temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace"))
    writer = csv.writer(file)
    writer.writerow(CSV_COLUMNS)
    return lambda outcome: writer.writerow(to_csv(outcome, limits)) and None


def _summarize(tally: Tally, count: Count, elapsed_s: float) -> None:
    from earmark.data.audit_report import duration
    from earmark.distortion.words import share

    rows = [
        [
            kind,
            found.n_files,
            share(found.n_files / tally.n_files),
            share(found.mean),
            share(found.worst),
            found.worst_path,
        ]
        for kind, found in tally.types.items()
        if found.n_files
    ]
    if rows:
        show_table(["fault", "files", "share", "mean severity", "worst", "worst file"], rows)
    parts = [
        f"{tally.n_damaged:,} damaged",
        f"{tally.n_clean:,} clean",
        *([f"{tally.n_untold:,} cannot be told"] if tally.n_untold else []),
        *([f"{tally.n_failed:,} not read"] if tally.n_failed else []),
    ]
    show(f"{counted(tally.n_files, 'file')} ({duration(tally.sound_s)}): {', '.join(parts)}")
    speed = f", {tally.new_sound_s / elapsed_s:,.0f} x real time" if tally.new_sound_s and elapsed_s > 0 else ""
    kept = f"; {tally.n_kept:,} known from earlier runs" if tally.n_kept else ""
    other = f"; {counted(count.n_other, 'other file')} passed over" if count.n_other else ""
    show(f"took {duration(elapsed_s)}{speed}{kept}{other}")


def _page(tally: Tally, wishes: Wishes, count: Count) -> str:
    from earmark.distortion.check.page import About, render_page

    names = [path.resolve().name or str(path) for path in wishes.paths]
    title = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    base = Path(os.path.commonpath([(path if path.is_dir() else path.parent).absolute() for path in wishes.paths]))
    about = About(f"Check of {title}", base, wishes.model, count.n_other, str(wishes.csv_file or ""))
    with progress() as bars:
        return render_page(tally, about, progress=bars)


def _end(tally: Tally) -> None:
    """Say on standard error what failed, and exit with 1 if anything did."""
    if tally.n_failed:
        note(f"earmark: {tally.n_failed:,} of {counted(tally.n_files, 'file')} could not be read")
    if tally.n_over:
        verb = "is" if tally.n_over == 1 else "are"
        note(f"earmark: {tally.n_over:,} of {counted(tally.n_files, 'file')} {verb} over the limit:")
        for line in _listed(tally):
            note(f"  {line}")
    if tally.n_failed or tally.n_over:
        raise typer.Exit(1)


def _listed(tally: Tally) -> Iterator[str]:
    for path, told in tally.over[:N_LISTED]:
        yield f"{path}: {', '.join(told)}"
    if tally.n_over > N_LISTED:
        yield f"and {tally.n_over - N_LISTED:,} more"


def _refuse_read_only(path: Path | None) -> None:
    """Find out before hours of work whether a file can be written.

    Raises:
        StoreError: It cannot.
    """
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror or error}); choose a folder you may write to"
        ) from error
    if path.is_dir():
        raise StoreError(f"{path}: is a folder, expected the name of a file to write")
