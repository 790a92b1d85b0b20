"""Points and paired tests of experiments on targets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.evaluation.metrics import Metric
from earmark.experiments.by_target import MEAN, TargetFindings
from earmark.experiments.forecasts import needs
from earmark.experiments.journal import read_journal
from earmark.experiments.results import ResultsStore
from earmark.experiments.target_areas import left_out_areas, pairs_at
from earmark.experiments.target_report import find_targets
from earmark.experiments.targets import target_view

from .conftest import SMALL

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Simulated


def found_in(folder: Path) -> TargetFindings:
    return find_targets(read_journal(folder), ResultsStore(folder))


def test_a_point_is_the_mean_over_folds_and_the_mean_over_targets_their_mean(simulated: Simulated) -> None:
    findings = found_in(simulated())
    on = {target: findings.point("svm", target, 16) for target in ("coyote", "bullfrog", MEAN)}
    values = findings.values("svm", 16)
    assert values.shape == (2, 3)
    assert [round(point.value, 9) for point in on.values() if point] == [
        round(value, 9) for value in (values[0].mean(), values[1].mean(), values.mean())
    ]
    assert all(point is not None and point.low is not None and point.low < point.value for point in on.values())
    assert findings.models == ("birdnet", "svm", "random_forest")
    assert findings.sizes == (0, 4, 8, 16)
    assert findings.best_size == 16


def test_values_are_areas_of_the_stored_probabilities(simulated: Simulated) -> None:
    findings = found_in(simulated())
    cell, clips = findings.cells["coyote", "1"]
    (scores,) = findings.scores("svm", "coyote", 8, "1")
    targets = target_view(findings.journal.dataset, "coyote").targets[clips]
    assert cell.positive.sum() == targets.sum() > 0
    area = Metric("roc_auc", "many")(targets, scores[:, None].astype(np.float32))
    assert findings.values("svm", 8)[0, 1] == pytest.approx(area)


def test_the_best_curve_is_known_with_its_largest_complete_size(simulated: Simulated) -> None:
    findings = found_in(simulated())
    assert findings.best is not None
    curve, at = findings.best
    assert (curve.model, curve.sizes[at], curve.sizes) == ("birdnet", 16, (0, 4, 8, 16))
    assert found_in(simulated(skip=lambda _: True)).best is None


def test_zero_shot_is_a_size_of_those_models_alone_that_can(simulated: Simulated) -> None:
    findings = found_in(simulated(replace(SMALL, n_seeds=2)))
    assert findings.point("svm", MEAN, 0) is None
    assert not findings.has_trials("svm", 0)
    point = findings.point("birdnet", MEAN, 0)
    assert point is not None
    assert (point.n_train, point.n_folds, point.is_complete) == (0, 3, True)
    assert len(findings.scores("birdnet", "coyote", 0, "0")) == 1
    assert len(findings.scores("birdnet", "coyote", 4, "0")) == 2


def test_the_mean_waits_for_every_target(simulated: Simulated) -> None:
    folder = simulated(skip=lambda trial: (trial.model, trial.target, trial.size) == ("svm", "coyote", 16))
    findings = found_in(folder)
    assert findings.point("svm", MEAN, 16) is None
    assert findings.missing_targets("svm", 16) == ("coyote",)
    assert findings.best_size == 8
    assert findings.n_missing == 3


def test_a_size_that_a_target_cannot_give_has_no_mean(simulated: Simulated) -> None:
    findings = found_in(simulated(replace(SMALL, absent=(("coyote", 16),))))
    assert findings.point("birdnet", MEAN, 16) is None
    assert findings.point("birdnet", "bullfrog", 16) is not None
    assert "coyote" not in pairs_at(findings, 16)


def test_all_is_left_out_where_it_adds_nothing(simulated: Simulated) -> None:
    findings = found_in(simulated(replace(SMALL, sizes=(8, 40, "all"))))
    assert findings.sizes == (8, 40)
    assert found_in(simulated(replace(SMALL, sizes=(8, "all")))).sizes == (8, "all")


def test_the_better_model_stands_first_and_p_values_are_corrected(simulated: Simulated) -> None:
    findings = found_in(simulated())
    pairs = pairs_at(findings, 16)
    assert set(pairs) == {MEAN, "coyote", "bullfrog"}
    assert len(pairs[MEAN]) == 3
    for pair in pairs[MEAN]:
        better, worse = (findings.point(model, MEAN, 16) for model in (pair.model_a, pair.model_b))
        assert better is not None
        assert worse is not None
        assert pair.comparison.difference == pytest.approx(better.value - worse.value)
        assert pair.comparison.low < pair.comparison.difference < pair.comparison.high
        assert pair.p_holm >= pair.comparison.p_value
    (clear,) = [pair for pair in pairs[MEAN] if {pair.model_a, pair.model_b} == {"birdnet", "random_forest"}]
    assert clear.model_a == "birdnet"
    assert clear.p_holm < 0.01
    assert pairs_at(findings, 0) == {}


def test_other_metrics_are_compared_fold_by_fold(simulated: Simulated) -> None:
    findings = found_in(simulated(replace(SMALL, metric="log_loss")))
    pairs = pairs_at(findings, 16)
    for pair in pairs[MEAN]:
        assert pair.comparison.n_groups == 3
        assert pair.comparison.difference <= 0
    assert needs(findings) == []
    point = findings.point("svm", MEAN, 16)
    assert point is not None
    assert point.high is not None
    one_fold = found_in(simulated(replace(SMALL, metric="log_loss", n_folds=1)))
    assert pairs_at(one_fold, 16) == {}


def test_one_fold_has_intervals_over_groups(simulated: Simulated) -> None:
    findings = found_in(simulated(replace(SMALL, n_folds=1)))
    point = findings.point("svm", MEAN, 16)
    assert point is not None
    assert point.method == "jackknife over groups, Student t"
    assert point.low is not None
    assert point.low < point.value
    left_out = left_out_areas(findings, "svm", findings.targets, 16)
    assert np.isfinite(left_out).all()
    assert np.isnan(left_out_areas(findings, "svm", findings.targets, 0)).all()


def test_forecasts_are_for_the_mean_and_each_target(simulated: Simulated) -> None:
    findings = found_in(simulated())
    told = needs(findings, goal=0.9)
    assert [(need.model, need.target) for need in told[:3]] == [
        ("birdnet", MEAN),
        ("birdnet", "coyote"),
        ("birdnet", "bullfrog"),
    ]
    assert all(need.forecast.largest == 16 for need in told)
    assert told[0].to_dict()["goal"] == 0.9
    single = found_in(simulated(replace(SMALL, targets=("coyote",), sizes=(0,))))
    assert needs(single) == []
