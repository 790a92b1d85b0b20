"""What each clip of a corpus is: which stretch of which track, changed how, with which faults. No sound is read here.

A corpus is decided whole by its tracks, its options and its seed, clip by clip under a name of its own, so any number
of processes makes the same one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from earmark.core.errors import DataError
from earmark.core.randomness import named_generator
from earmark.distortion.corpus.faults import GRID, draw_fault, draw_of_grid, draw_pair, draw_strength, effects_of
from earmark.distortion.corpus.variants import VARIANTS
from earmark.distortion.severity import FULL_RATE_HZ, KINDS, TRACE, compression_severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from earmark.distortion.chain import Fault
    from earmark.distortion.corpus.tracks import Track
    from earmark.distortion.severity import Kind

Split = Literal["train", "validation", "same", "calibrate", "test", "wild"]
Part = Literal["clean", "hard", "grid", "single", "two", "grid-two", "partial"]
PAIRS: tuple[Part, ...] = ("two", "grid-two")
SPLITS: tuple[Split, ...] = ("train", "validation", "same", "calibrate", "test", "wild")

_LEARNT: dict[Part, float] = {
    "clean": 0.12,
    "hard": 0.18,
    "grid": 0.08,
    "single": 0.36,
    "two": 0.14,
    "grid-two": 0.06,
    "partial": 0.06,
}
# Of each split, how much is what. "same" is new tracks of sources that were trained on; "wild" is as it was found.
SHARES: dict[Split, dict[Part, float]] = {
    "train": _LEARNT,
    "validation": _LEARNT,
    "same": {"clean": 0.2, "hard": 0.2, "grid": 0.25, "single": 0.25, "two": 0.05, "grid-two": 0.05},
    "calibrate": {"clean": 0.22, "hard": 0.22, "grid": 0.1, "single": 0.3, "two": 0.11, "grid-two": 0.05},
    "test": {"clean": 0.14, "hard": 0.14, "grid": 0.2, "single": 0.32, "two": 0.08, "grid-two": 0.06, "partial": 0.06},
    "wild": {"clean": 1.0},
}
# Of the tracks of sources that are trained on, as the brief asks: 70/15/15.
POOL_SHARES: tuple[tuple[Split, float], ...] = (("train", 0.7), ("validation", 0.85), ("same", 1.0))
OF_ROLE: dict[str, Split] = {"calibrate": "calibrate", "test": "test", "wild": "wild"}
# Some clips that are trained on are shorter than ten seconds, since files are.
SHORT_SHARE, SHORTEST_S = 0.15, 3.0
# Sound with a fault comes in variants as well, or they would give clean sound away.
VARIED_FAULTS = 0.3
QUIET_DB, USUAL_DB = (-45.0, -25.0), (-14.0, -0.05)
SHORTEST_SPAN_S = 2.5


@dataclass(frozen=True)
class CorpusOptions:
    """How much of what.

    Attributes:
        clips: Number of clips by split.
        clip_s: Length of a clip.
        seed: Of everything.
    """

    clips: dict[str, int] = field(
        default_factory=lambda: {
            "train": 16_000,
            "validation": 1000,
            "same": 600,
            "calibrate": 3000,
            "test": 3600,
            "wild": 90,
        }
    )
    clip_s: float = 10.0
    seed: int = 0


@dataclass(frozen=True)
class ClipPlan:
    """A clip to make.

    Attributes:
        id: Its name, unique in the corpus.
        split: What it is for.
        part: What it is an example of.
        track: The clean track.
        start_s: Where it begins in it.
        duration_s: Its length.
        variant: One of `VARIANTS`, or "".
        faults: What is put into it, in this order.
        span: From where to where faults are in it, as shares of its length; None is everywhere.
        peak_db: Level of the loudest sample that it is written at.
        bits: That it is written with.
    """

    id: str
    split: Split
    part: Part
    track: Track
    start_s: float
    duration_s: float
    variant: str
    faults: tuple[Fault, ...]
    span: tuple[float, float] | None
    peak_db: float
    bits: int


def plan_corpus(tracks: Sequence[Track], options: CorpusOptions) -> list[ClipPlan]:
    """Return the clips of a corpus.

    Raises:
        DataError: A split that clips are wanted for has no track, or none that can take a fault of some type.
    """
    by_split = split_tracks(tracks, options.seed)
    plans: list[ClipPlan] = []
    for split in SPLITS:
        n_clips = options.clips.get(split, 0)
        if n_clips and not by_split[split]:
            raise DataError(
                f'corpus: found no track for "{split}", expected some; add sources, or ask for no {split} clips'
            )
        plans += _plan_split(split, n_clips, by_split[split], options)
    return plans


def split_tracks(tracks: Sequence[Track], seed: int) -> dict[Split, list[Track]]:
    """Return the tracks by split: those of each pooled source 70/15/15 by piece, all others by their role.

    A piece that several sources play is in one split.
    """
    split_of: dict[str, Split] = {}
    pooled = [track for track in tracks if track.role == "pool"]
    for source in sorted({track.source for track in pooled}):
        pieces = sorted({track.track for track in pooled if track.source == source})
        order = named_generator(seed, "split", source).permutation(len(pieces))
        for rank, index in enumerate(order):
            place = (rank + 0.5) / len(pieces)
            split_of.setdefault(pieces[index], next(name for name, upper in POOL_SHARES if place < upper))
    found: dict[Split, list[Track]] = {split: [] for split in SPLITS}
    for track in tracks:
        found[split_of[track.track] if track.role == "pool" else OF_ROLE[track.role]].append(track)
    return found


def native_compression(track: Track) -> float:
    """Return the severity of what a track's own codec did to it; 0 for lossless tracks."""
    if track.lossless:
        return 0.0
    return compression_severity(track.codec, track.kbps, n_channels=min(2, track.n_channels), rate_hz=track.rate_hz)


def _plan_split(split: Split, n_clips: int, tracks: list[Track], options: CorpusOptions) -> Iterator[ClipPlan]:
    number = 0
    for part, share in SHARES[split].items():
        for index in range(round(share * n_clips)):
            yield _plan_clip(split, part, index, f"{split}-{number:05d}", tracks, options)
            number += 1


def _plan_clip(
    split: Split, part: Part, index: int, name: str, tracks: list[Track], options: CorpusOptions
) -> ClipPlan:
    rng = named_generator(options.seed, "clip", name)
    kind = KINDS[index % len(KINDS)]
    track = _draw_track(_fitting(tracks, part, kind, split), rng)
    faults = _draw_faults(part, kind, index, track, rng)
    length_s = options.clip_s
    if split in ("train", "validation", "calibrate") and part != "partial" and rng.random() < SHORT_SHARE:
        length_s = float(rng.uniform(min(SHORTEST_S, options.clip_s), options.clip_s))
    duration_s = min(length_s, track.duration_s)
    variant = _draw_variant(part, split, faults, rng)
    low_db, high_db = QUIET_DB if variant == "quiet" else USUAL_DB
    return ClipPlan(
        id=name,
        split=split,
        part=part,
        track=track,
        start_s=float(rng.uniform(0, track.duration_s - duration_s)),
        duration_s=duration_s,
        variant=variant,
        faults=faults,
        span=_draw_span(duration_s, rng) if part == "partial" else None,
        peak_db=float(rng.uniform(low_db, high_db)),
        bits=24 if rng.random() < 0.15 else 16,
    )


def _fitting(tracks: list[Track], part: Part, kind: Kind, split: Split) -> list[Track]:
    """Return the tracks that can take the fault; lossy ones are nowhere where a codec is put in."""
    if part in ("clean", "hard", *PAIRS):
        return tracks
    fitting = tracks
    if kind == "phase":
        fitting = [track for track in fitting if track.n_channels == 2]
    if kind == "compression":
        fitting = [track for track in fitting if track.lossless and track.rate_hz >= FULL_RATE_HZ]
    if not fitting:
        raise DataError(f'corpus: none of the {len(tracks)} tracks for "{split}" can take a fault of {kind}')
    return fitting


def _draw_track(tracks: list[Track], rng: np.random.Generator) -> Track:
    """Return a track: sources weigh as the root of their number of tracks, so that no large one rules."""
    sources: dict[str, list[Track]] = {}
    for track in tracks:
        sources.setdefault(track.source, []).append(track)
    names = sorted(sources)
    weights = np.sqrt([len(sources[name]) for name in names])
    chosen = sources[names[int(rng.choice(len(names), p=weights / weights.sum()))]]
    return chosen[int(rng.integers(len(chosen)))]


def _draw_faults(part: Part, kind: Kind, index: int, track: Track, rng: np.random.Generator) -> tuple[Fault, ...]:
    if part in ("clean", "hard"):
        return ()
    if part in PAIRS:
        can_code = track.lossless and track.rate_hz >= FULL_RATE_HZ
        draw = draw_fault if part == "two" else draw_of_grid
        return tuple(draw_pair(rng, draw, stereo=track.n_channels == 2, codec=can_code))
    if part == "partial":
        return (draw_fault(kind, rng),)
    turn = index // len(KINDS)  # each step and each effect alike often, so that each has its figure
    if part == "grid":
        return (GRID[kind][turn % len(GRID[kind])],)
    effects = effects_of(kind)
    return (draw_strength(effects[turn % len(effects)], rng),)


def _draw_variant(part: Part, split: Split, faults: tuple[Fault, ...], rng: np.random.Generator) -> str:
    from earmark.distortion.effects import EFFECTS

    if split == "wild" or part == "clean" or (part != "hard" and rng.random() >= VARIED_FAULTS):
        return ""
    kinds = {EFFECTS[fault.effect].kind for fault in faults}
    names = [name for name in VARIANTS if not (name == "mono" and "phase" in kinds)]
    names = [name for name in names if not (name == "rate" and "compression" in kinds)]
    return str(rng.choice(names))


def _draw_span(duration_s: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return where a fault begins and ends, as shares: at least 2.5 s of it and 2.5 s without."""
    least = min(0.5, SHORTEST_SPAN_S / duration_s)
    length = float(rng.uniform(least, 1 - least))
    begin = float(rng.uniform(0, 1 - length))
    return begin, begin + length


def is_positive(severity: float) -> bool:
    """Return whether a fault of this severity is one to be found."""
    return severity >= TRACE
