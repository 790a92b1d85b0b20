"""Many files: in order, the same for any number of workers, and none that takes the others with it."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
import soundfile

from earmark.audio import Waveform, write_audio
from earmark.core.errors import BundleError, ConfigError
from earmark.distortion import AudioDistortionValidator, DistortionReport, batch
from earmark.distortion.batch import analyze_safely

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.distortion.conftest import Make


@pytest.fixture(scope="module")
def validator(small_bundle: Path) -> AudioDistortionValidator:
    return AudioDistortionValidator.load_checkpoint(small_bundle)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, make: Make) -> list[Path]:
    """Music with everything between it that a folder may hold."""
    folder = tmp_path_factory.mktemp("files")
    first, second = make(2, 8000, 1.0), make(1, 44_100, 1.0)
    write_audio(folder / "first.flac", first)
    (folder / "empty.wav").touch()
    (folder / "words.mp3").write_text("these are no sounds")
    soundfile.write(folder / "nan.wav", np.full(9000, np.nan), 8000, subtype="FLOAT")
    (folder / "cut.flac").write_bytes((folder / "first.flac").read_bytes()[:9000])
    soundfile.write(folder / "silent.wav", np.zeros(9000), 8000)
    (folder / "folder.wav").mkdir()
    write_audio(folder / "last.wav", second)
    names = ["first.flac", "empty.wav", "words.mp3", "gone.wav", "nan.wav", "cut.flac", "silent.wav", "folder.wav"]
    return [folder / name for name in [*names, "last.wav"]]


class Steps:
    """A `Progress` that remembers."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def start(self, label: str, total: int) -> None:
        self.told.append((label, total))

    def advance(self, n_steps: int = 1) -> None:
        self.told.append(n_steps)

    def note(self, text: str) -> None:
        self.told.append(text)


def test_every_file_has_its_report_whatever_it_is(validator: AudioDistortionValidator, files: list[Path]) -> None:
    steps = Steps()
    reports = list(validator.analyze_batch(files, progress=steps))
    assert [report.path for report in reports] == [str(path) for path in files]
    told = {Path(str(report.path)).name: report for report in reports}
    wrong = {name for name, report in told.items() if report.error}
    assert wrong == {"empty.wav", "words.mp3", "gone.wav", "nan.wav", "cut.flac", "folder.wav"}
    assert all(name in str(told[name].error) for name in wrong)
    assert "NaN" in str(told["nan.wav"].error)
    assert all(told[name] == DistortionReport(path=told[name].path, error=told[name].error) for name in wrong)
    assert told["silent.wav"].has_distortion is None
    assert told["first.flac"].has_distortion is not None
    assert steps.told == [("Checking files", len(files)), *[1] * len(files)]


def test_any_number_of_workers_gives_the_same(validator: AudioDistortionValidator, files: list[Path]) -> None:
    assert list(validator.analyze_batch(files, workers=2)) == list(validator.analyze_batch(files))


def test_paths_are_taken_one_by_one(validator: AudioDistortionValidator, files: list[Path]) -> None:
    taken: list[int] = []

    def endless() -> Iterator[Path]:
        while True:
            taken.append(1)
            yield files[0]

    reports = validator.analyze_batch(endless())
    assert next(reports) == next(reports)
    assert len(taken) == 2


class _Killer:
    """A path that ends the process that it is sent to."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (9,)

    def __str__(self) -> str:
        return "killer.wav"


def test_a_file_that_kills_its_worker_takes_no_other_with_it(
    validator: AudioDistortionValidator, files: list[Path]
) -> None:
    killer = cast("Path", _Killer())
    reports = list(validator.analyze_batch([files[0], killer, files[-1], *[files[0]] * 9], workers=2))
    assert [report.path for report in reports] == [str(files[0]), "killer.wav", str(files[-1]), *[str(files[0])] * 9]
    assert "killer.wav: the process that read it was killed, for lack of memory" in str(reports[1].error)
    assert [report.error for report in reports if report is not reports[1]] == [None] * 11


def test_files_that_come_after_a_worker_was_killed_are_read(
    validator: AudioDistortionValidator, files: list[Path]
) -> None:
    def paths() -> Iterator[Path]:
        yield cast("Path", _Killer())
        while not multiprocessing.active_children():
            time.sleep(0.01)
        while multiprocessing.active_children():
            time.sleep(0.01)
        yield from [files[0]] * 2

    killed, *read = validator.analyze_batch(paths(), workers=2)
    assert "was killed" in str(killed.error)
    assert [report.error for report in read] == [None, None]


def test_a_bundle_that_went_away_is_no_fault_of_the_files(
    small_bundle: Path, files: list[Path], tmp_path: Path
) -> None:
    shutil.copytree(small_bundle, tmp_path / "bundle")
    validator = AudioDistortionValidator.load_checkpoint(tmp_path / "bundle")
    shutil.rmtree(tmp_path / "bundle")
    with pytest.raises(BundleError, match="neither a bundle folder nor a shipped model"):
        list(validator.analyze_batch(files[:1], workers=2))


def test_a_worker_reads_files_with_the_validator_that_it_was_started_with(
    validator: AudioDistortionValidator, files: list[Path]
) -> None:
    batch._start_worker(pickle.dumps(validator))
    assert batch._analyze(files[0]) == validator.analyze(files[0])
    batch._start_worker(pickle.dumps(_Gone()))
    with pytest.raises(BundleError, match="gone"):
        batch._analyze(files[0])


class _Gone:
    """What cannot be loaded again."""

    def __reduce__(self) -> tuple[object, ...]:
        return _gone, ()


def _gone() -> None:
    raise BundleError("gone")


def test_a_run_that_is_broken_off_leaves_no_process(validator: AudioDistortionValidator, files: list[Path]) -> None:
    reports = validator.analyze_batch([files[0]] * 20, workers=2)
    next(reports)
    reports.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


def test_an_error_that_nobody_thought_of_ends_nothing() -> None:
    class Odd:
        def analyze(self, path: Path) -> DistortionReport:
            raise FloatingPointError(f"overflow in {path.name}")

    report = analyze_safely(cast("AudioDistortionValidator", Odd()), Path("odd.wav"))
    assert report.error == "odd.wav: FloatingPointError: overflow in odd.wav; please report this file"


def test_no_worker_is_refused_at_once(validator: AudioDistortionValidator) -> None:
    with pytest.raises(ConfigError, match="found workers=0, expected 1 or more"):
        validator.analyze_batch([], workers=0)


def test_no_file_is_no_report(validator: AudioDistortionValidator) -> None:
    assert list(validator.analyze_batch([])) == list(validator.analyze_batch([], workers=2)) == []


def test_a_waveform_is_no_path(validator: AudioDistortionValidator) -> None:
    assert validator.analyze(Waveform(np.zeros((1, 9000), np.float32), 8000)).path is None
