from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core import processes
from earmark.core.errors import AudioError, BundleError, ConfigError, ModelError
from earmark.distortion.check import (
    Answer,
    AudioFile,
    Checked,
    Journal,
    Run,
    Unreadable,
    check,
    find_audio,
    model_seal,
)
from earmark.distortion.check import (
    catalogue as catalogue_module,
)
from earmark.distortion.check.analyst import Analyst
from earmark.distortion.check.workers import Alone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.distortion.check.conftest import Diary

NO_FILES: list[AudioFile | Unreadable] = []


def run_all(folder: Path, run: Run) -> list[Checked]:
    files = list(find_audio([folder]))
    return list(check(files, len(files), run))


def values(outcomes: list[Checked]) -> list[tuple[str, Any, str]]:
    return [(str(each.path), each.report, each.error) for each in outcomes]


@pytest.fixture(scope="module")
def alone(catalogue: Path, small_bundle: Path) -> list[Checked]:
    return run_all(catalogue, Run(small_bundle))


def test_faults_are_found_in_the_order_of_the_files(alone: list[Checked]) -> None:
    assert [each.path.name for each in alone] == [
        "song0.wav",
        "song1.wav",
        "torn.wav",
        "clipped0.wav",
        "clipped1.wav",
        "phone0.wav",
        "phone1.wav",
    ]
    worst = {each.path.name: each.report["distortion_type"] for each in alone if each.report}
    assert worst["clipped0.wav"] == "clipping"
    assert worst["phone1.wav"] == "frequency"
    torn = alone[2]
    assert torn.report is None
    assert "torn.wav" in torn.error
    assert not any(each.kept for each in alone)


def test_processes_give_the_same_answers_in_the_same_order(
    catalogue: Path, small_bundle: Path, alone: list[Checked], diary: Diary
) -> None:
    together = run_all(catalogue, Run(small_bundle, workers=2, progress=diary))
    assert values(together) == values(alone)
    assert (diary.stages, diary.n_steps) == ([("Checking", 7)], 7)
    assert diary.notes[-1].endswith(" x real time")


def test_what_the_journal_holds_is_not_analysed_again(
    catalogue: Path, small_bundle: Path, alone: list[Checked], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "check.jsonl"
    with Journal(path, model_seal(small_bundle)) as journal:
        begun = check(find_audio([catalogue]), 7, Run(small_bundle, journal=journal))
        first = [next(begun) for _ in range(2)]
        begun.close()
    asked: list[str] = []
    analyse = Analyst.__call__

    def note_and_analyse(analyst: Analyst, file: AudioFile) -> Answer:
        asked.append(file.path.name)
        return analyse(analyst, file)

    monkeypatch.setattr(Analyst, "__call__", note_and_analyse)
    with Journal(path, model_seal(small_bundle)) as journal:
        again = run_all(catalogue, Run(small_bundle, journal=journal))
    assert [each.kept for each in again] == [True, True, False, False, False, False, False]
    assert asked[:2] == ["torn.wav", "clipped0.wav"]
    assert values(again) == values(alone)
    assert values(first) == values(alone)[:2]
    asked.clear()
    with Journal(path, model_seal(small_bundle)) as journal:
        assert values(run_all(catalogue, Run(small_bundle, journal=journal))) == values(alone)
    assert asked == ["torn.wav"]  # what failed is tried again


def test_a_part_of_a_file_has_an_answer_of_its_own(catalogue: Path, small_bundle: Path, tmp_path: Path) -> None:
    (file,) = find_audio([catalogue / "song0.wav"])
    assert isinstance(file, AudioFile)
    with Journal(tmp_path / "check.jsonl", "s") as journal:
        part = replace(file, start_s=0.5, duration_s=1.0)
        whole, half = check([file, part], 2, Run(small_bundle, journal=journal))
    assert whole.report is not None
    assert half.report is not None
    assert (whole.report["duration_s"], half.report["duration_s"]) == (2.0, 1.0)
    assert half.part == (0.5, 1.0)


class Slowpoke:
    """A crew in which the first file takes longest, and that notes how many files it holds."""

    def __init__(self, _model: object, _n_workers: int) -> None:
        self.held: dict[int, AudioFile] = {}
        self.most = 0

    def __enter__(self) -> Slowpoke:
        return self

    def __exit__(self, *_: object) -> None:
        self.held.clear()

    @property
    def has_room(self) -> bool:
        return len(self.held) < 3

    def give(self, number: int, file: AudioFile) -> None:
        self.held[number] = file

    def collect(self) -> list[tuple[int, Answer]]:
        number = max(self.held)
        return [(number, Answer({"duration_s": 1.0, "name": self.held.pop(number).path.name}))]


def test_a_slow_file_delays_what_is_told_but_not_without_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "Processes", Slowpoke)
    monkeypatch.setattr(catalogue_module, "MAX_WAITING", 5)
    taken: list[int] = []

    def files() -> Iterator[AudioFile | Unreadable]:
        for number in range(40):
            taken.append(number)
            yield Unreadable(Path(f"{number}"), "gone") if number % 7 == 3 else AudioFile(Path(f"{number}"), 1, 1)

    told = []
    for outcome in check(files(), 40, Run("any", workers=3)):
        told.append(outcome.path.name)
        assert taken[-1] - int(outcome.path.name) <= 5
    assert told == [str(number) for number in range(40)]


def test_no_files_give_no_answers(small_bundle: Path) -> None:
    assert list(check(NO_FILES, 0, Run(small_bundle, workers=4))) == []
    assert Alone(Analyst(small_bundle)).collect() == []


def test_fewer_than_one_worker_and_an_unknown_model_are_refused(catalogue: Path) -> None:
    with pytest.raises(ConfigError, match="found workers=0, expected 1 or more"):
        run_all(catalogue, Run("any", workers=0))
    with pytest.raises(BundleError):
        model_seal("no-such-model")
    with pytest.raises(ModelError, match=r"a worker process cannot load the model: .*no-such-model"):
        run_all(catalogue, Run("no-such-model", workers=2))


def test_the_seal_changes_with_the_model(small_bundle: Path, tmp_path: Path) -> None:
    from tests.distortion.conftest import write_bundle

    names = ("model.onnx", "seconds.onnx")
    write_bundle(tmp_path / "other", {name: (small_bundle / name).read_bytes() for name in names}, summary="another")
    assert model_seal(small_bundle) == model_seal(str(small_bundle))
    assert model_seal(small_bundle) != model_seal(tmp_path / "other")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (AudioError("a.wav: is torn"), "a.wav: is torn"),
        (MemoryError(), r"song0.wav: needs more memory than there is"),
        (ZeroDivisionError("division by zero"), "song0.wav: ZeroDivisionError: division by zero; please report this"),
    ],
)
def test_whatever_a_file_does_is_an_answer(
    catalogue: Path, small_bundle: Path, error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    (file,) = find_audio([catalogue / "song0.wav"])
    assert isinstance(file, AudioFile)
    analyst = Analyst(small_bundle)
    monkeypatch.setattr("earmark.distortion.validator.AudioDistortionValidator.analyze_stream", fail)
    answer = analyst(file)
    assert answer.report is None
    assert message in answer.error


def test_a_file_that_kills_its_process_is_named_and_the_others_go_on(
    catalogue: Path, small_bundle: Path, alone: list[Checked], monkeypatch: pytest.MonkeyPatch
) -> None:
    give = processes._Worker.give

    def give_or_kill(worker: processes._Worker[AudioFile, Answer], number: int, file: AudioFile) -> None:
        if file.path.name == "song1.wav" and worker.process.pid:
            os.kill(worker.process.pid, signal.SIGKILL)
            worker.process.join()
        give(worker, number, file)

    monkeypatch.setattr(processes._Worker, "give", give_or_kill)
    outcomes = run_all(catalogue, Run(small_bundle, workers=2))
    assert "song1.wav: the process that read it died (killed by SIGKILL)" in outcomes[1].error
    del outcomes[1]
    assert values(outcomes) == [each for each in values(alone) if not each[0].endswith("song1.wav")]
