from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import DataError
from earmark.data.tables import Row, read_table, read_text

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"path,label\na.wav,dog\n",
        b"\xef\xbb\xbfpath,label\r\na.wav,dog\r\n",
        b"path;label\na.wav;dog\n",
        b"path\tlabel\na.wav\tdog\n",
        b"\n path , label \n\na.wav,dog\n\n",
        "path,label\na.wav,dog\n".encode("utf-16"),
        b'"path","label"\n"a.wav","dog"\n',
    ],
)
def test_every_dialect_gives_the_same_row(tmp_path: Path, content: bytes) -> None:
    table = read_table(write(tmp_path / "clips.csv", content))
    assert table.columns == ("path", "label")
    assert [row.text("path") + row.text("label") for row in table.rows] == ["a.wavdog"]


def test_a_quoted_line_break_does_not_shift_the_line_numbers(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "clips.csv", 'path,note\na.wav,"one\ntwo, three"\nb.wav,x\n'))
    assert [row.where for row in table.rows] == ["clips.csv:2", "clips.csv:4"]
    assert table.rows[0].text("note") == "one\ntwo, three"


def test_a_short_line_has_empty_cells_and_a_long_one_is_an_error(tmp_path: Path) -> None:
    assert read_table(write(tmp_path / "a.csv", "path,label\na.wav\n")).rows[0].text("label") == ""
    assert len(read_table(write(tmp_path / "b.csv", "path,label\na.wav,x,,\n")).rows) == 1
    with pytest.raises(DataError, match=r"c\.csv:2: found 3 cells, but the header names 2 columns; put cells that"):
        read_table(write(tmp_path / "c.csv", "path,label\na.wav,x,y\n"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            b"path,label\na.wav,caf\xe9\n",
            r"a\.csv:2: byte 0xe9 is not utf-8 text; save .* or name its encoding",
        ),
        ("a.csv", b"RIFF\x00\x00\x00\x00", "is not a text file"),
        ("a.csv", b"", "is empty, expected a header line"),
        ("a.csv", b'path,label\n"a.wav"x,y\n', r"a\.csv:2: is not a valid table line"),
        ("a.csv", b"path,path\n", r'a\.csv:1: column "path" stands twice'),
        ("a.json", b"{", r"a\.json: is not valid JSON"),
        ("a.json", b'{"clips": 3}', 'object with a list under "clips"'),
        ("a.json", b"[3]", r"a\.json: clip 1: found 3, expected an object"),
        ("a.json", b"[" * 100_000, "nested too deeply|not valid JSON"),
        ("a.jsonl", b'{"path": "a"}\n\nnope\n', r"a\.jsonl:3: is not valid JSON"),
    ],
)
def test_a_damaged_table_says_where_and_why(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(write(tmp_path / name, content))


def test_another_encoding_is_read_when_it_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"path,label\na.wav,caf\xe9\n")
    assert read_table(path, "latin-1").rows[0].text("label") == "café"
    with pytest.raises(DataError, match='unknown encoding "klingon"'):
        read_text(path, "klingon")


def test_a_missing_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read \(No such file"):
        read_table(tmp_path / "none.csv")


def test_json_keeps_its_header_and_lists(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.json", json.dumps({"name": "x", "clips": [{"labels": ["a"]}, {"b": 2}]})))
    assert table.header == {"name": "x"}
    assert table.columns == ("labels", "b")
    assert table.has("b")
    assert not table.has("c")
    with pytest.raises(DataError, match=r'clip 1: column "labels" holds \[\'a\'\], expected one text'):
        table.rows[0].text("labels")


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon"])
def test_seconds_must_be_finite_and_not_negative(text: str) -> None:
    with pytest.raises(DataError, match=rf'x:1: column "start_s" holds "{text}", expected seconds such as'):
        Row("x:1", {"start_s": text}).seconds("start_s")


def test_an_empty_cell_has_no_seconds() -> None:
    assert Row("x:1", {"start_s": " "}).seconds("start_s") is None
    assert Row("x:1", {"start_s": 1.5}).seconds("start_s") == 1.5
    assert Row("x:1", {}).seconds(None) is None
