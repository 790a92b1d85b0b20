from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import ConfigError
from earmark.distortion import pipeline
from earmark.distortion.pipeline import TrainedValidator, ValidatorOptions
from earmark.distortion.scorecard import Figure
from earmark.training import trackers

if TYPE_CHECKING:
    from tests.cli.conftest import Run

FIGURE = Figure("binary F1 on grid", 0.9, 0.8, 0.95, 100, 20)


class Recorder:
    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self.ok: bool | None = None

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.metrics |= metrics
        assert step == 1

    def log_files(self, paths: object) -> None:
        raise AssertionError(paths)

    def finish(self, ok: bool) -> None:
        self.ok = ok


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    found = Recorder()
    monkeypatch.setattr(trackers, "open_trackers", lambda *_, **__: found)
    return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ValidatorOptions, Path]]:
    calls: list[tuple[ValidatorOptions, Path]] = []

    def trained(options: ValidatorOptions, folder: Path, *, on_figures: Any, **_: object) -> TrainedValidator:
        calls.append((options, folder))
        on_figures("test, seed 0", [FIGURE])
        return TrainedValidator(None, {"test, seed 0": [FIGURE]})

    monkeypatch.setattr(pipeline, "train_validator", trained)
    return calls


def test_flags_become_options(run: Run, asked: list[tuple[ValidatorOptions, Path]], recorder: Recorder) -> None:
    result = run("train", "distortion", "--model", "midside", "--clips", 500, "--seed", 3, "--out", "there")
    options, folder = asked[0]
    assert (options.model, options.clips, options.seed, options.folds) == ("midside", 500, 3, 0)
    assert folder == Path("there/distortion")
    assert "binary F1 on grid" in result.output
    assert "only measured" in result.output
    assert recorder.metrics == {"test/binary F1 on grid": 0.9}
    assert recorder.ok is True


def test_json_holds_every_figure(run: Run, asked: list[tuple[ValidatorOptions, Path]], recorder: Recorder) -> None:
    found = json.loads(run("train", "distortion", "--json").stdout)
    assert found["bundle"] is None
    assert found["figures"]["test, seed 0"][0]["high"] == 0.95
    assert (len(asked), recorder.ok) == (1, True)


def test_a_path_as_name_is_refused(run: Run, asked: list[tuple[ValidatorOptions, Path]]) -> None:
    with pytest.raises(ConfigError, match="expected a name, not a path"):
        run("train", "distortion", "--name", "a/b")
    assert not asked


def test_a_run_that_fails_is_marked_so(run: Run, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise ConfigError("no such thing")

    monkeypatch.setattr(pipeline, "train_validator", failing)
    with pytest.raises(ConfigError, match="no such thing"):
        run("train", "distortion")
    assert recorder.ok is False


def test_other_datasets_are_trained_on_as_ever(run: Run) -> None:
    assert "Train a recipe" in run("train", "--help").output
    assert "clean tracks" in run("train", "distortion", "--help").output
