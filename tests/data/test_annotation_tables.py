from __future__ import annotations

from pathlib import Path

import pytest

from earmark.core.errors import DataError
from earmark.data.annotation_tables import FileAnnotation, parse_audacity, parse_raven, table_kind

TABLE = Path("t.txt")
HEAD = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"


def raven(*lines: str, head: str = HEAD + "\tAnnotation", label: str | None = None) -> list[FileAnnotation]:
    return parse_raven(TABLE, "\n".join([head, *lines]) + "\n", label)


def test_a_selection_saved_for_two_views_counts_once() -> None:
    found = raven(
        "1\tWaveform 1\t1\t0.5\t1.5\t0\t8000\tdog",
        "1\tSpectrogram 1\t1\t0.5\t1.5\t300\t4000\tdog",
        "2\tSpectrogram 1\t1\t2.0\t2.25\t300\t4000\tcat",
    )
    assert [(f.annotation.label, f.annotation.start_s, f.annotation.end_s) for f in found] == [
        ("dog", 0.5, 1.5),
        ("cat", 2.0, 2.25),
    ]
    assert (found[1].annotation.low_hz, found[1].annotation.high_hz, found[1].annotation.where) == (
        300,
        4000,
        "t.txt:4",
    )


def test_times_count_from_the_start_of_the_file() -> None:
    head = HEAD + "\tBegin File\tEnd File\tFile Offset (s)\tSpecies"
    first, second = raven(
        "1\tS 1\t1\t100.0\t101.0\t0\t1\ta.wav\ta.wav\t40.0\towl",
        "2\tS 1\t1\t119.5\t121.0\t0\t1\ta.wav\tb.wav\t59.5\towl",
        head=head,
    )
    assert (first.file, first.annotation.start_s, first.annotation.end_s, first.next_file) == ("a.wav", 40.0, 41.0, "")
    assert (second.annotation.start_s, second.annotation.end_s, second.next_file) == (59.5, 61.0, "b.wav")


def test_a_length_may_stand_for_the_end() -> None:
    (found,) = raven("1\t2.0\t0.5\tdog", head="Selection\tBegin Time (s)\tDelta Time (s)\tAnnotation")
    assert found.annotation.end_s == 2.5


@pytest.mark.parametrize(
    ("lines", "head", "label", "message"),
    [
        (
            ["1\tS\t1\t0\t1\t0\t1\t"],
            HEAD + "\tAnnotation",
            None,
            r't\.txt:2: label is missing \(column "Annotation" is',
        ),
        (["1\tS\t1\t0\t\t0\t1\tdog"], HEAD + "\tAnnotation", None, r't\.txt:2: "Begin Time \(s\)" or'),
        (["1\tS\t1\tx\t1\t0\t1\tdog"], HEAD + "\tAnnotation", None, 'holds "x", expected seconds'),
        (["1\tS\t1\t3\t1\t0\t1\tdog"], HEAD + "\tAnnotation", None, "annotation from 3.0 s to 1.0 s"),
        ([], HEAD + "\tSpeces", "Species", 'no annotation column "Species"; .*did you mean "Speces"'),
        ([], HEAD, None, 'no annotation column "Annotation"; name the column'),
        (
            ["1\tS\t1\t0\t1\t0\t1\ta.wav\tdog", "2\tS\t1\t70\t71\t0\t1\tb.wav\tdog"],
            HEAD + "\tBegin File\tAnnotation",
            None,
            r'selections in 2 files, but no column "File Offset \(s\)"',
        ),
    ],
)
def test_a_damaged_raven_table_says_where(lines: list[str], head: str, label: str | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        raven(*lines, head=head, label=label)


def test_audacity_labels_with_and_without_frequencies() -> None:
    text = "0.5\t1.5\tdog\n\\\t300.0\t4000.0\n\n2.0\t2.0\ttick tock\n\\\t-1.0\t6334.5\n3\t4\tcat\n"
    found = [item.annotation for item in parse_audacity(TABLE, text)]
    assert [(a.label, a.start_s, a.end_s) for a in found] == [
        ("dog", 0.5, 1.5),
        ("tick tock", 2.0, 2.0),
        ("cat", 3.0, 4.0),
    ]
    assert [(a.low_hz, a.high_hz) for a in found] == [(300.0, 4000.0), (None, 6334.5), (None, None)]
    assert found[1].where == "t.txt:4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5\t1.5\tdog\n0,5\t1\tdog\n", r"t\.txt:2: found '0,5\\t1\\tdog', expected start, end and label with tabs"),
        ("0.5\n", r"t\.txt:1: found '0\.5'"),
        ("0.5\t1.5\t \n", r"t\.txt:1: label is missing"),
        ("0.5\t1.5\n", r"t\.txt:1: label is missing"),
        ("\\\t1\t2\n", r"t\.txt:1: a frequency line without a label above it"),
        ("0.5\t1.5\tdog\n\\\t1\n", r"t\.txt:2: frequency line needs a low and a high"),
    ],
)
def test_a_damaged_label_track_says_where(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_audacity(TABLE, text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (HEAD + "\n", "raven"),
        ("\n0.0\t1.0\tdog\n", "audacity"),
        ("This is a readme.\n", None),
        ("a\tb\tc\n", None),
        ("", None),
    ],
)
def test_the_kind_of_a_table_shows_in_its_first_line(text: str, kind: str | None) -> None:
    assert table_kind(text) == kind


def test_an_ellipsis_of_windows_read_as_latin_1_breaks_no_line() -> None:
    (found,) = parse_audacity(Path("k.txt"), "1.0\t2.0\tdog\x85bark\r\n")
    assert found.annotation.label == "dog\x85bark"
