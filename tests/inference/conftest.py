"""Bundles that tell loud from quiet, and which tones are heard, trained once from tones on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.inference import Predictor
from earmark.training import TrainingOptions, prepare, save_trained, train

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.training import Trained

RATE_HZ = 8000
LEVELS = {"loud": 0.5, "quiet": 0.01}
GROUPS = ("ada", "ben", "cleo", "dan")

WriteTone = Callable[..., "Path"]


def hum(level: float, duration_s: float = 0.5, rate_hz: int = RATE_HZ, n_channels: int = 1) -> NDArray[np.float32]:
    """Return a tone, float32 (n_channels, n_samples)."""
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return np.tile((level * np.sin(2 * np.pi * 440 * times_s)).astype(np.float32), (n_channels, 1))


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Return two takes of a loud and a quiet tone per group."""
    folder, rng, clips = tmp_path_factory.mktemp("tones"), np.random.default_rng(1), []
    for group in GROUPS:
        for label, level in LEVELS.items():
            for take in range(2):
                path = folder / f"{group}-{label}-{take}.wav"
                soundfile.write(path, hum(level * rng.uniform(0.6, 1.5))[0], RATE_HZ)
                clips.append(Clip(path.name, path, (label,), group))
    return Dataset.of("tones", clips, licence="CC0-1.0")


@pytest.fixture(scope="session")
def trained(tones: Dataset) -> Trained:
    options = TrainingOptions(recipe="level", folds="grouped:2", aggregate="loudest")
    return train(prepare(tones, options), options, "cv")


@pytest.fixture(scope="session")
def bundle_folder(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_trained(trained, tmp_path_factory.mktemp("bundles") / "tones", "tones").folder


@pytest.fixture(scope="session")
def predictor(bundle_folder: Path) -> Predictor:
    return Predictor.load(bundle_folder)


@pytest.fixture(scope="session")
def many_predictor(tones: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """Return the predictor of a bundle of task "many": every clip has sound, the loud ones are also loud."""
    labels = {"loud": ("loud", "sound"), "quiet": ("sound",)}
    clips = [Clip(c.id, c.path, labels[c.labels[0]], c.group) for c in tones.clips]
    silent = []
    for group in GROUPS:
        path = tmp_path_factory.mktemp("faint") / f"{group}.wav"
        soundfile.write(path, hum(0.0002)[0], RATE_HZ)
        silent.append(Clip(path.name, path, (), group))
    dataset = Dataset.of("levels", [*clips, *silent], task="many")
    options = TrainingOptions(recipe="level", folds="grouped:2")
    trained = train(prepare(dataset, options), options, "cv")
    return Predictor(save_trained(trained, tmp_path_factory.mktemp("bundles") / "levels", "levels"))


@pytest.fixture
def write_tone(tmp_path: Path) -> WriteTone:
    """Return a function that writes a tone of a level as a file."""

    def write(name: str = "tone.wav", level: float = 0.5, subtype: str | None = None, **shape: float) -> Path:
        samples = hum(level, **shape)  # type: ignore[arg-type]
        soundfile.write(tmp_path / name, samples.T, int(shape.get("rate_hz", RATE_HZ)), subtype=subtype)
        return tmp_path / name

    return write
