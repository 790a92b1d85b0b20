from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ConfigError
from earmark.core.identity import fingerprint
from earmark.data.dataset import Dataset
from earmark.data.loading import load_dataset
from earmark.evaluation.metrics import Metric
from earmark.experiments import ExperimentRunner, ResultsStore, Trial
from earmark.experiments.grid import make_grid
from earmark.experiments.journal import read_journal
from earmark.experiments.targets import missing_targets, target_view

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.experiments import ExperimentConfig

    MakePlan = Callable[..., ExperimentConfig]


@pytest.fixture
def dataset(tones: Path) -> Dataset:
    return load_dataset(tones)


def scarce(dataset: Dataset, n_loud: int = 1) -> Dataset:
    """Leave of each group only so many loud clips, and none of dan's."""
    seen: Counter[str] = Counter()

    def keep(clip_group: str) -> bool:
        seen[clip_group] += 1
        return seen[clip_group] <= n_loud and clip_group != "dan"

    return dataset.where(lambda clip: clip.labels != ("loud",) or keep(clip.group))


def test_each_target_is_a_grid_of_its_own_on_the_same_test_clips(make_plan: MakePlan, dataset: Dataset) -> None:
    plan = make_plan(["level", "logistic_regression"], targets=["loud", "quiet"], training_sizes=[4, "all"], seeds=2)
    jobs = make_grid(plan, dataset).jobs
    assert len(jobs) == 2 * 2 * 2 * 4 * 2
    assert {job.trial.target for job in jobs} == {"loud", "quiet"}
    by_fold = {(job.trial.fold, tuple(job.test.tolist())) for job in jobs}
    assert len(by_fold) == 4
    assert all(len(test) == 12 for _, test in by_fold)
    assert jobs[0].trial.title == 'level, "loud", 4 clips, fold "ada", seed 0'


def test_training_clips_are_balanced_nested_and_of_other_groups(make_plan: MakePlan, dataset: Dataset) -> None:
    plan = make_plan(targets=["loud", "quiet"], training_sizes=[4, 8, "all"])
    jobs = make_grid(plan, dataset).jobs
    for job in jobs:
        labels = [dataset.clips[row].labels[0] for row in job.train]
        assert labels.count(job.trial.target) == len(labels) / 2 == job.trial.n_train / 2
        assert not set(dataset.groups[job.train]) & set(dataset.groups[job.test])
        others = Counter(label for label in labels if label != job.trial.target)
        assert max(others.values()) - min(others.values()) <= 1
    of_ada = [job for job in jobs if (job.trial.fold, job.trial.target) == ("ada", "loud")]
    assert [job.trial.n_train for job in of_ada] == [4, 8, 24]
    assert all(set(small.train) < set(large.train) for small, large in itertools.pairwise(of_ada))


def test_a_target_is_in_the_key_and_without_one_the_key_is_as_ever() -> None:
    parts = ["def", "front", "data", "split", "fold1", 3]
    trial = Trial("m", 8, 8, "fold1", 3, "def", "front", "data", "split")
    assert trial.key == fingerprint(parts)
    assert Trial("m", 8, 8, "fold1", 3, "def", "front", "data", "split", "dog").key == fingerprint([*parts, "dog"])


def test_more_targets_in_a_folder_repeat_no_work(make_plan: MakePlan, dataset: Dataset) -> None:
    one = make_grid(make_plan(targets=["loud"], training_sizes=[4]), dataset)
    two = make_grid(make_plan(targets=["quiet", "loud"], training_sizes=[4, 8]), dataset)
    assert set(one.keys) < set(two.keys)


def test_a_scarce_target_loses_sizes_alone_and_the_notes_say_so(make_plan: MakePlan, dataset: Dataset) -> None:
    plan = make_plan(targets=["loud", "quiet"], training_sizes=[2, 8, "all"])
    grid = make_grid(plan, scarce(dataset))
    sizes = {target: [job.trial.size for job in grid.jobs if job.trial.target == target] for target in plan.targets}
    assert set(sizes["loud"]) == {2, "all"}
    assert set(sizes["quiet"]) == {2, 8, "all"}
    assert {job.trial.n_train for job in grid.jobs if job.trial.target == "loud"} == {2, 4}
    assert {job.trial.fold for job in grid.jobs if job.trial.target == "loud"} == {"ada", "ben", "cleo"}
    of_folds, of_sizes = grid.notes
    assert of_folds.startswith('target "loud": 1 of 4 folds (dan) was left out: the test part has no clip with it')
    assert of_sizes.startswith('target "loud": training sizes left out: 8; fold "ada" has 2 training clips with it')
    assert of_sizes.endswith("and 24 without, which makes 4")
    trials = [job.trial for job in grid.jobs]
    assert missing_targets(plan.model_dump(), trials) == {("level", 8): ("loud",)}


def test_a_target_that_no_fold_can_learn_is_left_out_whole(make_plan: MakePlan, dataset: Dataset) -> None:
    one_group = dataset.where(lambda clip: clip.labels != ("loud",) or clip.group == "ada")
    grid = make_grid(make_plan(targets=["loud", "quiet"], training_sizes=[2, "all"]), one_group)
    assert {job.trial.target for job in grid.jobs} == {"quiet"}
    assert any('"loud": training sizes left out: 2, all;' in note for note in grid.notes)
    with pytest.raises(ConfigError, match="targets: nothing is left to do: target"):
        make_grid(make_plan(targets=["loud"], training_sizes=[2]), one_group)
    never_tested = dataset.where(lambda clip: clip.labels != ("loud",))
    with pytest.raises(ConfigError, match='target "loud": left out: the test part has no clip with it'):
        make_grid(make_plan(targets=["loud"], training_sizes=[2]), never_tested)


def test_a_target_that_every_clip_has_is_told_with_its_groups(make_plan: MakePlan, dataset: Dataset) -> None:
    loud = dataset.where(lambda clip: clip.labels == ("loud",))
    with pytest.raises(ConfigError, match="no clip with it, or none without; there are 4 groups with it, 0 without"):
        make_grid(make_plan(targets=["loud"], training_sizes=[2]), loud)


def test_an_unknown_target_is_refused_with_the_nearest_label(make_plan: MakePlan, dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match='has no label "lout"; did you mean "loud"'):
        make_grid(make_plan(targets=["lout"]), dataset)


def test_a_piece_of_a_label_with_commas_is_told_how_to_type_it(make_plan: MakePlan, dataset: Dataset) -> None:
    clips = [replace(clip, labels=("owl, young",)) if clip.labels == ("loud",) else clip for clip in dataset.clips]
    with pytest.raises(ConfigError, match="""needs quotes of its own: --targets '"owl, young"'"""):
        make_grid(make_plan(targets=["owl", "young"]), Dataset.of("d", clips))


def test_a_view_asks_for_one_label_and_keeps_the_clips(dataset: Dataset) -> None:
    view = target_view(dataset, "loud")
    assert (view.labels, view.task, len(view.clips)) == (("loud",), "many", len(dataset.clips))
    assert np.array_equal(view.targets[:, 0], dataset.targets[:, dataset.labels.index("loud")])
    assert target_view(dataset, "") is dataset


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_results_of_a_target_are_read_back_as_documented(make_plan: MakePlan, executor: str) -> None:
    plan = make_plan(targets=["loud", "quiet"], training_sizes=[8], executor=executor, workers=2)
    assert ExperimentRunner(plan).run().n_done == 8
    journal = read_journal(plan.folder)
    assert {trial.target for trial in journal.trials} == {"loud", "quiet"}
    assert journal.dataset.labels == ("loud", "middle", "quiet")
    for done in ResultsStore(plan.folder).load_all(journal.keys).values():
        clips, probabilities = done.predictions()
        assert probabilities.shape == (12, 1)
        targets = target_view(journal.dataset, done.trial.target).targets[clips]
        assert done.metrics["roc_auc"] == Metric("roc_auc", "many")(targets, probabilities)
        assert done.metrics["roc_auc"] is not None
        assert done.metrics["roc_auc"] > 0.8
        assert done.facts["peak_memory_bytes"] > 0
    assert ExperimentRunner(plan).run().is_complete
