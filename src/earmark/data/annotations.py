"""Boxes and segments on recordings, and how they become clips.

A window carries a label once one annotation of that label overlaps it by `min_overlap_s`, or by
`min_overlap_fraction` of the annotation where that is less (so that a short call is not lost to a long rule). A window
that is touched by less than the rule is neither a fair positive nor a fair negative: it carries the other labels it
has, or is left out. Windows that nothing touches are explicit negatives, kept with `keep_negatives`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.core.errors import DataError
from earmark.data.clip import Clip
from earmark.data.paths import clip_id

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.data.options import LoadOptions

_TINY_S = 1e-6


@dataclass(frozen=True)
class Annotation:
    """One box or segment: its label, its time from the start of the file, and its band where one was drawn.

    A point label has `start_s` equal to `end_s`; `end_s` is infinity for up to the end of the file.

    Raises:
        DataError: It begins before 0 s or ends before it begins.
    """

    label: str
    start_s: float
    end_s: float
    low_hz: float | None = None
    high_hz: float | None = None
    where: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.start_s <= self.end_s:
            raise DataError(
                f"{self.where}: annotation from {self.start_s} s to {self.end_s} s, expected 0 <= start <= end"
            )


@dataclass(frozen=True)
class Recording:
    """An annotated audio file; no annotation means that nothing is heard in it."""

    id: str
    path: Path
    group: str
    annotations: tuple[Annotation, ...]
    fold: str | None = None


def overlap_s(annotation: Annotation, start_s: float, end_s: float) -> float:
    """Return the seconds that an annotation and a stretch share, negative where they are apart."""
    return min(annotation.end_s, end_s) - max(annotation.start_s, start_s)


def meets_rule(annotation: Annotation, start_s: float, end_s: float, options: LoadOptions) -> bool:
    """Return whether a stretch carries the annotation's label. A point counts where it lies inside."""
    length_s = annotation.end_s - annotation.start_s
    if length_s == 0:
        return start_s <= annotation.start_s < end_s
    needed_s = min(options.min_overlap_s, options.min_overlap_fraction * length_s, end_s - start_s)
    return overlap_s(annotation, start_s, end_s) >= needed_s - _TINY_S


def window_starts(duration_s: float, window_s: float, hop_s: float) -> list[float]:
    """Return where windows begin: every hop, and a last one that ends with the recording.

    A recording shorter than one window is one (short) window.
    """
    if duration_s <= window_s + _TINY_S:
        return [0.0]
    n_full = math.floor((duration_s - window_s) / hop_s + _TINY_S) + 1
    starts = [round(index * hop_s, 6) for index in range(n_full)]
    if starts[-1] + window_s < duration_s - _TINY_S:
        starts.append(round(duration_s - window_s, 6))
    return starts


def windows_of(recording: Recording, duration_s: float, options: LoadOptions) -> list[Clip]:
    """Return the windows of a recording that carry a label, and the negatives if they are kept.

    Raises:
        DataError: An annotation begins after the end of the recording.
    """
    for annotation in recording.annotations:
        if annotation.start_s > duration_s:
            raise DataError(
                f"{annotation.where}: annotation begins at {annotation.start_s} s, but {recording.path} is only "
                f"{duration_s:.3f} s long; check that the table belongs to this recording"
            )
    window_s = options.window_s or duration_s
    length_s = min(window_s, duration_s)
    clips = []
    for start_s in window_starts(duration_s, window_s, options.hop_s or window_s):
        clip = _stretch(recording, start_s, length_s, options)
        touched = any(overlap_s(a, start_s, start_s + length_s) > _TINY_S for a in recording.annotations)
        if clip.labels or (options.keep_negatives and not touched):
            clips.append(clip)
    return clips


def segments_of(recording: Recording, options: LoadOptions) -> list[Clip]:
    """Return one clip for each annotated stretch, with every label that meets the rule in it.

    A recording without annotations is one negative clip, if negatives are kept.

    Raises:
        DataError: An annotation is a point and has no length.
    """
    if not recording.annotations:
        whole = Clip(recording.id, recording.path, (), recording.group, fold=recording.fold)
        return [whole] if options.keep_negatives else []
    stretches = dict.fromkeys((a.start_s, a.end_s) for a in recording.annotations)
    for annotation in recording.annotations:
        if annotation.start_s == annotation.end_s:
            raise DataError(
                f'{annotation.where}: label "{annotation.label}" is a point at {annotation.start_s} s and has no '
                "length; give window_s to cut the recording into windows"
            )
    return [_stretch(recording, start_s, end_s - start_s, options) for start_s, end_s in stretches]


def _stretch(recording: Recording, start_s: float, length_s: float, options: LoadOptions) -> Clip:
    end_s = start_s + length_s
    labels = sorted({a.label for a in recording.annotations if meets_rule(a, start_s, end_s, options)})
    duration_s = round(length_s, 6) if math.isfinite(length_s) else None
    start_s = round(start_s, 6)
    identifier = clip_id(recording.id, start_s, duration_s)
    return Clip(identifier, recording.path, tuple(labels), recording.group, start_s, duration_s, recording.fold)


def recording_clips(recordings: list[Recording], options: LoadOptions) -> list[Clip]:
    """Return the clips of annotated recordings: windows with `window_s`, else the annotated stretches.

    Raises:
        AudioError: The length of a recording cannot be read (only asked for windows).
        DataError: A point label without `window_s`, or an annotation outside its recording.
    """
    if options.window_s is None:
        return [clip for recording in recordings for clip in segments_of(recording, options)]
    from earmark.audio.read import probe_audio

    return [
        clip
        for recording in recordings
        for clip in windows_of(recording, probe_audio(recording.path).duration_s, options)
    ]
