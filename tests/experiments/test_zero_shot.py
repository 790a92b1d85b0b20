from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import ConfigError
from earmark.data.loading import load_dataset
from earmark.experiments import ExperimentRunner, ResultsStore
from earmark.experiments.grid import distinct, make_grid
from earmark.experiments.journal import read_journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.data.dataset import Dataset
    from earmark.experiments import ExperimentConfig

    MakePlan = Callable[..., ExperimentConfig]

NAMES = {"loud": ["Very Loud"], "middle": ["Middle"], "quiet": ["Silentium_"]}


@pytest.fixture
def dataset(tones: Path) -> Dataset:
    return load_dataset(tones)


def test_size_0_is_for_models_with_classes_of_their_own(make_plan: MakePlan, dataset: Dataset, odd_models: str) -> None:
    plan = make_plan(["toy", "level"], plugins=[odd_models], targets=["loud", "middle"], training_sizes=[0, 4])
    grid = make_grid(plan, dataset)
    untrained = [job for job in grid.jobs if job.trial.is_zero_shot]
    assert {(job.trial.model, job.trial.n_train, len(job.train)) for job in untrained} == {("toy", 0, 0)}
    assert {(job.trial.target, job.columns) for job in untrained} == {("loud", ((0,),)), ("middle", ((1,),))}
    assert len(grid.jobs) == 2 * 4 * 3
    assert grid.notes == (
        "size 0 needs classes of the model's own: level must be trained and start with the next size",
    )
    assert untrained[0].trial.title == 'toy, "loud", zero-shot, fold "ada"'


def test_one_trial_answers_for_all_seeds(make_plan: MakePlan, dataset: Dataset, odd_models: str) -> None:
    plan = make_plan(["toy"], plugins=[odd_models], targets=["loud"], training_sizes=[0], seeds=3)
    grid = make_grid(plan, dataset)
    assert len(grid.jobs) == 12
    assert {job.trial.seed for job in grid.jobs} == {0, 1, 2}
    assert len(grid.keys) == len(distinct(grid.jobs)) == 4


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_zero_shot_and_trained_trials_of_one_encoder_run_side_by_side(
    make_plan: MakePlan, odd_models: str, executor: str
) -> None:
    plan = make_plan(
        ["toy"], plugins=[odd_models], targets=["loud", "middle"], training_sizes=[0, 4], seeds=2, executor=executor
    )
    status = ExperimentRunner(plan).run()
    assert (status.n_total, status.n_done) == (2 * 4 + 2 * 4 * 2, 24)
    done = ResultsStore(plan.folder).load_all(read_journal(plan.folder).keys).values()
    aucs = {(one.trial.target, one.trial.size): one.metrics["roc_auc"] for one in done}
    assert aucs["loud", 0] is not None
    assert aucs["loud", 0] > 0.9
    assert aucs["middle", 0] is not None
    assert aucs["middle", 0] > 0.8


def test_all_labels_at_once_work_too(make_plan: MakePlan, dataset: Dataset, odd_models: str) -> None:
    keys = {"plugins": [odd_models], "training_sizes": [0, 6]}
    grid = make_grid(make_plan(["toy"], **keys), dataset)
    assert {job.trial.size for job in grid.jobs} == {6}
    (note,) = grid.notes
    assert note.startswith("size 0 of toy was left out for quiet: none of its 4 classes clearly stands for it")
    assert note.endswith("name its classes in a plan file under zero_shot.toy")
    plan = make_plan(["toy"], **keys, zero_shot={"toy": NAMES})
    assert ExperimentRunner(plan).run().is_complete
    done = ResultsStore(plan.folder).load_all(read_journal(plan.folder).keys).values()
    of_nothing = [one.metrics["accuracy"] for one in done if one.trial.size == 0]
    assert len(of_nothing) == 4
    assert min(value for value in of_nothing if value is not None) > 0.5
    assert all(one.predictions()[1].sum(axis=1) == pytest.approx(1) for one in done)


def test_classes_given_for_all_models_need_only_fit_one(make_plan: MakePlan, dataset: Dataset, odd_models: str) -> None:
    keys = {"plugins": [odd_models], "targets": ["quiet", "loud"], "training_sizes": [0]}
    grid = make_grid(make_plan(["toy"], **keys, zero_shot={"quiet": ["Whistle"]}), dataset)
    assert {(job.trial.target, job.columns) for job in grid.jobs} == {("quiet", ((3,),)), ("loud", ((0,),))}
    own = {"quiet": "Very Loud", "toy": {"quiet": ["Whistle", "Middle"]}}
    grid = make_grid(make_plan(["toy"], **keys, zero_shot=own), dataset)
    assert {job.columns for job in grid.jobs if job.trial.target == "quiet"} == {((3, 1),)}
    with pytest.raises(ConfigError, match='no model of the plan has the classes Wissel that stand for "quiet"'):
        make_grid(make_plan(["toy"], **keys, zero_shot={"quiet": ["Wissel"]}), dataset)
    with pytest.raises(ConfigError, match=r'class "Wistle" for "quiet" .*did you mean "Whistle"'):
        make_grid(make_plan(["toy"], **keys, zero_shot={"toy": {"quiet": ["Wistle"]}}), dataset)


def test_classes_for_a_label_that_the_dataset_lacks_are_refused(
    make_plan: MakePlan, dataset: Dataset, odd_models: str
) -> None:
    plan = make_plan(["toy"], plugins=[odd_models], training_sizes=[0, 6], zero_shot={"lout": ["Whistle"]})
    with pytest.raises(ConfigError, match='"lout" is not a label that the plan asks for; did you mean "loud"'):
        make_grid(plan, dataset)


def test_size_0_alone_needs_a_model_that_can(make_plan: MakePlan, dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match="nothing is left to do: size 0 needs classes of the model's own: level"):
        make_grid(make_plan(["level"], training_sizes=[0]), dataset)
    grid = make_grid(make_plan(["level"], training_sizes=[0, 6]), dataset)
    assert {job.trial.size for job in grid.jobs} == {6}


def test_which_classes_stand_for_a_target_changes_the_key(
    make_plan: MakePlan, dataset: Dataset, odd_models: str
) -> None:
    keys = {"plugins": [odd_models], "targets": ["loud"], "training_sizes": [0]}
    before = make_grid(make_plan(["toy"], **keys), dataset).keys
    assert not set(before) & set(make_grid(make_plan(["toy"], **keys, zero_shot={"loud": "Middle"}), dataset).keys)


def test_an_encoder_without_names_for_its_classes_is_left_out_with_a_note(
    make_plan: MakePlan, dataset: Dataset, odd_models: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(["toy"], plugins=[odd_models], targets=["loud"], training_sizes=[0, 4])
    monkeypatch.setattr("odd_models.CLASSES", ())
    grid = make_grid(plan, dataset)
    assert {job.trial.size for job in grid.jobs} == {4}
    assert grid.notes[0].startswith("size 0 of toy was left out for loud: none of its 0 classes")
