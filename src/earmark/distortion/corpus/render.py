"""Render the sources: at most a minute of each piece as FLAC, and the table that says what each is."""

from __future__ import annotations

import csv
import io
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from earmark.core.errors import AudioError, DataError, EarmarkError
from earmark.core.files import write_text
from earmark.core.progress import SILENT
from earmark.core.randomness import named_generator
from earmark.distortion.corpus.fetch import chosen_sources
from earmark.distortion.corpus.render_pieces import list_pieces
from earmark.distortion.corpus.render_synth import find_program
from earmark.distortion.corpus.render_track import render_piece
from earmark.distortion.corpus.tracks import FILE_NAME, read_tracks, write_tracks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from earmark.core.progress import Progress
    from earmark.distortion.corpus.render_pieces import Piece
    from earmark.distortion.corpus.sources import Source
    from earmark.distortion.corpus.tracks import Track

LEFT_OUT = "left-out.csv"
SAVE_EVERY_S = 10.0
PROGRAMS_OF = {
    "midi": "fluidsynth",
    "wad": "fluidsynth",
    "score": "fluidsynth",
    "drums": "fluidsynth",
    "module": "openmpt123",
    "flite": "flite",
    "espeak": "espeak-ng",
}


@dataclass(frozen=True)
class RenderOptions:
    """How to render.

    Attributes:
        seed: Draws instruments, levels, patterns, and everything else that is drawn.
        longest_s: Longest track.
        workers: Processes.
    """

    seed: int = 0
    longest_s: float = 60.0
    workers: int = 1


def render_sources(
    fetched: Path,
    folder: Path,
    names: Sequence[str] | None = None,
    *,
    options: RenderOptions | None = None,
    progress: Progress = SILENT,
) -> list[Track]:
    """Write a FLAC for each piece of the sources, with `tracks.csv` and `left-out.csv`, and return the folder's tracks.

    A track that is there already is kept, so an interrupted run goes on where it was. The order is mixed: any part of
    it holds some of every source. The same seed gives the same files whatever the number of workers.

    Args:
        fetched: The folder of `fetch_sources`.
        folder: Where to write; made if need be.
        names: Names of `SOURCES`; None is all.
        options: Seed, longest track, processes; None is the defaults.
        progress: Counts tracks.

    Raises:
        DataError: A source is unknown or not fetched, a player is missing, or nothing of a source can be rendered.
        StoreError: The folder cannot be written.
        EarmarkError: A worker process was killed.
    """
    options = options or RenderOptions()
    sources = chosen_sources(names)
    _check_programs(sources)
    pieces = [piece for source in sources for piece in list_pieces(source, fetched)]
    order = named_generator(options.seed, "render order").permutation(len(pieces))
    pieces = [pieces[index] for index in order]
    tracks = {track.id: track for track in read_tracks(folder)} if (folder / FILE_NAME).is_file() else {}
    for piece in pieces:
        if piece.id in tracks:  # the table may have moved it to another role since
            source = piece.source
            tracks[piece.id] = replace(tracks[piece.id], role=source.role, licence=source.licence, track=piece.group)
    missing = [piece for piece in pieces if piece.id not in tracks]
    left_out: dict[str, str] = {}
    progress.start("render clean tracks", len(pieces))
    progress.advance(len(pieces) - len(missing))
    saved_s = time.monotonic()
    for piece, result in _rendered(missing, folder, options):
        if isinstance(result, str):
            left_out[piece.id] = result
        else:
            tracks[piece.id] = result
        progress.advance()
        if time.monotonic() - saved_s > SAVE_EVERY_S:
            write_tracks(folder, tracks.values())
            saved_s = time.monotonic()
    write_tracks(folder, tracks.values())
    _write_left_out(folder, left_out)
    _check_losses(sources, pieces, left_out)
    return sorted(tracks.values(), key=lambda track: track.id)


def _check_programs(sources: Sequence[Source]) -> None:
    needed = {PROGRAMS_OF[source.how] for source in sources if source.how in PROGRAMS_OF}
    if any("freepats" in source.soundfonts for source in sources):
        needed.add("timidity")
    for program in sorted(needed):
        find_program(program)


def _rendered(pieces: list[Piece], folder: Path, options: RenderOptions) -> Iterator[tuple[Piece, Track | str]]:
    """Yield each piece with its track, or with the reason why there is none."""
    if options.workers < 2 or len(pieces) < 2:
        for piece in pieces:
            yield piece, _track_or_reason(piece, folder, options)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(options.workers, len(pieces)), mp_context=context)
    try:
        futures = {pool.submit(_track_or_reason, piece, folder, options): piece for piece in pieces}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise EarmarkError(
            f"{folder}: a worker process was killed, most often for lack of memory; run again with fewer workers "
            '(finished tracks are kept); a script of your own needs its calls below `if __name__ == "__main__":`'
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _track_or_reason(piece: Piece, folder: Path, options: RenderOptions) -> Track | str:
    rng = named_generator(options.seed, "render", piece.id)
    try:
        return render_piece(piece, folder, rng, longest_s=options.longest_s)
    except (AudioError, DataError) as error:
        return str(error)


def _write_left_out(folder: Path, left_out: dict[str, str]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("id", "reason"))
    table.writerows(sorted(left_out.items()))
    write_text(folder / LEFT_OUT, text.getvalue())


def _check_losses(sources: Sequence[Source], pieces: list[Piece], left_out: dict[str, str]) -> None:
    """Raise DataError where nothing of a source can be rendered: something must be wrong with it."""
    for source in sources:
        of_source = [piece.id for piece in pieces if piece.source is source]
        lost = [name for name in of_source if name in left_out]
        if len(lost) == len(of_source):
            raise DataError(
                f'none of the {len(of_source)} pieces of the source "{source.name}" could be rendered '
                f"({left_out[lost[0]]}); leave it out by name, or repair it and run again"
            )
