"""Clips of detections, cut out of their recordings into a folder for each label.

A recording is read only where a clip lies, however long it is. One that lies in storage is fetched whole, once for all
its clips, and removed afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.read import AudioInfo, probe_audio, read_audio
from earmark.audio.write import write_audio
from earmark.core.errors import AudioError, ConfigError, DataError, MissingExtraError, StoreError
from earmark.core.progress import SILENT, track
from earmark.data.paths import moved
from earmark.data.storage_client import is_address
from earmark.data.storage_faults import StorageError
from earmark.inference.fetched import fetched
from earmark.inference.segments.names import NOISE, UNSURE, Names, clip_stem, folder_names
from earmark.inference.segments.sheet import Segment, write_sheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from earmark.core.progress import Progress
    from earmark.inference.events import Event
    from earmark.inference.segments.choose import Detection

MOST_S = 600.0  # of a clip, which is held in memory
_NARROW = ("PCM_16", "PCM_U8", "PCM_S8", "ULAW", "ALAW")


@dataclass(frozen=True, kw_only=True)
class CutOptions:
    """How clips are cut.

    Attributes:
        padding_s: Sound before and after each detection.
        length_s: Length of every clip, with the detection in its middle; None: as long as the detection.
        longest_s: A longer clip is cut down to its middle; merged detections may last for hours.
        audio_dir: Where recordings are if they are not where the detections say.

    Raises:
        ConfigError: A number is out of range, or both lengths are asked for.
    """

    padding_s: float = 0.0
    length_s: float | None = None
    longest_s: float = 60.0
    audio_dir: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.padding_s < float("inf"):
            raise ConfigError(f"padding: found {self.padding_s}, expected seconds from 0 up")
        for name, value in (("length", self.length_s), ("longest", self.longest_s)):
            if value is not None and not 0 < value <= MOST_S:
                raise ConfigError(f"{name}: found {value}, expected more than 0 and at most {MOST_S:.0f} seconds")
        if self.length_s is not None and self.padding_s:
            raise ConfigError("found padding and length; give one of the two, as length says how long a clip is in all")


@dataclass(frozen=True)
class Lost:
    """Clips that could not be cut, and why."""

    recording: str
    n_clips: int
    reason: str


@dataclass(frozen=True)
class Cut:
    """What came of cutting: clips in the order of labels and choice, and what is missing."""

    segments: tuple[Segment, ...]
    lost: tuple[Lost, ...]


def cut_segments(
    chosen: Mapping[str, Sequence[Detection]],
    folder: Path,
    options: CutOptions,
    bases: Mapping[str, Path] | None = None,
    progress: Progress = SILENT,
) -> Cut:
    """Write a clip for each detection, and `segments.csv` beside their folders.

    Args:
        chosen: Detections by label.
        folder: Where to write: a new or an empty folder.
        options: How to cut.
        bases: A folder for recordings that are named relative to it, such as the one that the detections lie in.
        progress: Receives the steps.

    Raises:
        StoreError: The folder holds something, or cannot be written.
    """
    _refuse_full(folder)
    order, plan = _plan(chosen)
    done: dict[str, Segment] = {}
    lost: list[Lost] = []
    for recording in track(plan, "cutting clips", len(plan), progress):
        for outcome in _cut_wherever(recording, plan[recording], folder, options, (bases or {}).get(recording)):
            if isinstance(outcome, Segment):
                done[outcome.clip] = outcome
            else:
                lost.append(outcome)
    segments = tuple(done[clip] for clip in order if clip in done)
    _make_folders(folder)
    write_sheet(folder, segments)
    return Cut(segments, tuple(lost))


def find_recording(recording: str, base: Path | None, audio_dir: Path | None) -> Path | None:
    """Return where a recording is: as it is named, below `base`, or by the end of its path in `audio_dir`."""
    named = Path(recording)
    places = [named, *([base / named] if base is not None else [])]
    if audio_dir is not None:  # what a person says comes first
        places = [*([] if named.is_absolute() else [audio_dir / named]), moved(named, audio_dir), *places]
    return next((place for place in places if place.is_file()), None)


def _not_there(recording: str, audio_dir: Path | None) -> str:
    where = f", and not in {audio_dir}" if audio_dir is not None else ""
    return f"{recording}: is not there{where}; name the folder that it is in with --audio-dir"


def _refuse_full(folder: Path) -> None:
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise StoreError(
                f"{folder}: is there already, and nothing is overwritten; name a new folder, or remove this one"
            )
    except OSError as error:
        raise StoreError(f"{folder}: cannot be looked into ({error.strerror or error})") from error


def _make_folders(folder: Path) -> None:
    try:
        for name in (NOISE, UNSURE):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror or error})") from error


def _plan(chosen: Mapping[str, Sequence[Detection]]) -> tuple[list[str], dict[str, list[tuple[str, Detection]]]]:
    """Return the clips in the order of choice, and for each recording its clips by time.

    No two clips share a name, in whatever folders they are.
    """
    folders, names = folder_names(chosen), Names()
    order: list[str] = []
    plan: dict[str, list[tuple[str, Detection]]] = {}
    for label, detections in chosen.items():
        for found in detections:
            event = found.event
            stem = clip_stem(event.probability, found.recording, (event.start_s, event.end_s), label)
            order.append(f"{folders[label]}/{names.take(stem, '.wav')}")
            plan.setdefault(found.recording, []).append((order[-1], found))
    by_time = {name: sorted(plan[name], key=lambda item: (item[1].event.start_s, item[0])) for name in sorted(plan)}
    return order, by_time


def _cut_wherever(
    recording: str, clips: Sequence[tuple[str, Detection]], folder: Path, options: CutOptions, base: Path | None
) -> Iterator[Segment | Lost]:
    """Cut clips of a recording, which is fetched where it lies in storage and not on this machine."""
    path = find_recording(recording, base, options.audio_dir)
    if path is not None:
        yield from _cut_recording(path, clips, folder, options)
        return
    if not is_address(recording):
        yield Lost(recording, len(clips), _not_there(recording, options.audio_dir))
        return
    n_cut = 0
    try:
        with fetched(recording) as path:
            for outcome in _cut_recording(path, clips, folder, options):
                n_cut += 1
                yield outcome
    except (DataError, MissingExtraError, StorageError) as error:
        yield Lost(recording, len(clips) - n_cut, str(error))


def _cut_recording(
    path: Path, clips: Sequence[tuple[str, Detection]], folder: Path, options: CutOptions
) -> Iterator[Segment | Lost]:
    recording = clips[0][1].recording
    try:
        info = probe_audio(path)
    except AudioError as error:
        yield Lost(recording, len(clips), str(error))
        return
    for clip, found in clips:
        try:
            times_s = _cut_one(info, folder / clip, found.event, options)
        except AudioError as error:
            yield Lost(recording, 1, str(error))
            continue
        event = found.event
        yield Segment(
            *(clip, event.label, "", event.label, event.probability, recording),
            times_s=(event.start_s, event.end_s),
            clip_times_s=times_s,
        )


def _cut_one(info: AudioInfo, path: Path, event: Event, options: CutOptions) -> tuple[float, float]:
    if event.start_s >= info.duration_s:
        raise AudioError(
            f"{info.path}: is {info.duration_s:.3f} s long, but a detection begins at {event.start_s:g} s; check that "
            "it is the recording that was analysed"
        )
    start_s, end_s = clip_span(event, info.duration_s, options)
    if not end_s > start_s:
        raise AudioError(
            f"{info.path}: the detection at {event.start_s:g} s has no length; give one with --length or --padding"
        )
    sound = read_audio(info.path, start_s=start_s, duration_s=round(end_s - start_s, 6))
    peak = float(np.abs(sound.samples).max())
    subtype = "FLOAT" if peak > 1 else "PCM_16" if info.format.endswith(_NARROW) else "PCM_24"
    write_audio(path, sound, subtype=subtype)
    return start_s, end_s


def clip_span(event: Event, duration_s: float, options: CutOptions) -> tuple[float, float]:
    """Return where a clip begins and ends, inside the recording.

    Example:
        >>> from earmark.inference.events import Event
        >>> clip_span(Event(1.0, 4.0, "dog", 0.9), 60.0, CutOptions(length_s=6.0))
        (0.0, 6.0)
    """
    end_s = min(event.end_s, duration_s)
    length_s = end_s - event.start_s + 2 * options.padding_s if options.length_s is None else options.length_s
    if options.length_s is None and length_s <= options.longest_s:
        start_s = max(0.0, event.start_s - options.padding_s)
        return round(start_s, 6), round(min(duration_s, end_s + options.padding_s), 6)
    length_s = min(length_s, options.longest_s if options.length_s is None else length_s, duration_s)
    start_s = min(max(0.0, (event.start_s + end_s - length_s) / 2), duration_s - length_s)
    return round(start_s, 6), round(start_s + length_s, 6)
