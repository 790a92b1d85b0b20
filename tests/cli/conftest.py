"""Folders of loud and quiet tones, a bundle that tells them apart, and the command line without a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from earmark.cli.main import app

if TYPE_CHECKING:
    from pathlib import Path

RATE_HZ = 8000
LEVELS = {"loud": 0.2, "quiet": 0.005}
GROUPS = ("ada", "ben", "cleo", "dan")

Run = Callable[..., Result]


def write_noise(path: Path, level: float, rng: np.random.Generator) -> Path:
    soundfile.write(path, np.clip(level * rng.normal(size=RATE_HZ // 2), -1, 1), RATE_HZ)
    return path


def write_tones(folder: Path) -> Path:
    """Write two takes of noise per label and group, and a clips.csv whose given split shares groups."""
    rng = np.random.default_rng(2)
    lines = ["path,label,group,fold,licence"]
    for group in GROUPS:
        for label, level in LEVELS.items():
            for take, part in enumerate(("train", "test")):
                path = write_noise(folder / f"{group}-{label}-{take}.wav", level * rng.uniform(0.6, 1.5), rng)
                lines.append(f"{path.name},{label},{group},{part},CC0")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder


def invoke(*arguments: object) -> Result:
    """Run a command; errors of earmark are raised as they reach `main`."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def run() -> Run:
    """Return a function that runs a command and checks its exit code."""

    def call(*arguments: object, code: int = 0) -> Result:
        result = invoke(*arguments)
        assert result.exit_code == code, result.output
        return result

    return call


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="session")
def bundle(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bundle that was trained on the tones."""
    from earmark.data import load_dataset
    from earmark.training import TrainingOptions, prepare, save_trained, train

    options = TrainingOptions(recipe="level", folds="grouped:2")
    trained = train(prepare(load_dataset(tones), options), options, "cv")
    return save_trained(trained, tmp_path_factory.mktemp("bundles") / "tones", "tones", summary="Loud or quiet.").folder


@pytest.fixture
def own_tones(tmp_path: Path) -> Path:
    """Return a folder of tones that the test may change."""
    folder = tmp_path / "own"
    folder.mkdir()
    return write_tones(folder)


@pytest.fixture
def loud(tmp_path: Path, rng: np.random.Generator) -> Path:
    return write_noise(tmp_path / "loud.wav", 0.2, rng)


@pytest.fixture
def quiet(tmp_path: Path, rng: np.random.Generator) -> Path:
    return write_noise(tmp_path / "quiet.wav", 0.005, rng)
