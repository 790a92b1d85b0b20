from __future__ import annotations

import json
import sys
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import ConfigError, DataError, MissingExtraError, StoreError
from earmark.inference.events import Event, FileEvents
from earmark.inference.formats import FORMATS, open_writers, read_events
from earmark.inference.formats.writing import below_root
from tests.inference.formats.conftest import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE = FileEvents("a.wav", 5.0, 8000, 1, (Event(0.0, 1.0, "dog", 0.5),))


def test_several_formats_at_once_under_their_names(files: list[FileEvents], tmp_path: Path) -> None:
    write(tmp_path, files, *FORMATS, "csv")
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        "detections.csv",
        "detections.json",
        "detections.kaleidoscope.csv",
        "detections.parquet",
        "detections.raven.txt",
        "audacity/rec/one, two.wav.audacity.txt",
        "audacity/rec/empty.wav.audacity.txt",
        "audacity/rec/nächt.flac.audacity.txt",
    }


def test_a_failed_run_leaves_the_old_file_and_no_new_one(tmp_path: Path) -> None:
    (tmp_path / "detections.csv").write_text("old")

    def stopped() -> Iterator[FileEvents]:
        yield ONE
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, stopped(), "csv", "json", "parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["detections.csv"]
    assert (tmp_path / "detections.csv").read_text() == "old"


def test_json_also_says_what_was_asked(files: list[FileEvents], tmp_path: Path) -> None:
    write(tmp_path, files, "json")
    text = (tmp_path / "detections.json").read_text(encoding="utf-8")
    document = json.loads(text)
    assert document["about"] == {"model": "m"}
    assert document["files"][1] == {
        "file": "rec/empty.wav",
        "duration_s": 10.0,
        "rate_hz": 48000,
        "n_channels": 1,
        "events": [],
    }
    assert [line[:18] for line in text.splitlines()[1:4]] == [
        '{"file": "rec/one,',
        '{"file": "rec/empt',
        '{"file": "rec/näch',
    ]


def test_what_is_said_must_be_json(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be JSON"), open_writers(tmp_path, ["json"], about={"x": object()}):
        pass


@pytest.mark.parametrize(
    "event",
    [
        Event(0.0, 1.0, " ", 0.5),
        Event(2.0, 1.0, "dog", 0.5),
        Event(-1.0, 1.0, "dog", 0.5),
        Event(0.0, float("inf"), "dog", 0.5),
        Event(0.0, 1.0, "dog", float("nan")),
        Event(0.0, 1.0, "d\0g", 0.5),
    ],
)
def test_what_no_format_can_hold_is_refused(event: Event, tmp_path: Path) -> None:
    file = FileEvents("a.wav", 5.0, 8000, 1, (event,))
    with pytest.raises(DataError, match=r"a\.wav: cannot write"), open_writers(tmp_path, ["csv"]) as writer:
        writer.add(file)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match='"ravn" is not known; did you mean "raven"'),
        open_writers(tmp_path, ["ravn"]),
    ):
        pass


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match=r"detections\.csv: cannot be written"),
        open_writers(tmp_path / "file", ["csv"]),
    ):
        pass


def test_a_full_disk_is_blamed_on_the_right_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from earmark.inference.formats.csv_table import CsvSheet

    def full(sheet: CsvSheet, file: FileEvents) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CsvSheet, "add", full)
    with (
        pytest.raises(StoreError, match=r"detections\.csv: cannot be written \(No space left"),
        open_writers(tmp_path, ["csv", "json"]) as writer,
    ):
        writer.add(ONE)
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with (
        pytest.raises(MissingExtraError, match=r"pip install .*'earmark\[parquet\]'"),
        open_writers(tmp_path, ["parquet"]),
    ):
        pass


def test_parquet_is_written_in_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from earmark.inference.formats import parquet

    reader = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(parquet, "GROUP_ROWS", 3)
    many = FileEvents("a.wav", 99.0, 8000, 1, tuple(Event(float(n), n + 1.0, "dog", 0.5) for n in range(7)))
    write(tmp_path, [many, ONE], "parquet")
    with reader.ParquetFile(tmp_path / "detections.parquet") as file:
        assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [3, 3, 2]


@pytest.mark.parametrize("name", ["csv", "json", "raven", "kaleidoscope"])
def test_memory_does_not_grow_with_the_number_of_events(name: str, tmp_path: Path) -> None:
    events = tuple(Event(float(n), n + 1.0, "dog", 0.5) for n in range(300))

    def peak_bytes(n_files: int) -> int:
        tracemalloc.start()
        write(tmp_path, (FileEvents(f"{n}.wav", 399.0, 8000, 1, events) for n in range(n_files)), name)
        peak: int = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(1)  # what is made once
    assert peak_bytes(30) < 2 * peak_bytes(3)


def test_mirrored_folders_begin_at_what_was_asked_for(tmp_path: Path) -> None:
    site, other = tmp_path / "data" / "site", tmp_path / "elsewhere" / "site"
    for folder in (site, other):
        (folder / "may").mkdir(parents=True)
    out = tmp_path / "out"
    paths = [str(site / "may" / "a.wav"), str(other / "may" / "a.wav"), str(other / "may" / "b.wav")]
    with open_writers(out, ["csv"], per_file=True, inputs=[site, other]) as writer:
        for path in paths:
            writer.add(FileEvents(path, 5.0, 8000, 1, ONE.events))
    whole = below_root(paths[1], [])
    names = {path.relative_to(out).as_posix() for path in out.rglob("*.csv")}
    assert names == {"site/may/a.wav.csv", f"{whole}.csv", "site/may/b.wav.csv"}
    assert {file.path for file in read_events(out)} == set(paths)


def test_two_recordings_never_share_a_file(tmp_path: Path) -> None:
    write(
        tmp_path, [FileEvents(path, 5.0, 8000, 1, ONE.events) for path in ("x/a.wav", "/x/a.wav")], "csv", per_file=True
    )
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.csv")} == {
        "x/a.wav.csv",
        "x/a.wav-2.csv",
    }


def test_what_killed_runs_left_is_removed_and_another_run_is_left_alone(
    files: list[FileEvents], tmp_path: Path
) -> None:
    folders = [tmp_path, tmp_path / "audacity" / "rec"]
    for folder in folders:
        (folder / ".writing-killed").mkdir(parents=True)
        (folder / ".writing-killed" / "detections.csv").write_text("half")
    with open_writers(tmp_path, ["csv"]) as first:
        assert [path.name for path in tmp_path.glob(".writing-*")] != [".writing-killed"]
        with open_writers(tmp_path, ["json", "audacity"], inputs=[]) as second:
            for file in files:
                first.add(file)
                second.add(file)
    assert not any(list(folder.glob(".writing-*")) for folder in folders)
    assert (tmp_path / "detections.csv").is_file()
    assert (tmp_path / "detections.json").is_file()
