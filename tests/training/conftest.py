"""Small datasets of tones on disk whose classes differ in level, or in which octaves are heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.training import Material, TrainingOptions, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.models.aggregate import Aggregate
    from earmark.models.base import Classifier

RATE_HZ = 8000
LEVELS = {"loud": 0.5, "middle": 0.1, "quiet": 0.02}
GROUPS = ("ada", "ben", "cleo", "dan", "eve", "fay")
CHORD_HZ = {"low": 300.0, "high": 1500.0}

MakeTones = Callable[..., Dataset]


def tone(rng: np.random.Generator, frequency_hz: float, level: float) -> NDArray[np.float64]:
    times_s = np.arange(RATE_HZ // 2) / RATE_HZ
    hum = np.sin(2 * np.pi * frequency_hz * times_s) * rng.uniform(0.5, 1.5)
    return np.asarray(level * hum + rng.normal(0, 0.005, times_s.size))


@pytest.fixture
def make_tones(tmp_path: Path) -> MakeTones:
    """Return a function that writes two takes per label and group, by default of all groups, as a dataset."""

    def make(
        name: str = "tones",
        groups: tuple[str, ...] = GROUPS,
        *,
        seed: int = 5,
        fold: Callable[[str, int], str] | None = None,
    ) -> Dataset:
        rng = np.random.default_rng(seed)
        (tmp_path / name).mkdir(exist_ok=True)
        clips = []
        for group in groups:
            for label, level in LEVELS.items():
                for take in range(2):
                    path = tmp_path / name / f"{group}-{label}-{take}.wav"
                    soundfile.write(path, np.clip(tone(rng, rng.uniform(200, 900), level), -1, 1), RATE_HZ)
                    clips.append(Clip(path.name, path, (label,), group, fold=fold(group, take) if fold else None))
        return Dataset.of(name, clips, source="made here", licence="CC0-1.0")

    return make


@pytest.fixture
def tones(make_tones: MakeTones) -> Dataset:
    return make_tones()


@pytest.fixture
def chords(tmp_path: Path) -> Dataset:
    """Return clips in which a low tone, a high one, both or neither are heard (task "many")."""
    rng = np.random.default_rng(6)
    (tmp_path / "chords").mkdir()
    clips = []
    for group in GROUPS:
        for labels in ((), ("low",), ("high",), ("high", "low")):
            for take in range(2):
                samples = sum((tone(rng, CHORD_HZ[label], 0.2) for label in labels), tone(rng, 100, 0.002))
                path = tmp_path / "chords" / f"{group}-{'-'.join(labels)}-{take}.wav"
                soundfile.write(path, np.clip(samples, -1, 1), RATE_HZ)
                clips.append(Clip(path.name, path, labels, group))
    return Dataset.of("chords", clips, task="many")


@pytest.fixture
def options() -> TrainingOptions:
    return TrainingOptions(recipe="level", folds="grouped:3")


@pytest.fixture
def material(tones: Dataset, options: TrainingOptions) -> Material:
    return prepare(tones, options)


@dataclass(frozen=True)
class Scoring:
    """Positions of the clips that a model was fitted on, and of those that it then scored."""

    fitted: NDArray[np.intp]
    scored: NDArray[np.intp]


@pytest.fixture
def scorings(monkeypatch: pytest.MonkeyPatch) -> list[Scoring]:
    """Return a list that fills with what each model was fitted on and scored, in order."""
    seen: list[Scoring] = []
    last: list[NDArray[np.intp]] = []
    examples, clip_scores = Material.examples, Material.clip_scores

    def spy_on_fit(self: Material, clips: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        last[:] = [clips]
        return examples(self, clips)

    def spy_on_test(
        self: Material, classifier: Classifier, clips: NDArray[np.intp], aggregate: Aggregate
    ) -> NDArray[np.float32]:
        seen.append(Scoring(last[0], clips))
        return clip_scores(self, classifier, clips, aggregate)

    monkeypatch.setattr(Material, "examples", spy_on_fit)
    monkeypatch.setattr(Material, "clip_scores", spy_on_test)
    return seen
