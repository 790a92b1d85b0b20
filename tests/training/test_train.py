"""Every mode measures on groups that no model saw, and says how."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import ConfigError, DataError, LeakError, ModelError
from earmark.models.calibrate import fit_calibration
from earmark.training import Material, TrainingOptions, measurements, prepare, search, train
from earmark.training.search import search_grid

if TYPE_CHECKING:
    from earmark.data.dataset import Dataset
    from earmark.training import Mode
    from tests.training.conftest import MakeTones, Scoring

TRAIN_MODULE = importlib.import_module("earmark.training.train")  # the door gives the function of the same name
GRID = {"C": [0.1, 1.0]}
MODES: tuple[Mode, ...] = ("train", "cv", "grid", "cvgrid")


def groups_of(material: Material, clips: Any) -> set[str]:
    return set(material.dataset.groups[clips].tolist())


@pytest.mark.parametrize("mode", MODES)
def test_no_model_ever_scores_a_group_that_it_was_fitted_on(
    material: Material, options: TrainingOptions, scorings: list[Scoring], mode: Mode
) -> None:
    train(material, options, mode, grid=GRID if "grid" in mode else None)
    assert len(scorings) >= 3
    for scoring in scorings:
        assert not groups_of(material, scoring.fitted) & groups_of(material, scoring.scored)


@pytest.mark.parametrize("mode", ["grid", "cvgrid"])
def test_a_search_looks_at_nothing_but_the_training_clips_of_its_fold(
    material: Material,
    options: TrainingOptions,
    scorings: list[Scoring],
    mode: Mode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched: list[set[int]] = []

    def spy(material: Material, rows: Any, *rest: Any) -> search.GridResult:
        scorings.clear()
        result = search_grid(material, rows, *rest)
        used = {int(clip) for scoring in scorings for clip in (*scoring.fitted, *scoring.scored)}
        assert used == set(rows.tolist())
        searched.append(used)
        return result

    monkeypatch.setattr(TRAIN_MODULE, "search_grid", spy)
    trained = train(material, options, mode, grid=GRID)
    everything = set(range(material.n_own))
    if mode == "grid":
        assert searched == [everything - set(trained.measured.clips.tolist())]
    else:
        assert [len(used) for used in searched] == [24, 24, 24, 36]
        assert set.intersection(*searched[:3]) == set()


@pytest.mark.parametrize("mode", ["cv", "cvgrid"])
def test_cross_validation_measures_every_clip_once_and_keeps_a_model_of_all(
    material: Material, options: TrainingOptions, mode: Mode
) -> None:
    trained = train(material, options, mode, grid=GRID if mode == "cvgrid" else None)
    assert sorted(trained.measured.clips.tolist()) == list(range(36))
    assert trained.fitted_on.tolist() == list(range(36))
    assert trained.measured.how == "grouped:3, 3 folds"
    assert np.allclose(trained.measured.probabilities.sum(axis=1), 1)
    assert measurements(trained)["metrics"]["accuracy"] > 0.8


@pytest.mark.parametrize("mode", ["train", "grid"])
@pytest.mark.parametrize(("folds", "said"), [("grouped:3", "parts:70/15/15"), ("parts:50/25/25", "parts:50/25/25")])
def test_one_split_measures_the_test_part_and_keeps_a_model_of_the_rest(
    material: Material, options: TrainingOptions, mode: Mode, folds: str, said: str
) -> None:
    changed = options.model_copy(update={"folds": folds})
    trained = train(material, changed, mode, grid=GRID if mode == "grid" else None)
    assert trained.measured.how == f"one split ({said}), test part"
    tested, fitted = set(trained.measured.clips.tolist()), set(trained.fitted_on.tolist())
    assert tested | fitted == set(range(36))
    assert not tested & fitted


@pytest.mark.parametrize("mode", ["train", "cv"])
def test_calibration_and_thresholds_come_from_scores_of_unseen_groups_alone(
    material: Material, options: TrainingOptions, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def spy(scores: Any, *rest: Any) -> Any:
        seen.append(len(scores))
        return fit_calibration(scores, *rest)

    monkeypatch.setattr(TRAIN_MODULE, "fit_calibration", spy)
    trained = train(material, options, mode)
    assert seen == [len(trained.fitted_on)]
    assert trained.calibration.fitted
    assert len(trained.thresholds) == 3


def test_a_search_keeps_the_best_options_and_tells_what_it_tried(material: Material, options: TrainingOptions) -> None:
    trained = train(material, options, "cvgrid", grid={"C": [1e-6, 1.0]})
    assert len(trained.searches) == 4
    assert {point.options["C"] for point in trained.searches[-1].points} == {1e-6, 1.0}
    assert trained.options.classifier == {"C": trained.searches[-1].best.options["C"]}


@pytest.mark.parametrize("mode", ["cv", "train"])
def test_equal_seeds_give_equal_numbers_and_workers_change_none(tones: Dataset, mode: Mode) -> None:
    def probabilities(workers: int) -> Any:
        changed = TrainingOptions(
            recipe="level", folds="grouped:3", augmentation="light", copies=1, seed=4, workers=workers
        )
        return train(prepare(tones, changed), changed, mode).measured.probabilities

    assert np.array_equal(probabilities(1), probabilities(2))


def test_several_labels_per_clip_are_trained_measured_and_calibrated_one_by_one(chords: Dataset) -> None:
    options = TrainingOptions(
        recipe="random_forest",
        frontend={"rate_hz": 8000, "window_s": 0.5, "fft_samples": 512, "n_mels": 20, "n_mfcc": 10},
        classifier={"n_trees": 20},
        folds="grouped:3",
    )
    trained = train(prepare(chords, options), options, "cv")
    found = measurements(trained)
    assert found["primary"]["metric"] == "average_precision"
    assert found["primary"]["value"] > 0.9
    assert trained.calibration.task == "many"
    assert len(set(trained.calibration.offsets)) == 2
    probabilities = trained.measured.probabilities
    assert (probabilities.sum(axis=1) > 1.2).any()
    assert (probabilities.sum(axis=1) < 0.8).any()


def fold_by_take(_: str, take: int) -> str:
    return ("train", "test")[take]


def test_a_given_split_that_shares_groups_is_refused(make_tones: MakeTones) -> None:
    dataset = make_tones(fold=fold_by_take)
    options = TrainingOptions(recipe="level", folds="given")
    with pytest.raises(LeakError, match=r"its own split test has 6 groups .* on both sides"):
        train(prepare(dataset, options), options, "train")


def test_a_leak_that_is_allowed_stands_in_the_metrics(make_tones: MakeTones) -> None:
    dataset = make_tones(fold=fold_by_take)
    options = TrainingOptions(recipe="level", folds="given", allow_shared_groups="the published split")
    trained = train(prepare(dataset, options), options, "train")
    assert measurements(trained)["groups_on_both_sides"] == ["ada", "ben", "cleo", "dan", "eve", "fay"]
    assert trained.measured.how == "one split (given), test part"


def test_given_folds_are_cross_validated(make_tones: MakeTones) -> None:
    dataset = make_tones(fold=lambda group, _: f"fold{1 + 'abcdef'.index(group[0]) % 2}")
    options = TrainingOptions(recipe="level", folds="given")
    trained = train(prepare(dataset, options), options, "cv")
    assert trained.measured.how == "given, 2 folds"
    assert trained.measured.leaks == ()


@pytest.mark.parametrize(("mode", "remedy"), [("cv", "train"), ("cvgrid", "grid")])
def test_cross_validation_of_a_single_split_is_refused(
    material: Material, options: TrainingOptions, mode: Mode, remedy: str
) -> None:
    single = options.model_copy(update={"folds": "parts:70/15/15"})
    with pytest.raises(ConfigError, match=f'"parts:70/15/15" is one split; use mode "{remedy}"'):
        train(material, single, mode, grid=GRID if mode == "cvgrid" else None)


@pytest.mark.parametrize(("mode", "remedy"), [("cv", "cvgrid"), ("train", "grid")])
def test_a_grid_that_nobody_searches_is_refused(
    material: Material, options: TrainingOptions, mode: Mode, remedy: str
) -> None:
    with pytest.raises(ConfigError, match=f'mode "{mode}" searches no grid; use mode "{remedy}"'):
        train(material, options, mode, grid=GRID)


def test_too_few_groups_are_refused(make_tones: MakeTones, options: TrainingOptions) -> None:
    with pytest.raises(DataError, match=r"has 2 groups \(ada, ben\), expected at least 3"):
        train(prepare(make_tones(groups=("ada", "ben")), options), options, "cv")


@pytest.mark.parametrize(
    ("classifier", "error", "message"),
    [
        ({"max_iteration": 1}, ConfigError, 'option "max_iteration" is not known; did you mean "max_iterations"'),
        ({"C": "much"}, ModelError, r"recipe \"level\" cannot be fitted with the options \{'C': 'much'\}"),
        ({"n_components": "all"}, ModelError, "cannot be fitted"),
    ],
)
def test_options_that_the_classifier_refuses_are_named(
    material: Material, options: TrainingOptions, classifier: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        train(material, options.model_copy(update={"classifier": classifier}), "cv")


@pytest.mark.real
def test_mfcc_and_svm_do_worse_on_speakers_never_heard_than_on_the_official_split(fsdd_dir: Any) -> None:
    from earmark.data import load_dataset

    dataset = load_dataset(fsdd_dir).where(lambda clip: int(clip.path.stem.rpartition("_")[2]) < 8)
    few = TrainingOptions(recipe="svm", folds="leave-one-group-out")
    unseen = train(prepare(dataset, few), few, "cv")
    official = few.model_copy(update={"folds": "given", "allow_shared_groups": "the published split"})
    seen = train(prepare(dataset, official), official, "train")
    assert len(seen.measured.leaks) == 6
    accuracy = measurements(seen)["metrics"]["accuracy"]
    assert accuracy > measurements(unseen)["metrics"]["accuracy"] + 0.05
