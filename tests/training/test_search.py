"""Grids are expanded in order, scored on unseen groups, and refused when they are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import ConfigError, DataError
from earmark.training import search_grid
from earmark.training.search import expand_grid, folds_within

if TYPE_CHECKING:
    from earmark.data.dataset import Dataset
    from earmark.training import Material, TrainingOptions


def test_a_grid_is_every_combination_in_order() -> None:
    grid: dict[str, list[Any]] = {"C": [1, 2], "gamma": ["scale", 0.1]}
    combinations = [(1, "scale"), (1, 0.1), (2, "scale"), (2, 0.1)]
    assert expand_grid(grid) == [{"C": c, "gamma": gamma} for c, gamma in combinations]


def test_points_come_best_first_and_of_equals_the_first(material: Material, options: TrainingOptions) -> None:
    result = search_grid(material, np.arange(36), options, {"C": [1e-7, 1.0, 1.0000001]})
    assert [point.score for point in result.points] == sorted((p.score for p in result.points), reverse=True)
    assert result.best.options == {"C": 1.0}
    assert result.metric == "balanced_accuracy"


def test_several_labels_are_searched_by_average_precision(chords: Dataset, options: TrainingOptions) -> None:
    from earmark.training import prepare

    result = search_grid(prepare(chords, options), np.arange(48), options, {"C": [1.0]})
    assert result.metric == "average_precision"


def test_a_point_without_a_score_comes_last(
    material: Material, options: TrainingOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.evaluation.metrics import Metric

    scores: list[Any] = [None, 0.5]
    monkeypatch.setattr(Metric, "__call__", lambda *_: scores.pop(0))
    result = search_grid(material, np.arange(36), options, {"C": [1.0, 2.0]})
    assert [point.options["C"] for point in result.points] == [2.0, 1.0]


@pytest.mark.parametrize("grid", [None, {}, {"C": []}])
def test_without_values_there_is_no_grid(material: Material, options: TrainingOptions, grid: Any) -> None:
    with pytest.raises(ConfigError, match='recipe "level" has no grid; name the values'):
        search_grid(material, np.arange(36), options, grid)


def test_unknown_options_in_a_grid_are_named(material: Material, options: TrainingOptions) -> None:
    with pytest.raises(ConfigError, match='option "gama" is not known'):
        search_grid(material, np.arange(36), options, {"gama": [1]})


@pytest.mark.parametrize(
    ("spec", "n_folds"),
    [
        ("grouped:2", 2),
        ("grouped:50", 4),
        ("given", 4),
        ("given:drop-shared", 4),
        ("parts:70/15/15", 4),
        ("leave-one-group-out", 4),
    ],
)
def test_folds_within_some_clips_are_grouped_and_hold_nothing_else(tones: Dataset, spec: str, n_folds: int) -> None:
    rows = np.flatnonzero(np.isin(tones.groups, ["ada", "cleo", "dan", "fay"]))
    folds = folds_within(tones, rows, spec, np.random.default_rng(0))
    assert len(folds) == n_folds
    assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == rows.tolist()
    for fold in folds:
        assert set(fold.train) | set(fold.test) == set(rows)
        assert not set(tones.groups[fold.train]) & set(tones.groups[fold.test])


def test_one_group_has_no_folds_within(tones: Dataset) -> None:
    with pytest.raises(DataError, match=r"has 1 group \(ada\), expected at least 2"):
        folds_within(tones, np.arange(6), "grouped:5", np.random.default_rng(0))
