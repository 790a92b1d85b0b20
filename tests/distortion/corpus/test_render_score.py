from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest

from earmark.core.errors import DataError
from earmark.distortion.corpus.render_score import Events, Note, arrange, drum_song, read_score


def score(*measures: str, divisions: int = 2, transpose: str = "") -> bytes:
    first = f"<attributes><divisions>{divisions}</divisions>{transpose}</attributes>"
    bars = "".join(
        f"<measure>{first if index == 0 else ''}{content}</measure>" for index, content in enumerate(measures)
    )
    return f"<score-partwise><part id='P1'>{bars}</part></score-partwise>".encode()


def note(step: str, octave: int, duration: int, more: str = "", alter: str = "") -> str:
    pitch = f"<pitch><step>{step}</step>{alter}<octave>{octave}</octave></pitch>"
    return f"<note>{more}{pitch}<duration>{duration}</duration></note>"


REST = "<note><rest/><duration>2</duration></note>"


def events_of(midi: bytes) -> list[tuple[int, bytes]]:
    """Return absolute ticks and three-byte messages of a MIDI file of type 0, reading it independently."""
    assert midi[:4] == b"MThd"
    assert struct.unpack(">HHH", midi[8:14]) == (0, 1, 480)
    (size,) = struct.unpack(">I", midi[18:22])
    body = midi[22:]
    assert len(body) == size
    found, place, now = [], 0, 0
    while place < size:
        delta = 0
        while True:
            byte = body[place]
            place += 1
            delta = (delta << 7) | (byte & 0x7F)
            if byte < 0x80:
                break
        now += delta
        length = {0xC: 2, 0xF: 3 + body[place + 2]}.get(body[place] >> 4, 3)
        found.append((now, body[place : place + length]))
        place += length
    return found


def test_notes_rests_chords_and_voices_fall_where_they_are_written() -> None:
    music = note("C", 4, 2) + REST + note("E", 4, 4) + note("G", 4, 4, "<chord/>")
    second = "<backup><duration>8</duration></backup><forward><duration>2</duration></forward>" + note("F", 3, 2)
    assert read_score(score(music + second), "x") == [
        Note(0, 0.0, 1.0, 60),
        Note(0, 1.0, 1.0, 53),
        Note(0, 2.0, 2.0, 64),
        Note(0, 2.0, 2.0, 67),
    ]


def test_alterations_and_transposing_instruments_sound_as_they_should() -> None:
    transpose = "<transpose><chromatic>-2</chromatic></transpose>"
    found = read_score(score(note("B", 4, 2, alter="<alter>-1</alter>"), transpose=transpose), "clarinet")
    assert [item.key for item in found] == [68]


def test_tied_notes_become_one_and_repeated_ones_stay_two() -> None:
    tied = note("C", 4, 2, "<tie type='start'/>") + note("C", 4, 2, "<tie type='stop'/><tie type='start'/>")
    found = read_score(score(tied, note("C", 4, 2, "<tie type='stop'/>") + note("C", 4, 2)), "x")
    assert found == [Note(0, 0.0, 3.0, 60), Note(0, 3.0, 1.0, 60)]


def test_grace_notes_drums_without_pitch_odd_numbers_and_extreme_pitches_are_left_out() -> None:
    odd = "<note><grace/><pitch><step>C</step><octave>4</octave></pitch></note>"
    odd += "<note><unpitched/><duration>2</duration></note>" + note("C", 99, 2) + note("H", 4, 2)
    odd += "<note><pitch><step>D</step><octave>4</octave></pitch><duration>long</duration></note>"
    assert read_score(score(odd + note("C", 4, 2)), "x") == [Note(0, 3.0, 1.0, 60)]


def test_a_compressed_score_is_unpacked() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("song.xml", score(note("A", 4, 2)))
    assert read_score(packed.getvalue(), "x.mxl") == [Note(0, 0.0, 1.0, 69)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no MusicXML score"),
        (b"<score", "is no MusicXML score"),
        (b"PK\x03\x04 torn", "is no MusicXML score"),
        (b"<score-partwise/>", "found no notes"),
        (b"<!DOCTYPE a [<!ENTITY a 'aa'>]><score-partwise>&a;</score-partwise>", "entities"),
    ],
)
def test_what_is_no_score_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_score(content, "x")


def test_an_archive_without_a_score_or_with_a_giant_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
    with pytest.raises(DataError, match="no score inside"):
        read_score(packed.getvalue(), "x")
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("song.xml", score(note("A", 4, 2)))
    monkeypatch.setattr("earmark.distortion.corpus.render_score.MOST_SCORE_BYTES", 10)
    with pytest.raises(DataError, match="bytes inside"):
        read_score(packed.getvalue(), "x")


def test_an_arrangement_holds_every_note_once_and_is_the_same_for_a_seed() -> None:
    notes = [Note(part, float(beat), 1.0, 60 + part) for part in range(3) for beat in range(8)]
    midi = arrange(notes, np.random.default_rng(3), most_s=60)
    assert midi == arrange(notes, np.random.default_rng(3), most_s=60)
    assert midi != arrange(notes, np.random.default_rng(4), most_s=60)
    events = events_of(midi)
    for part in range(3):
        keys = [message[1] for _, message in events if message[0] == 0x90 | part]
        assert keys == [60 + part] * 8
    assert sum(message[0] >> 4 == 0xC for _, message in events) == 3
    assert events[-1][1] == b"\xff\x2f\x00"


def test_an_arrangement_ends_where_asked_and_drops_parts_beyond_sixteen_channels() -> None:
    notes = [Note(part, float(beat), 1.0, 60) for part in (0, 20) for beat in range(400)]
    events = events_of(arrange(notes, np.random.default_rng(0), most_s=10))
    last_quarter = max(tick for tick, message in events if message[0] == 0x90) / 480
    assert 10 < last_quarter < 25
    assert {message[0] & 0xF for _, message in events if message[0] >> 4 == 9} <= {0, 9}


def test_some_arrangements_have_drums() -> None:
    notes = [Note(0, float(beat), 1.0, 60) for beat in range(16)]
    with_drums = [
        any(message[0] == 0x99 for _, message in events_of(arrange(notes, np.random.default_rng(seed), most_s=60)))
        for seed in range(20)
    ]
    assert 2 <= sum(with_drums) <= 14


def test_a_drum_song_fills_its_time_on_the_first_channel() -> None:
    events = events_of(drum_song(np.random.default_rng(1), most_s=20))
    tempo = next(message for _, message in events if message[:2] == b"\xff\x51")
    quarter_s = int.from_bytes(tempo[3:6], "big") / 1e6
    last_s = max(tick for tick, message in events if message[0] == 0x90) / 480 * quarter_s
    assert 14 < last_s <= 20
    assert not any(message[0] & 0xF for _, message in events if message[0] < 0xF0)


def test_long_silences_are_written_with_deltas_of_several_bytes() -> None:
    events = Events(1.0)
    events.note(0, 1000.0, 1.0, 60, 90)
    assert [tick for tick, message in events_of(events.file()) if message[0] == 0x90] == [480_000]
