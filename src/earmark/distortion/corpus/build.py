"""Build a corpus: make every clip of its plan in parallel, as FLAC, and write down what is in each.

A clip is on disk before its row is, and rows are lines that are written whole: whatever ends a build, the next one
makes only what is missing.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from typing import TYPE_CHECKING

from earmark.audio.write import write_audio
from earmark.core.errors import AudioError, DataError, EarmarkError, StoreError
from earmark.core.files import read_json, write_json, write_text
from earmark.core.identity import fingerprint
from earmark.core.progress import SILENT
from earmark.distortion.corpus.make import make_clip
from earmark.distortion.corpus.manifest import (
    AUDIO_FOLDER,
    OPTIONS_FILE,
    ROWS_FILE,
    CorpusRow,
    by_type,
    read_rows,
    write_clips,
)
from earmark.distortion.corpus.plan import plan_corpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from earmark.core.progress import Progress
    from earmark.distortion.corpus.make import MadeClip
    from earmark.distortion.corpus.plan import ClipPlan, CorpusOptions
    from earmark.distortion.corpus.tracks import Track

CLIPS_PER_TASK = 8
MOST_FAILED = 0.05  # of the clips: more than that is not chance


def build_corpus(
    folder: Path,
    tracks: Sequence[Track],
    options: CorpusOptions,
    *,
    workers: int = 1,
    progress: Progress = SILENT,
) -> list[CorpusRow]:
    """Make a corpus, or what is missing of it, and return its rows.

    Clips of which no stretch can take the faults are left out and counted in `progress.note`; the samples do not
    depend on `workers` or on where a build was broken off.

    Raises:
        DataError: Splits lack tracks, the folder holds another corpus, or more than 5 % of the clips failed.
        StoreError: The folder cannot be written.
        EarmarkError: A worker process was killed.
    """
    plans = plan_corpus(tracks, options)
    _claim(folder, plans, options)
    done = _done(folder)
    missing = [plan for plan in plans if plan.id not in done]
    progress.start("corpus", len(plans))
    progress.advance(len(plans) - len(missing))
    failures: list[str] = []
    with (folder / ROWS_FILE).open("a", encoding="utf-8") as lines:
        for results in _made(folder, missing, options.seed, workers):
            for result in results:
                if isinstance(result, CorpusRow):
                    lines.write(result.line())
                else:
                    failures.append(result)
            lines.flush()
            progress.advance(len(results))
    if len(failures) > MOST_FAILED * len(plans):
        raise DataError(f"{folder}: {len(failures)} of {len(plans)} clips could not be made: {failures[0]}")
    if failures:
        progress.note(f"{len(failures)} clips left out, such as {failures[0]}")
    rows = _write_sorted(folder)
    write_clips(folder, rows)
    return rows


def _done(folder: Path) -> set[str]:
    """Return the names of the clips that were made, with a line that was torn by a kill taken out."""
    if not (folder / ROWS_FILE).exists():
        return set()
    return {row.id for row in _write_sorted(folder)}


def _write_sorted(folder: Path) -> list[CorpusRow]:
    """Write the rows in the order of their names, so that equal corpora have equal files; return them."""
    rows = read_rows(folder)
    write_text(folder / ROWS_FILE, "".join(row.line() for row in rows))
    return rows


def _claim(folder: Path, plans: Sequence[ClipPlan], options: CorpusOptions) -> None:
    """Write what the corpus is, or check that the folder holds the same one."""
    tracks = sorted({plan.track.id for plan in plans})
    content = {"options": asdict(options), "n_tracks": len(tracks), "plan": fingerprint([_facts(p) for p in plans])}
    path = folder / OPTIONS_FILE
    try:
        (folder / AUDIO_FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error
    if path.exists() and read_json(path).get("plan") != content["plan"]:
        raise DataError(f"{folder}: holds another corpus; choose another folder or remove it")
    write_json(path, content)


def _facts(plan: ClipPlan) -> list[object]:
    faults = [[fault.effect, fault.severity, sorted(fault.parameters.items())] for fault in plan.faults]
    return [plan.id, plan.track.id, plan.start_s, plan.variant, faults, plan.span, plan.peak_db, plan.bits]


def _made(folder: Path, plans: list[ClipPlan], seed: int, workers: int) -> Iterator[list[CorpusRow | str]]:
    tasks = [plans[first : first + CLIPS_PER_TASK] for first in range(0, len(plans), CLIPS_PER_TASK)]
    if min(workers, len(tasks)) < 2:
        for task in tasks:
            yield _make_task(folder, task, seed)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context, initializer=_one_thread)
    try:
        futures = [pool.submit(_make_task, folder, task, seed) for task in tasks]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise EarmarkError(
            f"{folder}: a worker process was killed, most often for lack of memory; run again with fewer workers "
            "(finished clips are kept)"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"


def _make_task(folder: Path, plans: Sequence[ClipPlan], seed: int) -> list[CorpusRow | str]:
    return [_make_one(folder, plan, seed) for plan in plans]


def _make_one(folder: Path, plan: ClipPlan, seed: int) -> CorpusRow | str:
    try:
        made = make_clip(plan, seed)
        row = _row(plan, made)
        write_audio(folder / row.file, made.waveform, subtype="PCM_24" if plan.bits > 16 else "PCM_16")
    except AudioError as error:
        return f"{plan.id}: {error}"
    return row


def _row(plan: ClipPlan, made: MadeClip) -> CorpusRow:
    track, sound = plan.track, made.waveform
    return CorpusRow(
        id=plan.id,
        split=plan.split,
        part=plan.part,
        source=track.source,
        track=track.track,
        kind=track.kind,
        lossless=track.lossless,
        start_s=round(made.start_s, 4),
        duration_s=round(sound.duration_s, 4),
        rate_hz=sound.rate_hz,
        n_channels=sound.n_channels,
        variant=plan.variant,
        span=None if plan.span is None else (plan.span[0] * sound.duration_s, plan.span[1] * sound.duration_s),
        effects=tuple(fault.effect for fault in plan.faults),
        presence=by_type(made.presence),
        severity=by_type(made.severity),
        steps=made.steps,
    )
