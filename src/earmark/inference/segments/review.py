"""What a person made of the clips, read back as a dataset: by the folder a clip lies in now, and by the table.

A clip in another label's folder is that label; in `_noise` it is none of the labels, in `_unsure` it is left out. In
`segments.csv` the columns `label` and `correct` say the same. What contradicts itself is not used and is told.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from earmark.core.errors import DataError
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.data.paths import is_audio, walk_visible
from earmark.inference.segments.names import NOISE, UNSURE
from earmark.inference.segments.sheet import SHEET_NAME, Segment, read_sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Unmarked = Literal["right", "skip"]
SEPARATOR = ";"
_ANSWERS = {
    "yes": ("yes", "y", "true", "1", "right", "x"),
    "no": ("no", "n", "false", "0", "wrong"),
    "unsure": ("unsure", "?", "maybe"),
}
_ANSWER = {word: answer for answer, words in _ANSWERS.items() for word in words}

Labels = frozenset[str]
Verdict = Labels | None  # None: not to be used


class _ContradictionError(Exception):
    """Two things are said of a clip that cannot both be."""


@dataclass
class Review:
    """What a person said of the clips of a folder.

    Attributes:
        dataset: The clips that can be used, each with the labels that were confirmed.
        counts: Clips by what was said: right, corrected, noise, unsure, unmarked, gone.
        faults: What contradicts itself or cannot be understood, one line each.
        strangers: Audio files that were not cut here; they are not used.
    """

    dataset: Dataset
    counts: Counter[str]
    faults: list[str]
    strangers: list[Path]


@dataclass
class _Stretch:
    """All that was said of one stretch of a recording, which may have been cut once for each of several labels."""

    segment: Segment
    path: Path
    labels: set[str] = field(default_factory=set)
    usable: bool = True


def review_segments(folder: Path, *, unmarked: Unmarked = "right", noise_label: str | None = None) -> Review:
    """Return what a person made of a folder of clips.

    Args:
        folder: What `cut_segments` made, with clips moved or the table edited since.
        unmarked: Whether a clip that was neither moved nor marked is "right", or left out ("skip").
        noise_label: The label of clips in `_noise`; None makes them explicit negatives, without any label.

    Raises:
        DataError: It is no such folder, the table is damaged, or no clip is left.
    """
    segments = read_sheet(folder)
    found, strangers = _where_clips_are(folder, {_name(segment.clip) for segment in segments})
    homes = {segment.clip.partition("/")[0]: segment.detected for segment in segments}
    counts: Counter[str] = Counter()
    faults: list[str] = []
    stretches: dict[tuple[object, ...], _Stretch] = {}
    for segment in segments:
        places = found.get(_name(segment.clip), [])
        if not places:
            counts["gone"] += 1
            continue
        try:
            said, verdict = _judge(segment, {place.relative_to(folder).as_posix() for place in places}, homes, unmarked)
        except _ContradictionError as contradiction:
            faults.append(f"{segment.clip}: {contradiction}")
            said, verdict = "contradictory", None
        counts[said] += 1
        key = (segment.recording, segment.times_s, segment.clip_times_s)
        stretch = stretches.setdefault(key, _Stretch(segment, places[0]))
        stretch.usable &= verdict is not None  # a doubt about one label leaves the others' silence in doubt, too
        stretch.labels |= verdict or frozenset()
    clips = [_clip(stretch, folder, noise_label) for stretch in stretches.values() if stretch.usable]
    if not clips:
        told = f"; {faults[0]}" if faults else ""
        raise DataError(f"{folder}: no clip is left of {len(segments)} ({_told(counts)}){told}")
    return Review(Dataset.of(folder.resolve().name, clips), counts, faults, strangers)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {said}" for said, number in counts.items()) or "none was cut"


def _name(clip: str) -> str:
    return clip.rpartition("/")[2]


def _where_clips_are(folder: Path, known: set[str]) -> tuple[dict[str, list[Path]], list[Path]]:
    """Return the places of each clip, and audio that is none of them."""
    found: dict[str, list[Path]] = {}
    strangers: list[Path] = []
    for parent, names in walk_visible(folder):
        for name in names:
            if name in known:
                found.setdefault(name, []).append(parent / name)
            elif is_audio(Path(name)):
                strangers.append(parent / name)
    return found, strangers


def _judge(segment: Segment, places: set[str], homes: Mapping[str, str], unmarked: Unmarked) -> tuple[str, Verdict]:
    """Return what was said of a clip in a word, and the labels that it has; None where it is not to be used."""
    written = _written(segment, set(homes.values()))
    moved = None if places == {segment.clip} else _of_folders(places, homes)
    own = frozenset({segment.detected})
    if written is None and moved is None:
        return ("right", own) if unmarked == "right" else ("unmarked", None)
    # "no" says less than another label does: a clip that is no dog and lies with the cats is a cat
    verdicts = {verdict for verdict in (written, moved) if verdict is not None}
    if len(verdicts) == 2 and frozenset() in verdicts and segment.label == segment.detected:
        verdicts.discard(frozenset())
    if len(verdicts) > 1:
        raise _ContradictionError(f"{SHEET_NAME} says {_say(written)}, and it lies in {', '.join(sorted(places))}")
    (verdict,) = verdicts
    if verdict == _UNSURE:
        return "unsure", None
    return "right" if verdict == own else "corrected" if verdict else "noise", verdict


_UNSURE: Labels = frozenset({UNSURE})


def _say(verdict: Verdict) -> str:
    return ", ".join(sorted(verdict or ())) or NOISE


def _written(segment: Segment, known: set[str]) -> Verdict:
    """Return what the table says; None where it says nothing."""
    answer = _ANSWER.get(segment.correct.casefold(), "") if segment.correct else ""
    if segment.correct and not answer:
        raise _ContradictionError(f'correct is "{segment.correct}", expected {", ".join(_ANSWERS)} or nothing')
    if segment.label == segment.detected:
        return {"": None, "yes": frozenset({segment.detected}), "no": frozenset(), "unsure": _UNSURE}[answer]
    if not segment.label:
        raise _ContradictionError(f"its label is empty; write a label, {NOISE} or {UNSURE}")
    if answer in ("yes", "unsure"):
        raise _ContradictionError(f'correct is "{segment.correct}", but the label was changed to "{segment.label}"')
    return _labels_of((part.strip() for part in segment.label.split(SEPARATOR)), known)


def _of_folders(places: set[str], homes: Mapping[str, str]) -> Labels:
    """Return what the folders say that a clip lies in, which may be several where it was copied."""
    loose = [place for place in places if "/" not in place]
    if loose:
        raise _ContradictionError("lies in no folder; put it into the one of its label")
    folders = (place.partition("/")[0] for place in places)
    return _labels_of((homes.get(name, name) for name in folders), set(homes.values()))


def _labels_of(texts: Iterable[str], known: set[str]) -> Labels:
    labels = {text.casefold() if text.casefold() in (NOISE, UNSURE) else text for text in texts if text}
    special = {label for label in labels if label.startswith("_") and label not in known}
    if special - {NOISE, UNSURE}:
        raise _ContradictionError(
            f'"{special.pop()}" is no label; names with _ in front are {NOISE} (none of the labels) and {UNSURE} only'
        )
    if special and len(labels) > 1:
        raise _ContradictionError(f"is said to be {', '.join(sorted(labels))} at once")
    return frozenset() if labels == {NOISE} else frozenset(labels)


def _clip(stretch: _Stretch, folder: Path, noise_label: str | None) -> Clip:
    segment = stretch.segment
    labels = tuple(sorted(stretch.labels)) or ((noise_label,) if noise_label is not None else ())
    clip_start_s, clip_end_s = segment.clip_times_s
    start_s = max(segment.times_s[0], clip_start_s)
    end_s = min(segment.times_s[1], clip_end_s)
    whole = (start_s, end_s) == segment.clip_times_s or not end_s > start_s
    start_s, duration_s = (0.0, None) if whole else (round(start_s - clip_start_s, 6), round(end_s - start_s, 6))
    return Clip(
        _name(segment.clip), folder / stretch.path.relative_to(folder), labels, segment.recording, start_s, duration_s
    )
