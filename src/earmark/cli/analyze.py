"""`earmark analyze`: what is heard in recordings of any length and number, and when."""

from __future__ import annotations

import csv
import json
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.console import counted, note, progress, show, show_table
from earmark.cli.many_values import split_values
from earmark.core.errors import ConfigError, DataError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.core.progress import Progress
    from earmark.inference.analysis import Analysed, Hearing, Journal
    from earmark.inference.events import Merging

    Tell = Callable[[Analysed], None]

N_LISTED = 20
UNREADABLE = "unreadable.csv"
MANY_BLOCKS_BYTES = 8_000_000  # of a smaller recording there is no work for a second process


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for, apart from how recordings are heard."""

    inputs: list[str]
    out: Path | None
    formats: list[str]
    per_file: bool
    as_json: bool
    merging: Merging
    workers: int
    resume: bool
    results: Path | None


def analyze(
    inputs: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, globs, gs:// and s3://.")],
    model: Annotated[str, typer.Option("--model", "-m", help="Bundle, or an encoder's own classes: birdnet, yamnet.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the files of events.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", "-f", metavar="NAME", help="csv, json, raven, audacity, kaleidoscope, parquet."),
    ] = None,
    per_file: Annotated[bool, typer.Option("--per-file", help="Write a file of events for each recording.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line and recording.")] = False,
    hop_s: Annotated[float | None, typer.Option("--hop", help="Step between windows, in s.")] = None,
    overlap_s: Annotated[float | None, typer.Option("--overlap", help="Overlap of windows, in s.")] = None,
    min_confidence: Annotated[
        float | None, typer.Option("--min-confidence", min=0, max=1, help="Threshold; default: the model's own.")
    ] = None,
    most: Annotated[int | None, typer.Option("--top-n", min=1, help="At most so many labels in a window.")] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--labels", metavar="NAME", help="Only these labels, or a file of them.")
    ] = None,
    sensitivity: Annotated[float | None, typer.Option("--sensitivity", help="BirdNET's own, 0.5 to 1.5.")] = None,
    latitude: Annotated[float | None, typer.Option("--lat", help="Only what BirdNET expects at this place.")] = None,
    longitude: Annotated[float | None, typer.Option("--lon", help="See --lat.")] = None,
    week: Annotated[int | None, typer.Option("--week", help="1 to 48, with --lat and --lon.")] = None,
    merge: Annotated[int, typer.Option("--merge", min=0, help="Most windows in an event; 0: no limit.")] = 0,
    gap_s: Annotated[float, typer.Option("--gap", min=0, help="Longest gap inside an event, in s.")] = 0.0,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes; default: EARMARK_MAX_WORKERS.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on where an earlier run was.")] = True,
    results: Annotated[
        Path | None, typer.Option("--results", help="Folder or .jsonl file for what is known; default: in the cache.")
    ] = None,
) -> None:
    """Find out what is heard in recordings, and when.

    Exits with 1 if a recording cannot be read; the others are analysed.
    """
    from earmark.core.settings import settings
    from earmark.inference.analysis import Hearing, expand
    from earmark.inference.events import Merging
    from earmark.inference.hearers import ModelChoice

    _refuse_contradictions(hop_s, overlap_s, out, formats, per_file=per_file)
    hearing = Hearing(
        ModelChoice(model, sensitivity),
        *(hop_s, overlap_s, min_confidence, most),
        labels=_labels(labels or []),
        place=_place(latitude, longitude, week),
    )
    wishes = Wishes(
        *(expand(inputs), out, split_values(formats or []) or ["csv"], per_file, as_json, Merging(merge, gap_s)),
        *(workers or settings().max_workers, resume, results),
    )
    _analyze(wishes, hearing)


def _analyze(wishes: Wishes, hearing: Hearing) -> None:
    from earmark.core.settings import settings
    from earmark.inference.analysis import Run, analyse, find_recordings, journal_path, open_listener

    sizes = [recording.size_bytes for recording in find_recordings(wishes.inputs)]
    if not sizes:
        raise DataError(f"{', '.join(wishes.inputs)}: no audio found there")
    listener = open_listener(hearing)
    tally = Tally()
    began_s = time.monotonic()
    with ExitStack() as stack:
        place = journal_path(wishes.results, wishes.inputs, settings().cache_dir)
        journal = _open_journal(place, listener.plan.seal, stack, wishes)
        tellers = [tally.add, _printer(wishes)]  # before the bars: they take standard output for their own
        if wishes.out is not None:
            tellers.append(_writer(wishes, wishes.out, hearing, stack))
        bars: Progress = stack.enter_context(progress())
        n_workers = wishes.workers if len(sizes) > 1 or sizes[0] > MANY_BLOCKS_BYTES else 1
        run = Run(wishes.merging, n_workers, bars, journal)
        for outcome in analyse(find_recordings(wishes.inputs), listener, hearing, run, sum(sizes)):
            for tell in tellers:
                tell(outcome)
    tally.end(wishes, time.monotonic() - began_s)


def _open_journal(path: Path, seal: str, stack: ExitStack, wishes: Wishes) -> Journal | None:
    """Return the journal at a path; None where it cannot be written and nobody asked for this place."""
    from earmark.inference.analysis import Journal

    try:
        return stack.enter_context(Journal(path, seal, resume=wishes.resume))
    except StoreError as error:
        if wishes.results is not None:
            raise
        note(f"earmark: what is heard is not kept for another run: {error}")
        return None


def _writer(wishes: Wishes, out: Path, hearing: Hearing, stack: ExitStack) -> Tell:
    from earmark.core.files import replacing
    from earmark.inference.formats import open_writers

    about = {"model": str(hearing.choice.model)}
    writers = stack.enter_context(
        open_writers(out, wishes.formats, per_file=wishes.per_file, inputs=wishes.inputs, about=about)
    )

    temporary = stack.enter_context(replacing(out / UNREADABLE))
    file = stack.enter_context(temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace"))
    failures = csv.writer(file, lineterminator="\n")
    failures.writerow(("file", "reason"))

    def tell(outcome: Analysed) -> None:
        if outcome.file is not None:
            writers.add(outcome.file)
        else:
            failures.writerow((outcome.recording.name, outcome.error))

    return tell


def _printer(wishes: Wishes) -> Tell:
    """Return what shows an outcome on standard output, even while bars are drawn."""
    out = sys.stdout

    def put(text: str) -> None:
        if out.isatty():
            show(text)  # the bars make room for it
        else:
            out.write(text + "\n")

    def tell(outcome: Analysed) -> None:
        if outcome.file is None:
            note(f"earmark: {outcome.error}")
        if wishes.as_json:
            put(json.dumps(to_json(outcome), ensure_ascii=False, allow_nan=False))
        elif outcome.file is not None and wishes.out is None:
            for event in outcome.file.events:
                span = f"{clock(event.start_s)} - {clock(event.end_s)}"
                put(f"{outcome.file.path}: {span}  {event.label}  {event.probability:.1%}")

    return tell


def to_json(outcome: Analysed) -> dict[str, Any]:
    """Return the object that `--json` prints for a recording."""
    file = outcome.file
    if file is None:
        return {"path": outcome.recording.name, "error": outcome.error}
    return {
        "path": file.path,
        "duration_s": round(file.duration_s, 6),
        "rate_hz": file.rate_hz,
        "n_channels": file.n_channels,
        "silent": outcome.is_silent,
        "events": [
            {"start_s": each.start_s, "end_s": each.end_s, "label": each.label, "probability": each.probability}
            for each in file.events
        ],
    }


def clock(seconds: float) -> str:
    """Return a time such as 0:03.00 or 13:20:05.50."""
    minutes, rest = divmod(round(seconds * 100), 6000)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{start}:{rest / 100:05.2f}"


class Tally:
    """Adds up outcomes, in memory that does not grow with their number."""

    def __init__(self) -> None:
        self.n_files = self.n_failed = self.n_events = self.n_silent = 0
        self.sound_s = self.new_s = 0.0
        self.by_label: dict[str, list[float]] = {}

    def add(self, outcome: Analysed) -> None:
        """Count an outcome."""
        self.n_files += 1
        if outcome.file is None:
            self.n_failed += 1
            return
        self.sound_s += outcome.file.duration_s
        self.new_s += outcome.new_s
        self.n_silent += outcome.is_silent
        self.n_events += len(outcome.file.events)
        for event in outcome.file.events:
            found = self.by_label.setdefault(event.label, [0, 0.0, 0.0])
            found[0] += 1
            found[1] += event.end_s - event.start_s
            found[2] = max(found[2], event.probability)

    def end(self, wishes: Wishes, elapsed_s: float) -> None:
        """Say what all comes to, and exit with 1 if a recording could not be read."""
        from earmark.data.audit_report import duration

        if not wishes.as_json and wishes.out is not None and self.by_label:
            ranked = sorted(self.by_label.items(), key=lambda item: (-item[1][0], item[0]))
            rows = [[name, int(n), duration(s), f"{best:.1%}"] for name, (n, s, best) in ranked[:N_LISTED]]
            show_table(["label", "events", "sound", "highest"], rows)
        silent = f", {self.n_silent:,} silent" if self.n_silent else ""
        labels = f" of {counted(len(self.by_label), 'label')}" if self.by_label else ""
        speed = f", {self.new_s / elapsed_s:,.0f} x real time" if self.new_s and elapsed_s > 0 else ""
        known = ", all known from an earlier run" if self.sound_s and not self.new_s else ""
        note(
            f"{counted(self.n_files, 'recording')} ({duration(self.sound_s)}{silent}): "
            f"{counted(self.n_events, 'event')}{labels}; took {duration(elapsed_s)}{speed}{known}"
        )
        if wishes.out is not None:
            note(f"written to {wishes.out}: {', '.join(wishes.formats)}")
        if self.n_failed:
            listed = f"; they are listed in {wishes.out / UNREADABLE}" if wishes.out is not None else ""
            note(f"earmark: {self.n_failed:,} of {counted(self.n_files, 'recording')} could not be read{listed}")
            raise typer.Exit(1)


def _labels(texts: list[str]) -> tuple[str, ...]:
    """Return names of labels; a text that is a file stands for the names in it."""
    from earmark.inference.analysis.choose import read_label_list

    names: list[str] = []
    for text in texts:
        names += read_label_list(Path(text)) if Path(text).is_file() else split_values([text])
    return tuple(dict.fromkeys(names))


def _place(latitude: float | None, longitude: float | None, week: int | None) -> Any:
    from earmark.inference.analysis import Place

    if latitude is None and longitude is None and week is None:
        return None
    if latitude is None or longitude is None:
        raise ConfigError("--lat, --lon, --week: a place needs both --lat and --lon; give them together")
    return Place(latitude, longitude, week)


def _refuse_contradictions(
    hop_s: float | None, overlap_s: float | None, out: Path | None, formats: list[str] | None, *, per_file: bool
) -> None:
    if hop_s is not None and overlap_s is not None:
        raise ConfigError("--hop and --overlap say the same in two ways; give one of them")
    if out is None and (formats or per_file):
        raise ConfigError(f"{'--format' if formats else '--per-file'}: needs --out, the folder to write to; add it")
