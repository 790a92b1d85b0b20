"""What is written in any format is read back the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest

from earmark.inference.events import Event, FileEvents
from earmark.inference.formats import FORMATS, read_events, recognise
from tests.inference.formats.conftest import as_held, write

SPICE = st.sampled_from(
    [",", "\t", "\n", "\r", '"', "\\", ";", "'", "\\t", "\\u0041", " ", "é", "語", "\x85", "\u2028"]
)
TEXTS = st.lists(SPICE | st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=8).map("".join)
LABELS = TEXTS.map(str.strip).filter(bool)
SECONDS = st.integers(0, 10**12).map(lambda micro_s: micro_s / 10**6)
# hidden files are passed over in folders; an escaped byte reads as that byte
NAMES = TEXTS.filter(lambda text: text[0] != "." and "\\ud" not in text and len(text.encode()) < 60)


@st.composite
def events(draw: st.DrawFn) -> Event:
    start_s, end_s = sorted((draw(SECONDS), draw(SECONDS)))
    return Event(start_s, end_s, draw(LABELS), draw(st.integers(0, 10**6)) / 10**6)


@st.composite
def recordings(draw: st.DrawFn) -> list[FileEvents]:
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    return [
        FileEvents(
            f"recordings/{name}.wav",
            draw(st.integers(1, 10**8)) / 100,
            draw(st.sampled_from([8000, 44100, 256000])),
            draw(st.integers(1, 2)),
            tuple(draw(st.lists(events(), max_size=4))),
        )
        for name in names
    ]


@pytest.mark.parametrize("name", FORMATS)
@hypothesis.settings(max_examples=40)
@hypothesis.given(recordings())
def test_any_format_gives_back_what_it_was_given(name: str, files: list[FileEvents]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = write(Path(temporary), files, name)
        if name != "audacity":
            assert read_events(folder / f"detections{FORMATS[name].suffix}") == as_held(files, name)
            assert recognise(folder / f"detections{FORMATS[name].suffix}") == name
        elif files:  # in the order of their names: a label track does not know its turn
            assert read_events(folder) == sorted(as_held(files, name), key=lambda file: Path(f"{file.path}.audacity"))


@pytest.mark.parametrize("name", FORMATS)
def test_files_apart_give_back_the_same(name: str, files: list[FileEvents], tmp_path: Path) -> None:
    write(tmp_path, files, name, per_file=True)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {f"{file.path}{FORMATS[name].suffix}" for file in files}
    found = {file.path: file for file in read_events(tmp_path)}
    assert found == {file.path: file for file in as_held(files, name)}


@pytest.mark.parametrize("name", FORMATS)
def test_equal_events_make_equal_bytes(name: str, files: list[FileEvents], tmp_path: Path) -> None:
    contents = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        write(folder, files, name)
        contents.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert contents[0] == contents[1]
    assert contents[0]


def test_numbers_are_the_same_in_every_format(tmp_path: Path) -> None:
    odd = FileEvents("a.wav", 1 / 3, 44100, 1, (Event(1 / 30, 0.1 + 0.2, " dog ", 2 / 3), Event(0, 0, "x", 1e-7)))
    write(tmp_path, [odd], *FORMATS)
    found = {name: read_events(tmp_path, name)[0].events for name in FORMATS}
    assert set(found.values()) == {(Event(0.033333, 0.3, "dog", 0.666667), Event(0.0, 0.0, "x", 0.0))}
    assert read_events(tmp_path)[0].duration_s == 0.333333


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_heard_at_all_is_no_error(name: str, tmp_path: Path) -> None:
    silent = FileEvents("a.wav", 5.0, 8000, 1, ())
    write(tmp_path / "none", [], name)
    write(tmp_path / "silent", [silent], name)
    assert read_events(tmp_path / "silent") == as_held([silent], name)
    if name != "audacity":
        assert read_events(tmp_path / "none") == []


@pytest.mark.parametrize("name", ["json", "csv", "raven", "kaleidoscope", "parquet"])
def test_a_name_that_is_not_utf8_comes_back(name: str, tmp_path: Path) -> None:
    strange = FileEvents("/data/caf\udce9.wav", 5.0, 8000, 1, (Event(0.0, 1.0, "dog", 0.5),))
    write(tmp_path, [strange], name)
    assert [file.path for file in read_events(tmp_path)] == ["/data/caf\udce9.wav"]


@pytest.mark.parametrize("path", ["/a.wav", "/x/a.wav", "gs://bucket/a.wav", "gs://bucket/x/y/a.wav", "/x y/z\\a.wav"])
@pytest.mark.parametrize("name", ["raven", "kaleidoscope"])
def test_places_come_back(path: str, name: str, tmp_path: Path) -> None:
    write(tmp_path, [FileEvents(path, 5.0, 8000, 1, (Event(0.0, 1.0, "dog", 0.5),))], name)
    assert [file.path for file in read_events(tmp_path)] == [path]
