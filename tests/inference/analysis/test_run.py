from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import ConfigError
from earmark.core.settings import settings
from earmark.inference.analysis import Hearing, Journal, Listener, Run, analyse, find_recordings, journal_path
from earmark.inference.analysis import run as run_module
from earmark.inference.events import Merging

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.inference.analysis import Analysed
    from tests.inference.analysis.conftest import AnalyseAll, Record


def values(outcomes: list[Analysed]) -> list[tuple[str, Any, str]]:
    return [(each.recording.name, each.file, each.error) for each in outcomes]


@pytest.fixture
def folder(record: Record) -> Path:
    """Return a folder of a long recording of each kind, short ones, and some that are none."""
    for name, duration_s in (
        ("b.wav", 61.0),
        ("a.flac", 40.1),
        ("c.ogg", 33.3),
        ("d/short.wav", 1.0),
        ("d/tiny.wav", 0.2),
    ):
        path = record(name, duration_s=duration_s, n_channels=2 if name == "a.flac" else 1)
    (path.parent / "torn.wav").write_bytes(b"RIFF")
    return path.parent.parent


class Diary:
    def __init__(self) -> None:
        self.stages: list[tuple[str, int]] = []
        self.n_steps = 0
        self.notes: list[str] = []

    def start(self, label: str, total: int) -> None:
        self.stages.append((label, total))

    def advance(self, n_steps: int = 1) -> None:
        self.n_steps += n_steps

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_events_come_in_the_order_of_the_recordings(folder: Path, hearing: Hearing, analyse_all: AnalyseAll) -> None:
    diary = Diary()
    outcomes = analyse_all(hearing, folder, progress=diary)
    assert [each.recording.name.removeprefix(f"{folder}/") for each in outcomes] == [
        *("a.flac", "b.wav", "c.ogg", "d/short.wav", "d/tiny.wav", "d/torn.wav"),
    ]
    first = outcomes[0].file
    assert first is not None
    assert (first.duration_s, first.rate_hz, first.n_channels) == (40.1, 8000, 2)
    assert {event.label for event in first.events} <= {"loud", "quiet"}
    assert first.events[0].start_s == 0
    assert outcomes[0].new_s == pytest.approx(40.1)
    assert outcomes[-1].file is None
    assert "torn.wav" in outcomes[-1].error
    assert diary.stages == [("Analysing, MB", 2)]
    assert diary.n_steps == 1  # whole megabytes
    assert diary.notes[-1].endswith(" x real time")


def test_workers_and_small_blocks_change_nothing(
    folder: Path, hearing: Hearing, analyse_all: AnalyseAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = analyse_all(hearing, folder)
    monkeypatch.setattr(run_module, "SMALL_BYTES", 0)
    assert values(analyse_all(hearing, folder)) == values(alone)
    assert values(analyse_all(hearing, folder, workers=2)) == values(alone)
    assert values(analyse_all(replace(hearing, block_s=1000.0), folder, workers=3)) == values(alone)


@pytest.mark.parametrize("divided", [True, False])
def test_what_the_journal_holds_is_not_heard_again(
    folder: Path,
    hearing: Hearing,
    analyse_all: AnalyseAll,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    divided: bool,
) -> None:
    if divided:
        monkeypatch.setattr(run_module, "SMALL_BYTES", 0)
    whole = values(analyse_all(hearing, folder))
    path, seal = tmp_path / "analyze.jsonl", Listener(hearing).plan.seal
    with Journal(path, seal) as journal:
        assert values(analyse_all(hearing, folder, journal=journal)) == whole
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) > 15
    for n_kept in (1, 2, 5, len(lines) - 1, len(lines)):
        half_a_line = lines[n_kept][:30] if n_kept < len(lines) else b""
        path.write_bytes(b"".join(lines[:n_kept]) + half_a_line)
        with Journal(path, seal) as journal:
            again = analyse_all(hearing, folder, journal=journal)
        assert values(again) == whole
        heard_s = sum(each.new_s for each in again)
        known_s = sum(json.loads(line)["part"]["sound_s"] for line in lines[1:n_kept])
        assert heard_s + known_s == pytest.approx(sum(each[1].duration_s for each in whole if each[1]))
    with Journal(path, seal, resume=False) as journal:
        assert sum(each.new_s for each in analyse_all(hearing, folder, journal=journal)) > 100


def test_blocks_that_are_missing_in_the_middle_are_heard(
    record: Record, hearing: Hearing, analyse_all: AnalyseAll, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "SMALL_BYTES", 0)
    path, seal = record(), Listener(hearing).plan.seal
    with Journal(tmp_path / "a.jsonl", seal) as journal:
        whole = values(analyse_all(hearing, path, journal=journal))
    lines = (tmp_path / "a.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines[:3] + lines[4:]))
    with Journal(tmp_path / "a.jsonl", seal) as journal:
        again = analyse_all(hearing, path, journal=journal)
    assert values(again) == whole
    assert again[0].new_s < 10


def test_a_changed_recording_is_heard_anew(
    record: Record, hearing: Hearing, analyse_all: AnalyseAll, tmp_path: Path
) -> None:
    path, seal = record(seed=8), Listener(hearing).plan.seal
    for seed in (8, 9):
        record(seed=seed)
        with Journal(tmp_path / "a.jsonl", seal) as journal:
            assert analyse_all(hearing, path, journal=journal)[0].new_s == pytest.approx(50.3)


def test_silence_is_told(tmp_path: Path, hearing: Hearing, analyse_all: AnalyseAll) -> None:
    import numpy as np
    import soundfile

    soundfile.write(tmp_path / "still.wav", np.zeros(40_000, dtype=np.float32), 8000)
    (outcome,) = analyse_all(hearing, tmp_path / "still.wav")
    assert outcome.is_silent
    assert outcome.file is not None
    assert not outcome.file.events


def test_merging_is_decided_after_hearing(record: Record, hearing: Hearing, analyse_all: AnalyseAll) -> None:
    path = record()
    each = analyse_all(hearing, path, merging=Merging(most=1))[0].file
    merged = analyse_all(hearing, path)[0].file
    assert each is not None
    assert merged is not None
    assert len(each.events) > len(merged.events)
    assert max(event.probability for event in each.events) == max(event.probability for event in merged.events)


def test_a_recording_in_storage_is_fetched_for_as_long_as_it_is_needed(
    folder: Path, hearing: Hearing, analyse_all: AnalyseAll
) -> None:
    pytest.importorskip("fsspec")
    here = [each.file.events for each in analyse_all(hearing, folder) if each.file]
    names = [f"file://{folder}"]
    outcomes = list(analyse(find_recordings(names), Listener(hearing), hearing, Run(workers=2), 1))
    assert [each.file.events for each in outcomes if each.file] == here
    assert outcomes[0].file is not None
    assert outcomes[0].file.path == f"file://{folder}/a.flac"
    assert "torn.wav" in outcomes[-1].error
    assert not list((settings().cache_dir / "analyze").glob("fetched-*"))


def test_an_object_that_went_away_is_named(folder: Path, hearing: Hearing) -> None:
    pytest.importorskip("fsspec")
    recordings = list(find_recordings([f"file://{folder}/a.flac"]))
    shutil.rmtree(folder)
    (outcome,) = analyse(recordings, Listener(hearing), hearing, Run(), 1)
    assert f"file://{folder}/a.flac" in outcome.error


def test_fewer_than_one_worker_is_refused(folder: Path, hearing: Hearing, analyse_all: AnalyseAll) -> None:
    with pytest.raises(ConfigError, match="found workers=0, expected 1 or more"):
        analyse_all(hearing, folder, workers=0)


def test_journals_lie_in_the_cache_by_what_is_analysed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    found = journal_path(None, [str(tmp_path / "a")], tmp_path)
    assert found.parent == tmp_path / "analyze"
    assert found != journal_path(None, [str(tmp_path / "a"), "gs://bucket/b"], tmp_path)
    assert found == journal_path(None, [str(tmp_path / "a" / "x.wav")], tmp_path)
    assert journal_path(tmp_path / "kept", [], tmp_path) == tmp_path / "kept" / "analyze.jsonl"
