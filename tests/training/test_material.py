"""Features belong to their clips; what is only trained on is never tested."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import AudioError, ConfigError, DataError, LeakError, ModelError
from earmark.data.dataset import Dataset
from earmark.features import FeatureStore
from earmark.training import Material, TrainingOptions, fit_clips, prepare, train

if TYPE_CHECKING:
    from pathlib import Path

    from tests.training.conftest import MakeTones, Scoring


def test_examples_are_the_rows_of_the_wanted_clips_with_their_targets(material: Material) -> None:
    features, targets = material.examples(np.array([3, 30]))
    assert features.shape == (2, 8)
    assert np.array_equal(features, material.table.features[[3, 30]])
    assert np.array_equal(targets, material.dataset.targets[[3, 30]])


def test_scores_come_in_the_order_of_the_clips_asked_for(material: Material, options: TrainingOptions) -> None:
    classifier = fit_clips(material, np.arange(36), options, np.random.default_rng(0))
    wanted = np.array([17, 2, 35, 8])
    one_by_one = [material.clip_scores(classifier, np.array([clip]), "mean")[0] for clip in wanted]
    assert np.allclose(material.clip_scores(classifier, wanted, "mean"), one_by_one)


def test_augmented_copies_are_trained_on_and_never_tested(
    tones: Dataset, options: TrainingOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.models.classical import LogisticRegression

    changed = options.model_copy(update={"augmentation": "light", "copies": 2})
    material = prepare(tones, changed)
    plain = prepare(tones, options)
    fitted, scored = [], []
    genuine_fit, genuine_scores = LogisticRegression.fit, LogisticRegression.scores

    def fit(
        self: LogisticRegression, features: np.ndarray[tuple[int, ...], np.dtype[np.float32]], *rest: object
    ) -> None:
        fitted.append(len(features))
        genuine_fit(self, features, *rest)  # type: ignore[arg-type]

    def scores(
        self: LogisticRegression, features: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        scored.append(features)
        return genuine_scores(self, features)

    monkeypatch.setattr(LogisticRegression, "fit", fit)
    monkeypatch.setattr(LogisticRegression, "scores", scores)
    train(material, changed, "cv")
    assert fitted == [24 * 5, 24 * 5, 24 * 5, 36 * 5]  # a copy is longer: two windows
    assert sum(map(len, scored)) == 36
    own_rows = {row.tobytes() for row in np.asarray(plain.table.features)}
    assert {row.tobytes() for rows in scored for row in rows} == own_rows


def test_extra_clips_are_trained_on_and_never_tested(
    tones: Dataset, make_tones: MakeTones, options: TrainingOptions, scorings: list[Scoring]
) -> None:
    extra = make_tones("extra", ("gus", "hal"), seed=9)
    material = prepare(tones, options, extra=extra)
    assert len(material.dataset.clips) == 48
    assert material.own.clips == tones.clips
    features, _ = material.examples(np.arange(6))
    assert len(features) == 6 + 12
    trained = train(material, options, "cv")
    assert max(int(scoring.scored.max()) for scoring in scorings) < 36
    assert len(trained.measured.clips) == 36


def test_extra_clips_of_a_group_that_is_tested_are_left_out(
    tones: Dataset, make_tones: MakeTones, options: TrainingOptions
) -> None:
    extra = make_tones("extra", ("ada", "gus"), seed=9)
    material = prepare(tones, options, extra=extra)
    without_ada = np.flatnonzero(tones.groups != "ada")
    features, _ = material.examples(without_ada)
    assert len(features) == 30 + 6
    assert len(material.examples(np.arange(36))[0]) == 36 + 12


def test_the_same_dataset_as_extra_does_not_leak(tones: Dataset, options: TrainingOptions) -> None:
    material = prepare(tones, options, extra=tones)
    ben = np.flatnonzero(tones.groups == "ben")
    assert len(material.examples(ben)[0]) == 12


def test_a_file_in_another_group_of_the_extra_clips_is_refused(tones: Dataset, options: TrainingOptions) -> None:
    extra = Dataset.of("again", [replace(clip, group=clip.id) for clip in tones.clips])
    with pytest.raises(
        LeakError, match=r'ada-loud-0\.wav: is of group "ada" in dataset tones, but of "ada-loud-0\.wav"'
    ):
        prepare(tones, options, extra=extra)


def test_extra_clips_with_other_labels_are_refused(tones: Dataset, options: TrainingOptions, tmp_path: Path) -> None:
    extra = Dataset.of("extra", [replace(tones.clips[0], path=tmp_path / "other.wav", labels=("louder",))])
    with pytest.raises(DataError, match=r'other\.wav: label "louder" is not in the dataset; did you mean "loud"'):
        prepare(tones, options, extra=extra)


def test_unreadable_clips_are_named(tones: Dataset, options: TrainingOptions) -> None:
    tones.clips[4].path.write_bytes(b"not sound")
    with pytest.raises(AudioError, match=r"1 of 36 clips cannot be used: .*ada-quiet-0\.wav"):
        prepare(tones, options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "levl"}, 'recipe "levl" is not known; did you mean "level"'),
        ({"frontend": {"n_part": 3}}, 'frontend "level": option "n_part" is not known; did you mean "n_parts"'),
        ({"augmentation": "sppech", "copies": 1}, 'augmentation "sppech" is not known; did you mean "speech"'),
    ],
)
def test_unknown_names_come_with_the_nearest(tones: Dataset, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        prepare(tones, TrainingOptions.model_validate({"recipe": "level"} | changes))


def test_features_come_from_the_store_the_second_time(
    tones: Dataset, options: TrainingOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.features import LevelFrontend

    changed = options.model_copy(update={"augmentation": "light", "copies": 1})
    store = FeatureStore(tmp_path / "features")
    first = prepare(tones, changed, store=store)
    monkeypatch.setattr(LevelFrontend, "__call__", None)
    second = prepare(tones, changed, store=store)
    assert np.array_equal(first.table.features, second.table.features)
    assert np.array_equal(first.copies[0].features, second.copies[0].features)


def test_options_take_their_defaults_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    from earmark.core.settings import settings

    monkeypatch.setenv("EARMARK_RANDOM_SEED", "7")
    monkeypatch.setenv("DEFAULT_CV_FOLDS", "3")
    settings.cache_clear()
    assert (TrainingOptions().seed, TrainingOptions().folds) == (7, "grouped:3")


def test_a_label_without_example_is_named(material: Material, options: TrainingOptions) -> None:
    clips = np.flatnonzero(material.dataset.targets[:, material.dataset.labels.index("quiet")] == 0)
    with pytest.raises(ModelError, match="no example of quiet among 24 clips; add clips of more groups"):
        fit_clips(material, clips, options, np.random.default_rng(0))
