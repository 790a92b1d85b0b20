"""Notes into MIDI: MusicXML scores with instruments drawn for them, and drum patterns."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from earmark.core.errors import DataError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    import numpy as np

TICKS_PER_QUARTER = 480
DRUM_CHANNEL = 9
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
MOST_SCORE_BYTES = 64 * 2**20

# Programs (General MIDI, from 0) that go together; parts draw from one row.
ENSEMBLES: tuple[tuple[int, ...], ...] = (
    (0, 0, 1, 2),  # pianos
    (4, 5, 11, 32, 33),  # electric pianos, vibraphone, basses
    (6, 6, 7, 8),  # harpsichord, clavinet, celesta
    (16, 17, 18, 19, 20),  # organs
    (24, 25, 26, 27, 32, 34),  # guitars and basses
    (28, 29, 30, 33, 34, 35),  # loud guitars
    (40, 41, 42, 43, 45, 46),  # strings, plucked strings, harp
    (48, 49, 50, 51, 44),  # string ensembles
    (52, 53, 54, 19, 48),  # choir
    (56, 57, 58, 59, 60, 61),  # brass
    (64, 65, 66, 67, 71),  # saxophones, clarinet
    (68, 69, 70, 71, 73, 60),  # wind quintet
    (72, 73, 74, 75, 77, 79),  # flutes
    (80, 81, 82, 84, 87, 38, 39),  # synth leads and basses
    (88, 89, 90, 91, 94, 95),  # pads
    (9, 10, 11, 12, 13, 14),  # mallets and bells
    (104, 105, 106, 107, 108, 114),  # sitar to steel drums
)
# Sixteen steps to a bar: key, velocity at each step where it sounds.
BEATS: tuple[dict[int, tuple[int, ...]], ...] = (
    {36: (0, 8), 38: (4, 12), 42: (0, 2, 4, 6, 8, 10, 12, 14)},
    {36: (0, 7, 10), 38: (4, 12), 42: tuple(range(0, 16, 2)), 46: (14,)},
    {36: (0, 4, 8, 12), 39: (4, 12), 46: (2, 6, 10, 14)},
    {36: (0, 10), 40: (8,), 44: (4, 12), 51: (0, 4, 6, 8, 12, 14)},
    {41: (0, 6, 12), 45: (3, 10), 48: (4, 14), 70: tuple(range(16))},
    {36: (0, 3, 8, 11), 37: (4, 10, 13), 56: (0, 4, 8, 12), 42: tuple(range(0, 16, 2))},
    {35: (0, 2, 8, 9), 38: (4, 7, 12, 15), 42: tuple(range(16)), 49: (0,)},
)


PLACES = (-45, 45, -20, 20, 0, -60, 60, 10, -10, 30, -30, 5, -5, 15, -15)


@dataclass(frozen=True)
class Note:
    """A note: times in quarters from the beginning, MIDI key."""

    part: int
    start: float
    duration: float
    key: int


def read_score(content: bytes, name: str) -> list[Note]:
    """Return the notes of a MusicXML score, plain or compressed, at sounding pitch; grace notes are left out.

    Raises:
        DataError: It is not a partwise MusicXML score, or has no note.
    """
    from xml.etree import ElementTree

    try:
        if content[:4] == b"PK\x03\x04":
            content = _unzipped(content)
        if b"<!ENTITY" in content[:4096]:
            raise DataError(f"{name}: found entities, which no score needs; refusing to expand them")
        root = ElementTree.fromstring(content)  # noqa: S314  # entities are refused above
    except (ElementTree.ParseError, zipfile.BadZipFile, KeyError, StopIteration) as error:
        raise DataError(f"{name}: is no MusicXML score ({str(error) or 'no score inside'}); leave it out") from error
    notes = [note for index, part in enumerate(root.findall("part")) for note in _part_notes(part, index)]
    if not notes:
        raise DataError(f"{name}: found no notes in <part>, expected a partwise MusicXML score; leave it out")
    return sorted(notes, key=lambda note: (note.start, note.part, note.key))


def _unzipped(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entry = next(
            item
            for item in archive.infolist()
            if item.filename.endswith((".xml", ".musicxml")) and not item.filename.startswith("META-INF")
        )
        if entry.file_size > MOST_SCORE_BYTES:
            raise zipfile.BadZipFile(f"{entry.file_size} bytes inside")
        return archive.read(entry)


def _part_notes(part: Element, index: int) -> list[Note]:
    notes: list[Note] = []
    open_ties: dict[int, int] = {}
    now = onset = 0.0
    divisions, transpose = 1.0, 0
    for measure in part.findall("measure"):
        for item in measure:
            length = _number(item.findtext("duration"), 0.0) / divisions
            if item.tag == "attributes":
                divisions = max(_number(item.findtext("divisions"), divisions), 1e-6)
                transpose = int(_number(item.findtext("transpose/chromatic"), transpose))
            elif item.tag == "backup":
                now -= length
            elif item.tag == "forward":
                now += length
            elif item.tag == "note" and length > 0:
                if item.find("chord") is None:
                    onset, now = now, now + length
                _add(notes, open_ties, item, Note(index, onset, length, transpose))
    return notes


def _add(notes: list[Note], open_ties: dict[int, int], item: Element, note: Note) -> None:
    """Append a note whose key is still only the transposition, or lengthen the one that it is tied to."""
    step = item.findtext("pitch/step")
    if step not in STEPS:
        return
    octave, alter = _number(item.findtext("pitch/octave"), 4), _number(item.findtext("pitch/alter"), 0)
    key = int(12 * (octave + 1) + STEPS[step] + alter + note.key)
    if not 0 <= key < 128:
        return
    ties = {tie.get("type") for tie in item.findall("tie")}
    if "stop" in ties and key in open_ties:
        place = open_ties[key]
        notes[place] = replace(notes[place], duration=note.start + note.duration - notes[place].start)
    else:
        notes.append(replace(note, key=key))
        place = len(notes) - 1
    if "start" in ties:
        open_ties[key] = place
    else:
        open_ties.pop(key, None)


def _number(text: str | None, otherwise: float) -> float:
    try:
        return float(text) if text else otherwise
    except ValueError:
        return otherwise


def arrange(notes: list[Note], rng: np.random.Generator, *, most_s: float) -> bytes:
    """Return a MIDI file of a score: instruments, places, tempo, dynamics and perhaps drums are drawn."""
    quarters_per_s = float(rng.uniform(1.1, 2.4))
    events = Events(quarters_per_s)
    n_parts = max(note.part for note in notes) + 1
    ensemble = rng.permutation(ENSEMBLES[int(rng.integers(len(ENSEMBLES)))])
    channels = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    pans = 64 + rng.uniform(0.2, 0.9) * rng.permutation(
        [-45, 45, -20, 20, 0, -60, 60, 10, -10, 30, -30, 5, -5, 15, -15]
    )
    for part in range(min(n_parts, len(channels))):
        events.place(channels[part], int(ensemble[part % len(ensemble)]), int(pans[part]), int(rng.integers(75, 115)))
    last = 0.0
    for note in notes:
        if note.part >= len(channels) or note.start > most_s * quarters_per_s:
            continue
        velocity = int(bounded(80 + 14 * float(rng.standard_normal()), 35, 120))
        late = abs(float(rng.normal(0, 0.012)))
        events.note(channels[note.part], note.start + late, 0.95 * note.duration, note.key, velocity)
        last = max(last, note.start)
    if rng.random() < 0.35:
        add_beat(events, rng, n_bars=int(last / 4) + 1)
    return events.file()


def drum_song(rng: np.random.Generator, *, most_s: float) -> bytes:
    """Return a MIDI file of drums alone on the first channel: a beat drawn every eight bars, with fills.

    The first channel, for soundfonts that have no other instrument than a drum kit.
    """
    events = Events(float(rng.uniform(1.3, 2.6)))
    events.place(0, 0, 64, 110)
    n_bars = int(most_s * events.quarters_per_s / 4)
    for first in range(0, n_bars, 8):
        add_beat(events, rng, n_bars=min(8, n_bars - first), first_bar=first, channel=0)
    return events.file()


def add_beat(
    events: Events, rng: np.random.Generator, *, n_bars: int, first_bar: int = 0, channel: int = DRUM_CHANNEL
) -> None:
    """Add bars of one drawn beat; every fourth ends in a fill."""
    beat = BEATS[int(rng.integers(len(BEATS)))]
    for bar in range(first_bar, first_bar + n_bars):
        for key, steps in beat.items():
            for step in steps:
                if key == 49 and bar % 4:
                    continue
                velocity = int(bounded((100 if step % 4 == 0 else 78) + 9 * float(rng.standard_normal()), 25, 127))
                events.note(channel, 4 * bar + step / 4 + abs(float(rng.normal(0, 0.008))), 0.2, key, velocity)
        if bar % 4 == 3:
            for step in range(12, 16):
                events.note(channel, 4 * bar + step / 4, 0.2, int(rng.choice([41, 43, 45, 47, 48, 50])), 95)


def bounded(value: float, low: float, high: float) -> float:
    """Return a number within bounds."""
    return min(max(value, low), high)


class Events:
    """MIDI events that are being gathered, times in quarters."""

    def __init__(self, quarters_per_s: float) -> None:
        self.quarters_per_s = quarters_per_s
        # time, order at one time (settings, ends, beginnings), bytes
        self._events: list[tuple[int, int, bytes]] = []

    def place(self, channel: int, program: int, pan: int, volume: int) -> None:
        """Set instrument, place between left (0) and right (127), and volume of a channel."""
        self._events += [
            (0, 0, bytes([0xC0 | channel, program])),
            (0, 0, bytes([0xB0 | channel, 10, min(max(pan, 0), 127)])),
            (0, 0, bytes([0xB0 | channel, 7, volume])),
        ]

    def note(self, channel: int, start: float, duration: float, key: int, velocity: int) -> None:
        """Add a note."""
        begin = round(max(start, 0.0) * TICKS_PER_QUARTER)
        end = begin + max(1, round(duration * TICKS_PER_QUARTER))
        self._events.append((begin, 2, bytes([0x90 | channel, key, velocity])))
        self._events.append((end, 1, bytes([0x80 | channel, key, 0])))

    def file(self) -> bytes:
        """Return everything as a MIDI file of type 0."""
        tempo = struct.pack(">I", round(1e6 / self.quarters_per_s))[1:]
        track = bytearray(b"\x00\xff\x51\x03" + tempo)
        now = 0
        for time, _, message in sorted(self._events):
            track += _variable(time - now) + message
            now = time
        track += b"\x00\xff\x2f\x00"
        header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS_PER_QUARTER)
        return header + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)


def _variable(value: int) -> bytes:
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(0x80 | (value & 0x7F))
    return bytes(reversed(parts))
