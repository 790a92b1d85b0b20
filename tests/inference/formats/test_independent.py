"""Every format opened by a reader that is not earmark's, and by earmark's readers of training annotations."""

from __future__ import annotations

import csv
import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from earmark.data import LoadOptions, load_dataset
from earmark.inference.events import Event, FileEvents
from earmark.inference.formats import open_writers
from tests.inference.formats.conftest import write

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = (Event(0.5, 3.5, "Käuzchen", 0.875), Event(1.25, 2.0, "dog, barking", 0.25))


@pytest.fixture
def recordings(tmp_path: Path) -> list[FileEvents]:
    """Return two recordings of five seconds that are really there, and a silent one between them."""
    files = []
    for name, events in (("one.wav", EVENTS[:1]), ("two.wav", ()), ("three.flac", EVENTS)):
        path = tmp_path / "night 1" / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.zeros(5 * 8000), 8000)
        files.append(FileEvents(str(path), 5.0, 8000, 1, events))
    return files


def table(path: Path, dialect: str) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, dialect=dialect))


def test_the_csv_module_reads_csv(recordings: list[FileEvents], tmp_path: Path) -> None:
    rows = table(write(tmp_path, recordings, "csv") / "detections.csv", "excel")
    assert [(row["file"], float(row["start_s"]), float(row["end_s"]), row["label"]) for row in rows] == [
        (file.path, event.start_s, event.end_s, event.label) for file in recordings for event in file.events
    ]
    assert rows[0]["probability"] == "0.875"
    assert (rows[0]["file_duration_s"], rows[0]["rate_hz"], rows[0]["n_channels"]) == ("5.0", "8000", "1")


def test_the_csv_module_reads_a_raven_table_of_a_sequence(recordings: list[FileEvents], tmp_path: Path) -> None:
    rows = table(write(tmp_path, recordings, "raven") / "detections.raven.txt", "excel-tab")
    assert list(rows[0].items()) == [
        ("Selection", "1"),
        ("View", "Spectrogram 1"),
        ("Channel", "1"),
        ("Begin Time (s)", "0.5"),
        ("End Time (s)", "3.5"),
        ("Low Freq (Hz)", "0.0"),
        ("High Freq (Hz)", "4000.0"),
        ("Annotation", "Käuzchen"),
        ("Confidence", "0.875"),
        ("Begin Path", recordings[0].path),
        ("Begin File", "one.wav"),
        ("File Offset (s)", "0.5"),
    ]
    # ten seconds of two other recordings come before the third
    times = [(row["Selection"], row["Begin Time (s)"], row["End Time (s)"], row["File Offset (s)"]) for row in rows[1:]]
    assert times == [("2", "10.5", "13.5", "0.5"), ("3", "11.25", "12.0", "1.25")]
    assert all(None not in row and None not in row.values() for row in rows)


def test_the_csv_module_reads_kaleidoscope(recordings: list[FileEvents], tmp_path: Path) -> None:
    rows = table(write(tmp_path, recordings, "kaleidoscope") / "detections.kaleidoscope.csv", "excel")
    assert list(rows[2].items()) == [
        ("INDIR", str(tmp_path)),
        ("FOLDER", "night 1"),
        ("IN FILE", "three.flac"),
        ("OFFSET", "1.25"),
        ("DURATION", "0.75"),
        ("TOP1MATCH", "dog, barking"),
        ("TOP1DIST", "0.25"),
        ("MANUAL ID", ""),
    ]


def test_the_json_module_reads_json(recordings: list[FileEvents], tmp_path: Path) -> None:
    document = json.loads((write(tmp_path, recordings, "json") / "detections.json").read_bytes())
    assert [len(file["events"]) for file in document["files"]] == [1, 0, 2]
    assert document["files"][2]["events"][1] == {
        "start_s": 1.25,
        "end_s": 2.0,
        "label": "dog, barking",
        "probability": 0.25,
    }


def test_pyarrow_reads_parquet(recordings: list[FileEvents], tmp_path: Path) -> None:
    reader = pytest.importorskip("pyarrow.parquet")
    found = reader.read_table(write(tmp_path, recordings, "parquet") / "detections.parquet")
    assert [str(field.type) for field in found.schema] == [
        *("string", "double", "double", "string", "double", "double", "int32", "int32")
    ]
    assert found.column("label").to_pylist() == ["Käuzchen", "Käuzchen", "dog, barking"]
    assert found.column("probability").to_pylist() == [0.875, 0.875, 0.25]


def boxes(name: str, path: Path) -> list[tuple[float, float, float, float, str]]:
    crowsetta: Any = pytest.importorskip("crowsetta")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # crowsetta 5.1 calls pandas as pandas 4 will not allow
        found = crowsetta.formats.by_name(name).from_file(path).to_bbox()
    return [
        (float(box.onset), float(box.offset), float(box.low_freq), float(box.high_freq), box.label) for box in found
    ]


def test_crowsetta_reads_raven(recordings: list[FileEvents], tmp_path: Path) -> None:
    path = write(tmp_path, recordings, "raven") / "detections.raven.txt"
    assert boxes("raven", path) == [
        (0.5, 3.5, 0.0, 4000.0, "Käuzchen"),
        (10.5, 13.5, 0.0, 4000.0, "Käuzchen"),
        (11.25, 12.0, 0.0, 4000.0, "dog, barking"),
    ]


def test_crowsetta_reads_audacity(recordings: list[FileEvents], tmp_path: Path) -> None:
    write(tmp_path, recordings, "audacity", per_file=True)
    (path,) = tmp_path.rglob("three.flac.audacity.txt")
    assert boxes("aud-bbox", path) == [
        (0.5, 3.5, 0.0, 4000.0, "Käuzchen"),
        (1.25, 2.0, 0.0, 4000.0, "dog, barking"),
    ]


def test_a_raven_table_is_a_training_set(recordings: list[FileEvents], tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path / "out", recordings, "raven") / "detections.raven.txt")
    assert [(clip.path.name, clip.start_s, clip.duration_s, clip.labels) for clip in dataset.clips] == [
        ("one.wav", 0.5, 3.0, ("Käuzchen",)),
        ("three.flac", 0.5, 3.0, ("Käuzchen", "dog, barking")),
        ("three.flac", 1.25, 0.75, ("Käuzchen", "dog, barking")),
    ]
    assert len(set(dataset.groups)) == 2


def test_label_tracks_are_a_training_set(recordings: list[FileEvents], tmp_path: Path) -> None:
    folder = tmp_path / "night 1"
    with open_writers(tmp_path, ["audacity"], per_file=True, inputs=[folder]) as writer:
        for file in recordings[:2]:
            writer.add(file)
    dataset = load_dataset(folder, LoadOptions(window_s=1.0, keep_negatives=True))
    assert [(clip.path.name, clip.start_s, clip.labels) for clip in dataset.clips] == [
        *[("one.wav", start_s, ("Käuzchen",)) for start_s in (0.0, 1.0, 2.0, 3.0)],
        ("one.wav", 4.0, ()),
        *[("two.wav", float(start_s), ()) for start_s in range(5)],  # listened to, and nothing heard
    ]


def test_csv_is_a_training_set(recordings: list[FileEvents], tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path / "out", recordings[:2], "csv") / "detections.csv")
    (clip,) = dataset.clips
    assert (clip.path.name, clip.start_s, clip.duration_s, clip.labels) == ("one.wav", 0.5, 3.0, ("Käuzchen",))
