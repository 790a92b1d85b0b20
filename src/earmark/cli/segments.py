"""`earmark segments` cuts clips of detections to check; `earmark review` reads back what a person made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from earmark.cli.console import counted, note, progress, show, show_json, show_table
from earmark.cli.many_values import ManyValues, split_values
from earmark.core.errors import ConfigError, DataError, StoreError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from earmark.inference.events import FileEvents
    from earmark.inference.segments import Choice, Cut, Review

N_LISTED = 20
Select = Literal["top", "uncertain", "random", "bands"]
Unmarked = Literal["right", "skip"]


class SegmentsCommand(ManyValues):
    """A command whose list options take several values."""


def segments(
    detections: Annotated[
        list[Path],
        typer.Argument(metavar="DETECTIONS...", help="Files of detections in any format, or folders of them."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the clips.")],
    formats: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="NAME", help="Format of the detections; default: by content."),
    ] = None,
    audio_dir: Annotated[
        Path | None, typer.Option("--audio-dir", help="Where the recordings are, if not where the detections say.")
    ] = None,
    select: Annotated[Select, typer.Option("--select", help="Which detections of a label.")] = "top",
    most: Annotated[int, typer.Option("--max-per-label", min=1, help="At most so many clips of a label.")] = 100,
    min_confidence: Annotated[float, typer.Option("--min-confidence", min=0, max=1, help="Least probability.")] = 0.0,
    max_confidence: Annotated[float, typer.Option("--max-confidence", min=0, max=1, help="Greatest one.")] = 1.0,
    labels: Annotated[list[str] | None, typer.Option("--labels", metavar="NAME", help="Only these labels.")] = None,
    around: Annotated[
        float, typer.Option("--around", min=0, max=1, help="Probability that is most doubtful, for uncertain.")
    ] = 0.5,
    bands: Annotated[int, typer.Option("--bands", min=1, help="Number of bands of probability, for bands.")] = 5,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="For random and bands; default: EARMARK_RANDOM_SEED.")
    ] = None,
    padding_s: Annotated[float, typer.Option("--padding", min=0, help="Sound before and after, in s.")] = 0.0,
    length_s: Annotated[float | None, typer.Option("--length", help="Length of every clip, in s.")] = None,
    longest_s: Annotated[float, typer.Option("--longest", help="A longer clip is cut to its middle, in s.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Cut clips of detections into a folder for each label, for checking by ear.

    Exits with 1 if a recording is not there or cannot be read; the others are cut.
    """
    from earmark.core.settings import settings
    from earmark.inference.segments import Choice, CutOptions, choose, cut_segments

    options = CutOptions(padding_s=padding_s, length_s=length_s, longest_s=longest_s, audio_dir=audio_dir)
    choice = Choice(
        select=select,
        most=most,
        min_confidence=min_confidence,
        max_confidence=max_confidence,
        around=around,
        n_bands=bands,
        labels=tuple(split_values(labels or [])),
        seed=settings().random_seed if seed is None else seed,
    )
    files, bases = _read(detections, formats)
    chosen = choose(files, choice)
    with progress() as bars:
        cut = cut_segments(chosen, out, options, bases, bars)
    if as_json:
        show_json(_cut_json(out, cut))
    else:
        _show_cut(out, cut, files, choice)
    _tell_lost(cut)


def _read(detections: Sequence[Path], name: str | None) -> tuple[list[FileEvents], dict[str, Path]]:
    """Return what was detected, and the folder of the detections of each recording."""
    from earmark.inference.formats import read_events

    files, bases = [], dict[str, Path]()
    with progress() as bars:
        bars.start("reading detections", len(detections))
        for path in detections:
            found = read_events(path, name)
            bars.advance()
            files += found
            for file in found:
                bases.setdefault(file.path, path if path.is_dir() else path.parent)
    if not any(file.events for file in files):
        raise DataError(
            f"{', '.join(map(str, detections))}: nothing was detected in {counted(len(files), 'recording')}"
        )
    return files, bases


def _cut_json(out: Path, cut: Cut) -> dict[str, object]:
    return {
        "out": str(out),
        "n_clips": len(cut.segments),
        "labels": _by_label(cut),
        "lost": [{"recording": lost.recording, "n_clips": lost.n_clips, "reason": lost.reason} for lost in cut.lost],
    }


def _by_label(cut: Cut) -> dict[str, int]:
    names = [segment.label for segment in cut.segments]
    return {name: names.count(name) for name in dict.fromkeys(names)}


def _show_cut(out: Path, cut: Cut, files: Sequence[FileEvents], choice: Choice) -> None:
    n_detected: dict[str, int] = {}
    for file in files:
        for event in file.events:
            n_detected[event.label] = n_detected.get(event.label, 0) + 1
    ranges: dict[str, list[float]] = {}
    for segment in cut.segments:
        ranges.setdefault(segment.label, []).append(segment.probability)
    rows = [
        [label, f"{n_detected[label]:,}", len(found), f"{min(found):.3f}", f"{max(found):.3f}"]
        for label, found in ranges.items()
    ]
    if rows:
        show_table(["label", "detections", "clips", "from", "to"], rows)
    show(f"{counted(len(cut.segments), 'clip')} ({choice.select}) in {out}")
    if cut.segments:
        show(f"listen, move what is wrong, then: earmark review {out} --out reviewed.csv")


def _tell_lost(cut: Cut) -> None:
    """Say on standard error what is missing, and exit with 1 if anything is."""
    if not cut.lost:
        return
    n_clips = sum(lost.n_clips for lost in cut.lost)
    recordings = {lost.recording for lost in cut.lost}
    note(f"earmark: {counted(n_clips, 'clip')} of {counted(len(recordings), 'recording')} could not be cut:")
    _list([lost.reason + (f" ({lost.n_clips} clips)" if lost.n_clips > 1 else "") for lost in cut.lost])
    raise typer.Exit(1)


def _list(lines: Sequence[str]) -> None:
    for line in lines[:N_LISTED]:
        note(f"  {line}")
    if len(lines) > N_LISTED:
        note(f"  and {len(lines) - N_LISTED:,} more")


def review(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What earmark segments made.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Manifest to write: .csv, .json or .jsonl.")],
    unmarked: Annotated[
        Unmarked, typer.Option("--unmarked", help="What clips are that were neither moved nor marked.")
    ] = "right",
    noise_label: Annotated[
        str | None, typer.Option("--noise-label", help="Label of clips in _noise; default: none at all.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a manifest that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read checked clips back as a dataset for training.

    Exits with 1 if what is said of a clip contradicts itself; such clips are left out.
    """
    from earmark.data.manifest_writer import write_manifest
    from earmark.inference.segments import SHEET_NAME, review_segments

    if noise_label is not None and not noise_label.strip():
        raise ConfigError("--noise-label: found an empty text, expected a label")
    if out.resolve() == (folder / SHEET_NAME).resolve():
        raise StoreError(f"{out}: is the table of the clips; name another file")
    if out.exists() and not overwrite:
        raise StoreError(f"{out}: is there already; name another file, or replace it with --overwrite")
    found = review_segments(folder, unmarked=unmarked, noise_label=noise_label)
    write_manifest(found.dataset, out)
    if as_json:
        show_json(_review_json(out, found))
    else:
        _show_review(out, found)
    for path in found.strangers[:N_LISTED]:
        note(f"earmark: {path}: was not cut here, so nobody knows its recording; it is left out")
    if found.faults:
        note(f"earmark: {counted(len(found.faults), 'clip')} left out, as what is said of them cannot be:")
        _list(found.faults)
        raise typer.Exit(1)


def _of_label(found: Review) -> Counter[str]:
    from collections import Counter

    return Counter(label for clip in found.dataset.clips for label in clip.labels or ("(none of the labels)",))


def _review_json(out: Path, found: Review) -> dict[str, object]:
    return {
        "out": str(out),
        "n_clips": len(found.dataset.clips),
        "task": found.dataset.task,
        "labels": dict(sorted(_of_label(found).items())),
        "reviewed": dict(found.counts),
        "n_groups": len(set(found.dataset.groups)),
        "faults": found.faults,
        "strangers": [str(path) for path in found.strangers],
    }


def _show_review(out: Path, found: Review) -> None:
    groups: dict[str, set[str]] = {}
    for clip in found.dataset.clips:
        for label in clip.labels or ("(none of the labels)",):
            groups.setdefault(label, set()).add(clip.group)
    counts = _of_label(found)
    show_table(
        ["label", "clips", "recordings"], [[label, counts[label], len(groups[label])] for label in sorted(counts)]
    )
    show(f"said of the clips: {', '.join(f'{number:,} {said}' for said, number in found.counts.items())}")
    n_groups = len(set(found.dataset.groups))
    show(f"{counted(len(found.dataset.clips), 'clip')} of {counted(n_groups, 'recording')} in {out}")
