"""A bundle that tells loud from quiet learns to refuse what is far quieter or clicks, and keeps what it knew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.audio import Waveform
from earmark.core.errors import BundleError, ModelError
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.inference import Predictor
from earmark.models import load_bundle
from earmark.training import TrainingOptions, add_rejection, fit_rejection, prepare, prepare_others, save_trained, train

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.models.bundle import Bundle

RATE_HZ = 8000
LEVELS = {"loud": 0.5, "quiet": 0.1}
OTHERS = {"whisper": 0.0005, "quiet": 0.1}
OPTIONS = TrainingOptions(recipe="level", folds="grouped:2")


def noises(folder: Path, levels: dict[str, float], groups: str) -> Dataset:
    """Return three takes of noise at each level by each group."""
    rng, clips = np.random.default_rng(5), []
    folder.mkdir()
    for group in groups:
        for label, level in levels.items():
            for take in range(3):
                path = folder / f"{group}-{label}-{take}.wav"
                soundfile.write(path, level * rng.uniform(0.8, 1.2) * rng.uniform(-1, 1, RATE_HZ // 2), RATE_HZ)
                clips.append(Clip(path.name, path, (label,), group))
    return Dataset.of(folder.name, clips, licence="CC0-1.0")


def sound(level: float) -> Waveform:
    samples = level * np.random.default_rng(9).uniform(-1, 1, RATE_HZ // 2)
    return Waveform(samples.astype(np.float32)[np.newaxis], RATE_HZ)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Bundle, Dataset, Dataset]:
    """Return a bundle before and after, and what it learned from."""
    folder = tmp_path_factory.mktemp("rejection")
    own, others = noises(folder / "own", LEVELS, "abcd"), noises(folder / "others", OTHERS, "xyz")
    material = prepare(own, OPTIONS)
    before = save_trained(train(material, OPTIONS, "cv"), folder / "bundle", "bundle")
    found = prepare_others(material, OPTIONS, [others])
    fitted = fit_rejection(material, OPTIONS, found, goal=0.95)
    return before, add_rejection(before, fitted, found.features), own, others


def test_other_sounds_are_refused_and_its_own_are_kept(made: tuple[Bundle, Bundle, Dataset, Dataset]) -> None:
    predictor = Predictor(made[1])
    for label, level in LEVELS.items():
        answer = predictor.predict(sound(level))
        assert (answer.label, answer.known, answer.accepted) == (label, True, True)
    refused = predictor.predict(sound(0.0005))
    assert not refused.known
    assert not refused.accepted
    assert refused.accepted_labels == ()
    assert refused.known_probability is not None
    assert refused.known_probability < 0.2


def test_everything_else_stays_as_it_was(made: tuple[Bundle, Bundle, Dataset, Dataset]) -> None:
    before, after, *_ = made
    assert after.spec.files["model.onnx"] == before.spec.files["model.onnx"]
    assert sorted(after.spec.files) == ["known.onnx", "model.onnx"]
    changed = {"rejection", "files", "licences"}
    old, new = before.spec.model_dump(exclude=changed), after.spec.model_dump(exclude=changed)
    assert old == new
    assert Predictor(before).predict(sound(0.5)).probabilities == Predictor(after).predict(sound(0.5)).probabilities


def test_what_it_learned_from_and_how_well_stands_in_it(made: tuple[Bundle, Bundle, Dataset, Dataset]) -> None:
    part = load_bundle(made[1].folder).spec.rejection
    assert part is not None
    assert part.others == ("others",)
    assert part.goal == 0.95
    assert part.metrics["kept"] >= 0.95
    assert part.metrics["let_through"] == 0
    assert (part.metrics["n_own"], part.metrics["n_others"]) == (24, 9)  # quiet ones of the others are no others
    assert "data: others" in {licence.what for licence in made[1].spec.licences}


def test_a_bundle_whose_second_graph_is_gone_does_not_load(
    made: tuple[Bundle, Bundle, Dataset, Dataset], tmp_path: Path
) -> None:
    import shutil

    folder = shutil.copytree(made[1].folder, tmp_path / "copy")
    (folder / "known.onnx").unlink()
    with pytest.raises(BundleError, match=r"known\.onnx: is missing"):
        load_bundle(folder)


def test_sounds_that_are_all_known_teach_nothing(made: tuple[Bundle, Bundle, Dataset, Dataset]) -> None:
    own = made[2]
    with pytest.raises(ModelError, match="all clips of own have labels of the bundle"):
        prepare_others(prepare(own, OPTIONS), OPTIONS, [own])


def test_a_bundle_of_several_labels_has_none_of_them_already(made: tuple[Bundle, Bundle, Dataset, Dataset]) -> None:
    own = made[2]
    many = Dataset.of("many", own.clips, task="many")
    with pytest.raises(ModelError, match='task "many"'):
        prepare_others(prepare(many, OPTIONS), OPTIONS, [made[3]])
