from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ConfigError, DataError, LeakError
from earmark.data.loading import load_dataset
from earmark.experiments.grid import canonical_positions, distinct, make_grid, shard_of
from earmark.models.base import Recipe
from earmark.models.classical import LogisticRegression
from earmark.models.table import register_recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.data.dataset import Dataset
    from earmark.experiments import ExperimentConfig

    MakePlan = Callable[..., ExperimentConfig]


@pytest.fixture
def dataset(tones: Path) -> Dataset:
    return load_dataset(tones)


def test_the_grid_is_models_by_sizes_by_folds_by_seeds(make_plan: MakePlan, dataset: Dataset) -> None:
    plan = make_plan([{"recipe": "level", "name": "a"}, "level"], training_sizes=[6, 12, "all"], seeds=2)
    grid = make_grid(plan, dataset)
    assert len(grid.jobs) == 2 * 3 * 4 * 2
    assert {(job.trial.size, len(job.train)) for job in grid.jobs} == {(6, 6), (12, 12), ("all", 36)}
    assert grid.jobs[0].trial.title == 'a, 6 clips, fold "ada", seed 0'


def test_no_group_is_trained_and_tested_on_and_subsets_are_nested(make_plan: MakePlan, dataset: Dataset) -> None:
    jobs = make_grid(make_plan(training_sizes=[6, 12, "all"]), dataset).jobs
    for job in jobs:
        assert not set(dataset.groups[job.train]) & set(dataset.groups[job.test])
    by_fold = [[set(job.train.tolist()) for job in jobs if job.trial.fold == fold] for fold in ("ada", "dan")]
    assert all(small < middle < large for small, middle, large in by_fold)


def test_all_models_learn_from_the_same_clips(make_plan: MakePlan, dataset: Dataset) -> None:
    jobs = make_grid(make_plan(["level", "logistic_regression"], seeds=2), dataset).jobs
    for one, other in zip(jobs[::2], jobs[1::2], strict=True):
        assert one.trial.model != other.trial.model
        assert one.train.tolist() == other.train.tolist()


def test_renaming_a_model_repeats_no_work(make_plan: MakePlan, dataset: Dataset) -> None:
    grid = make_grid(make_plan(["level", {"recipe": "level", "name": "again"}]), dataset)
    assert len(grid.jobs) == 8
    assert len(distinct(grid.jobs)) == len(grid.keys) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"models": [{"recipe": "level", "classifier": {"C": 2.0}}]},
        {"models": [{"recipe": "level", "frontend": {"n_parts": 4}}]},
        {"models": [{"recipe": "level", "aggregate": "max"}]},
        {"training_sizes": [9]},
        {"seeds": [1]},
        {"folds": "grouped:2"},
    ],
)
def test_whatever_may_change_a_number_changes_the_key(
    make_plan: MakePlan, dataset: Dataset, change: dict[str, object]
) -> None:
    before = make_grid(make_plan(), dataset).keys
    assert not set(before) & set(make_grid(make_plan(**change), dataset).keys)


def test_the_order_of_clips_changes_no_key(make_plan: MakePlan, dataset: Dataset) -> None:
    turned = dataset.with_clips(dataset.clips[::-1])
    assert make_grid(make_plan(seeds=2), dataset).keys == make_grid(make_plan(seeds=2), turned).keys
    positions = canonical_positions(turned)
    assert [turned.clips[i].id for i in np.argsort(positions)] == sorted(clip.id for clip in dataset.clips)


def test_sizes_that_a_fold_cannot_give_are_left_out_and_said(make_plan: MakePlan, dataset: Dataset) -> None:
    grid = make_grid(make_plan(training_sizes=[6, 37, 100]), dataset)
    assert {job.trial.size for job in grid.jobs} == {6}
    assert grid.notes == ('training sizes 37, 100 were left out: fold "ada" has 36 training clips',)
    with pytest.raises(ConfigError, match='training_sizes: found 37, but fold "ada" has 36 training clips'):
        make_grid(make_plan(training_sizes=[37]), dataset)


def test_a_size_smaller_than_the_number_of_labels_is_refused(make_plan: MakePlan, dataset: Dataset) -> None:
    with pytest.raises(DataError, match="training size 2, expected at least 3"):
        make_grid(make_plan(training_sizes=[2]), dataset)


def test_given_folds_that_share_groups_need_a_reason(make_plan: MakePlan, dataset: Dataset) -> None:
    with pytest.raises(LeakError, match="on both sides"):
        make_grid(make_plan(folds="given"), dataset)
    grid = make_grid(make_plan(folds="given", allow_shared_groups="the published split"), dataset)
    assert grid.leaks == ("ada", "ben", "cleo", "dan")


def test_options_must_have_a_name_in_json(make_plan: MakePlan, dataset: Dataset) -> None:
    plan = make_plan([{"recipe": "level", "classifier": {"C": {1, 2}}}])
    with pytest.raises(ConfigError, match='model "level": options must be JSON-like'):
        make_grid(plan, dataset)


def test_shards_are_disjoint_and_together_everything(make_plan: MakePlan, dataset: Dataset) -> None:
    jobs = make_grid(make_plan(seeds=3), dataset).jobs
    parts = [shard_of(jobs, index, 5) for index in range(5)]
    assert sorted(job.trial.key for part in parts for job in part) == sorted(job.trial.key for job in jobs)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    with pytest.raises(ConfigError, match="shard 5/5: expected k/n with k from 0 to n - 1"):
        shard_of(jobs, 5, 5)


def test_the_order_of_clips_changes_no_training_set(make_plan: MakePlan, dataset: Dataset) -> None:
    turned = dataset.with_clips(dataset.clips[::-1])
    plan = make_plan(training_sizes=[9, "all"])
    for job, other in zip(make_grid(plan, dataset).jobs, make_grid(plan, turned).jobs, strict=True):
        assert [dataset.clips[row].id for row in job.train] == [turned.clips[row].id for row in other.train]


def test_sound_that_changes_under_the_same_name_changes_the_keys(
    make_plan: MakePlan, tones: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tones, tmp_path / "sound")
    dataset = load_dataset(folder)
    before = make_grid(make_plan(), dataset).keys
    for path in folder.glob("ada-*.wav"):
        path.write_bytes(path.read_bytes()[:-2] + b"\x01\x02")
    assert not set(before) & set(make_grid(make_plan(), dataset).keys)


def test_a_classifier_without_a_name_is_refused(make_plan: MakePlan, dataset: Dataset) -> None:
    register_recipe(Recipe("nameless", "", frontend="level", classifier=partial(LogisticRegression, C=0.5)))
    with pytest.raises(ConfigError, match=r'recipe "nameless": .* has no name to keep results under'):
        make_grid(make_plan(["nameless"]), dataset)
