"""Train, save, predict and compare with a native frontend, as with any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform, read_audio, write_audio
from earmark.core.errors import AudioError, ConfigError
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.experiments.grid import make_grid
from earmark.experiments.plan import plan_of
from earmark.inference import Predictor
from earmark.models import Recipe, table
from earmark.training import TrainingOptions, prepare, save_trained, train

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.training import Trained

OPTIONS = TrainingOptions(recipe="measured", folds="grouped:2", aggregate="mean")


def sound(label: str, seed: int, *, n_samples: int = 22_050, rate_hz: int = 44_100, level: float = 0.3) -> Waveform:
    """Return noise whose channels are alike, or one the other turned over: mono, which silence is in the latter."""
    wave = np.random.default_rng(seed).uniform(-level, level, n_samples)
    return Waveform(np.stack([wave, -wave if label == "inverted" else wave]).astype(np.float32), rate_hz)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder, clips = tmp_path_factory.mktemp("sounds"), []
    for number in range(16):
        label = ("alike", "inverted")[number % 2]
        path = folder / f"{number}.wav"
        write_audio(path, sound(label, number))
        clips.append(Clip(path.name, path, (label,), f"group {number // 4}"))
    return Dataset.of("polarity", clips)


@pytest.fixture(autouse=True)
def _recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe("measured", "", "measures", "earmark.models.classical:LogisticRegression")
    monkeypatch.setitem(table.RECIPES, recipe.name, recipe)
    monkeypatch.setitem(table.FRONTENDS, "measures", "earmark.distortion.frontend:measures")


@pytest.fixture
def trained(dataset: Dataset) -> Trained:
    return train(prepare(dataset, OPTIONS), OPTIONS, "cv")


@pytest.fixture
def predictor(trained: Trained, tmp_path: Path) -> Predictor:
    return Predictor(save_trained(trained, tmp_path / "bundle", "polarity"))


def test_what_mono_cannot_tell_is_learned(trained: Trained) -> None:
    measured = trained.measured
    assert (measured.probabilities.argmax(axis=1) == measured.targets.argmax(axis=1)).all()


def test_a_bundle_of_it_answers_for_files_waveforms_and_parts(predictor: Predictor, tmp_path: Path) -> None:
    assert predictor.bundle.spec.frontend.rate_hz == 0
    assert predictor.bundle.spec.frontend.min_source_rate_hz == 44_100
    for label in ("alike", "inverted"):
        other = sound(label, 99)
        path = tmp_path / f"{label}.flac"
        write_audio(path, other)
        assert predictor.predict_file(path).label == label
        assert predictor.predict(read_audio(path)) == predictor.predict_file(path)
        assert predictor.predict_file(path, start_s=0.2, duration_s=0.25).duration_s == pytest.approx(0.25)
    faster = sound("alike", 98, n_samples=70_000, rate_hz=96_000)
    assert predictor.predict(faster).duration_s == pytest.approx(70_000 / 96_000)


def test_scores_come_with_the_times_of_blocks(predictor: Predictor) -> None:
    found = predictor.scores(sound("inverted", 5, n_samples=round(20.4 * 44_100)))
    assert found.times_s.tolist() == [[0, 10], [10, pytest.approx(20.4)]]
    assert found.values.shape == (2, 2)
    np.testing.assert_allclose(found.values.sum(axis=1), 1, rtol=1e-5)


def test_a_file_and_its_samples_give_the_same_answer(predictor: Predictor, tmp_path: Path) -> None:
    long = sound("alike", 6, n_samples=31 * 44_100)
    write_audio(tmp_path / "long.wav", long, subtype="FLOAT")
    assert predictor.predict_file(tmp_path / "long.wav") == predictor.predict(long)


def test_silence_too_low_rates_and_nothing_are_told(predictor: Predictor, tmp_path: Path) -> None:
    quiet, low = tmp_path / "quiet.wav", tmp_path / "low.wav"
    write_audio(quiet, sound("alike", 1, level=0))
    write_audio(low, sound("alike", 1, rate_hz=22_050))
    with pytest.raises(AudioError, match=r"quiet\.wav: is silent"):
        predictor.predict_file(quiet)
    with pytest.raises(AudioError, match=r"low\.wav: rate 22050 Hz, but bundle polarity was trained on audio of 44100"):
        predictor.predict_file(low)
    with pytest.raises(AudioError, match="waveform: rate 22050 Hz"):
        predictor.predict(sound("alike", 1, rate_hz=22_050))
    with pytest.raises(AudioError, match="holds no samples"):
        predictor.scores(sound("alike", 1, n_samples=0))


def test_samples_that_are_no_numbers_are_told(predictor: Predictor) -> None:
    broken = sound("alike", 1)
    broken.samples[0, 5] = np.inf
    with pytest.raises(AudioError, match="waveform: found samples from"):
        predictor.predict(broken)


def test_copies_in_mono_are_refused_before_any_work(dataset: Dataset, tmp_path: Path) -> None:
    options = OPTIONS.model_copy(update={"augmentation": "noise", "copies": 2})
    with pytest.raises(ConfigError, match=r'frontend "measures" takes sounds .* set copies to 0'):
        prepare(dataset, options)
    models = [{"recipe": "measured", "augmentation": "noise", "copies": 1}]
    plan = plan_of("polarity", models, folds="grouped:2", training_sizes=[4], results=tmp_path)
    with pytest.raises(ConfigError, match="set copies to 0"):
        make_grid(plan, dataset)
