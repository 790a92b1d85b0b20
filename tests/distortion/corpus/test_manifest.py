"""A corpus on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform, write_audio
from earmark.core.errors import DataError
from earmark.data.loading import load_dataset
from earmark.distortion.corpus.manifest import CorpusRow, by_type, read_rows, targets_of, write_clips
from earmark.distortion.severity import KINDS

if TYPE_CHECKING:
    from pathlib import Path


def row_of(name: str, *present: str, traces: tuple[str, ...] = (), unasked: tuple[str, ...] = ()) -> CorpusRow:
    presence: dict[str, float | None] = dict.fromkeys(KINDS, 0.0)
    severity: dict[str, float | None] = dict.fromkeys(KINDS, 0.0)
    presence |= dict.fromkeys(present, 1.0) | dict.fromkeys([*traces, *unasked])
    severity |= dict.fromkeys(present, 0.5) | dict.fromkeys(traces, 0.1) | dict.fromkeys(unasked)
    return CorpusRow(
        id=name,
        split="train",
        part="partial" if present else "clean",
        source="made",
        track=f"song of {name}",
        kind="recorded",
        lossless=True,
        start_s=1.5,
        duration_s=10.0,
        rate_hz=44_100,
        n_channels=2,
        variant="",
        span=(2.5, 7.25) if present else None,
        effects=tuple(present),
        presence=presence,
        severity=severity,
        steps=tuple({"kind": kind, "parameters": {"snr_db": 10}} for kind in present),
    )


ROWS = [row_of("b", "noise", "phase"), row_of("a"), row_of("c", unasked=("phase",)), row_of("d", traces=("noise",))]


def write(folder: Path, *lines: str) -> None:
    (folder / "rows.jsonl").write_text("".join(lines), encoding="utf-8")


def test_rows_come_back_as_they_were_in_the_order_of_names(tmp_path: Path) -> None:
    write(tmp_path, *(row.line() for row in ROWS))
    assert read_rows(tmp_path) == sorted(ROWS, key=lambda row: row.id)
    assert ROWS[0].line() == read_rows(tmp_path)[1].line()
    assert ROWS[0].file == "audio/train/b.flac"


def test_a_torn_last_line_is_left_out_and_the_last_of_a_name_counts(tmp_path: Path) -> None:
    again = replace(ROWS[1], variant="loud")
    write(tmp_path, ROWS[1].line(), ROWS[0].line(), again.line(), ROWS[2].line()[:-30])
    assert read_rows(tmp_path) == [again, ROWS[0]]


def test_an_empty_corpus_has_no_rows(tmp_path: Path) -> None:
    write(tmp_path)
    assert read_rows(tmp_path) == []
    presence, severity = targets_of([])
    assert presence.shape == severity.shape == (0, 5)


@pytest.mark.parametrize(
    "line",
    [
        "{\n",
        "[1]\n",
        "\n",
        "{}\n",
        json.dumps(json.loads(ROWS[0].line()) | {"colour": 1}) + "\n",
        json.dumps({key: value for key, value in json.loads(ROWS[0].line()).items() if key != "steps"}) + "\n",
    ],
)
def test_what_is_no_row_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    write(tmp_path, ROWS[1].line(), line)
    with pytest.raises(DataError, match=r"rows\.jsonl:2: is not a row of a corpus .*build the corpus again"):
        read_rows(tmp_path)


def test_folders_without_a_corpus_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no rows\.jsonl, expected the folder of a corpus"):
        read_rows(tmp_path)
    (tmp_path / "rows.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"rows\.jsonl: is no text .*build the corpus again"):
        read_rows(tmp_path)


def test_targets_are_nan_where_nothing_is_asked_or_known() -> None:
    presence, severity = targets_of(ROWS)
    nan = np.nan
    expected = [[0, 0, 1, 0, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, nan], [0, 0, nan, 0, 0]]
    np.testing.assert_array_equal(presence, np.array(expected, dtype=np.float32))
    expected = [[0, 0, 0.5, 0, 0.5], [0, 0, 0, 0, 0], [0, 0, 0, 0, nan], [0, 0, 0.1, 0, 0]]
    np.testing.assert_array_equal(severity, np.array(expected, dtype=np.float32))
    assert presence.dtype == severity.dtype == np.float32


def test_values_by_type_are_rounded_and_none_for_nan() -> None:
    values = np.array([0, 1, np.nan, 0.123456789, 1e-9], dtype=np.float32)
    found = by_type(values)
    assert found == {"clipping": 0, "compression": 1, "noise": None, "frequency": 0.12346, "phase": 0}
    assert all(value is None or isinstance(value, float) for value in found.values())


def test_clips_are_a_dataset_of_labels_without_traces(tmp_path: Path) -> None:
    for row in ROWS:
        write_audio(tmp_path / row.file, Waveform(np.full((2, 800), 0.1, dtype=np.float32), 8000))
    assert write_clips(tmp_path, ROWS) == 3
    assert (tmp_path / "clips.csv").read_text().splitlines()[:2] == [
        "path,labels,group,fold,source,part,duration_s,rate_hz",
        "audio/train/b.flac,noise;phase,song of b,train,made,partial,10.000,44100",
    ]
    dataset = load_dataset(tmp_path)
    assert dataset.task == "many"
    assert {clip.path.stem: clip.labels for clip in dataset.clips} == {"b": ("noise", "phase"), "a": (), "c": ()}
    assert {clip.group for clip in dataset.clips} == {"song of b", "song of a", "song of c"}
    assert {clip.fold for clip in dataset.clips} == {"train"}
