"""Files of other programs, edited ones, and what is no file of events at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import ConfigError, DataError
from earmark.inference.events import Event, FileEvents
from earmark.inference.formats import FORMATS, event_files, read_events, recognise
from tests.inference.formats.conftest import write

if TYPE_CHECKING:
    from pathlib import Path

BIRDNET = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tCommon Name\tSpecies Code\t"
    "Confidence\tBegin Path\tFile Offset (s)\n"
    "1\tSpectrogram 1\t1\t0.0\t3.0\t0\t15000\tEurasian Blackbird\teurbla\t0.8123\t/data/rec1.wav\t0.0\n"
    "2\tSpectrogram 1\t1\t60.0\t63.0\t0\t15000\tnocall\tnocall\t1.0\t/data/rec2.wav\t0.0\n"
    "3\tSpectrogram 1\t1\t120.0\t123.0\t0\t15000\tEuropean Robin\teurrob1\t0.4411\t/data/rec3.wav\t6.0\n"
)


def one(path: str, *events: Event) -> FileEvents:
    return FileEvents(path, 0.0, 0, 0, events)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "raven",
            BIRDNET,
            [
                one("/data/rec1.wav", Event(0.0, 3.0, "Eurasian Blackbird", 0.8123)),
                one("/data/rec3.wav", Event(6.0, 9.0, "European Robin", 0.4411)),
            ],
        ),
        (
            "raven",  # drawn by hand in Raven, saved with both views
            (
                "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\n"
                "1\tWaveform 1\t1\t0.5\t1.5\t0\t8000\tdog\n1\tSpectrogram 1\t1\t0.5\t1.5\t300\t4000\tdog\n"
            ),
            [one("foreign.wav", Event(0.5, 1.5, "dog", 1.0))],
        ),
        (
            "csv",  # BirdNET-Analyzer
            "Start (s),End (s),Scientific name,Common name,Confidence,File\n3.0,6.0,T. m.,Robin,0.81,/a.wav\n",
            [one("/a.wav", Event(3.0, 6.0, "Robin", 0.81))],
        ),
        (
            "csv",  # saved by a spreadsheet, without probabilities
            '\ufefffile;start_s;end_s;label\r\na.wav;1;2.5;"dog; barking"\r\n;;;\r\n',
            [one("a.wav", Event(1.0, 2.5, "dog; barking", 1.0))],
        ),
        (
            "kaleidoscope",  # BirdNET-Analyzer
            "INDIR,FOLDER,IN FILE,OFFSET,DURATION,TOP1MATCH,TOP1DIST\n/data/,site,a.wav,3,3,owl,0.8\n",
            [one("/data/site/a.wav", Event(3.0, 6.0, "owl", 0.8))],
        ),
        (
            "kaleidoscope",  # Kaleidoscope's own clusters on Windows, one of them named by a person
            (
                "INDIR,FOLDER,IN FILE*,CHANNEL,OFFSET,DURATION,TOP1MATCH*,TOP1DIST,MANUAL ID\n"
                "D:\\rec,site\\may,a.wav,0,3,0.5,Cluster.7,0.61,\nD:\\rec,,b.wav,0,1,0.25,Cluster.7,0.2,owl\n"
            ),
            [
                one("D:/rec/site/may/a.wav", Event(3.0, 3.5, "Cluster.7", 1.0)),
                one("D:/rec/b.wav", Event(1.0, 1.25, "owl", 1.0)),
            ],
        ),
        (
            "kaleidoscope",
            "FOLDER,IN FILE,OFFSET,DURATION,TOP1MATCH\nsite,a.wav,3,0.5,owl\n,b.wav,3,0.5,owl\n",
            [one("site/a.wav", Event(3.0, 3.5, "owl", 1.0)), one("b.wav", Event(3.0, 3.5, "owl", 1.0))],
        ),
        (
            "audacity",
            "0.5\t1.5\tdog \\new\r\n\\\t300\t4000\r\n2\t2\tpoint\r\n",
            [one("foreign.wav", Event(0.5, 1.5, "dog \\new", 1.0), Event(2.0, 2.0, "point", 1.0))],
        ),
    ],
)
def test_tables_of_other_programs(name: str, text: str, expected: list[FileEvents], tmp_path: Path) -> None:
    path = tmp_path / "foreign.wav.txt"
    path.write_text(text, encoding="utf-8", newline="")
    assert recognise(path) == name
    assert read_events(path) == expected
    assert read_events(path, name) == expected


def test_content_counts_not_the_name(files: list[FileEvents], tmp_path: Path) -> None:
    write(tmp_path, files, *FORMATS)
    for name in set(FORMATS) - {"audacity"}:
        other = tmp_path / f"{name}.bin"
        (tmp_path / f"detections{FORMATS[name].suffix}").rename(other)
        assert recognise(other) == name


def test_of_a_folder_the_format_that_says_most_is_read(files: list[FileEvents], tmp_path: Path) -> None:
    write(tmp_path, files, *FORMATS)
    (tmp_path / "notes.csv").write_text("plot,weather\n1,rain\n")
    (tmp_path / "other.json").write_text("{}")
    assert event_files(tmp_path) == ("json", [tmp_path / "detections.json"])
    assert event_files(tmp_path, "csv") == ("csv", [tmp_path / "detections.csv"])
    assert read_events(tmp_path) == files


def test_the_parts_of_one_recording_come_together(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / str(number), [FileEvents("a.wav", 9.0, 8000, 1, (Event(number, 5.0, "dog", 0.5),))], "csv")
    (found,) = read_events(tmp_path)
    assert [event.start_s for event in found.events] == [0.0, 1.0]
    assert found.duration_s == 9.0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "holds no detections in a known format"),
        ("a.csv", b"path,label\na.wav,dog\n", "holds no detections in a known format"),
        ("a.wav", b"RIFF\x00\x00", "holds no detections in a known format"),
        (
            "a.csv",
            b"file,start_s,end_s,label\na.wav,x,2,dog\n",
            r'a\.csv:2: column "start_s" holds "x", expected a num',
        ),
        ("a.csv", b"file,start_s,end_s,label\na.wav,1,2,\n", r"a\.csv:2: has no label"),
        ("a.csv", b"file,start_s,end_s,label\na.wav,1,2,dog,5\n", r"a\.csv:2: found 5 cells"),
        ("a.csv", b'file,start_s,end_s,label\na.wav,1,2,"dog\n', r"a\.csv:2: is not a valid table line"),
        ("a.csv", b"file,start_s,end_s,label\ncaf\xe9.wav,1,2,dog\n", "is not UTF-8 text"),
        ("a.csv", b"INDIR,FOLDER,IN FILE,OFFSET,DURATION\n/,x,a.wav,1,2\n", r"a\.csv:2: expected IN FILE, and a label"),
        ("a.json", b'{"format": "earmark events", "files": [', "is not valid JSON"),
        ("a.json", b'{"format": "earmark events", "version": 2}', '"version": 1'),
        ("a.json", b'{"format": "earmark events", "version": 1, "files": [{"file": 1}]}', "not as expected"),
        ("a.txt", b"0.5\t1.5\tdog\n\\\t0\t1\tx\n", r'a\.txt:1: found "x" behind the frequencies'),
        ("a.txt", b"0.5\t1.5\tdog\nnonsense\n", r"a\.txt:2: found 'nonsense'"),
        ("a.txt", b"Begin Time (s)\tEnd Time (s)\n1\t2\n", "no annotation column"),
        ("a.parquet", b"PAR1nonsense", "cannot be read as Parquet"),
    ],
)
def test_what_is_wrong_is_named(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_events(tmp_path / name)


def test_a_parquet_file_of_something_else_is_refused(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"file": ["a.wav"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="has no column start_s, end_s"):
        read_events(tmp_path / "a.parquet")


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read \(No such file"):
        read_events(tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_events(tmp_path / "none.csv", "json")
    with pytest.raises(DataError, match="holds no detections; expected files"):
        read_events(tmp_path)
    with pytest.raises(DataError, match="holds no detections as raven"):
        read_events(tmp_path, "raven")
    with pytest.raises(ConfigError, match=re.escape('"exel" is not known')):
        read_events(tmp_path, "exel")


def test_a_sequence_needs_lengths(tmp_path: Path) -> None:
    bare = [one("a.wav", Event(0.0, 1.0, "dog", 0.5)), one("b.wav", Event(0.0, 1.0, "dog", 0.5))]
    with pytest.raises(DataError, match=r"a\.wav: its length is not known, so a Raven table cannot tell where b\.wav"):
        write(tmp_path, bare, "raven")
    write(tmp_path, bare, "raven", per_file=True)
    assert len(read_events(tmp_path)) == 2
