"""Paired comparisons: symmetric, exact where they can be, and right as often as they say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.errors import DataError, ModelError
from earmark.evaluation.compare import compare_metric, compare_paired, holm, sign_flip_tests
from earmark.evaluation.metrics import Metric

if TYPE_CHECKING:
    from .conftest import Simulate


def test_six_folds_that_all_agree_give_the_smallest_possible_p_value(rng: np.random.Generator) -> None:
    a = np.array([0.98, 0.97, 0.99, 0.96, 0.98, 0.97])
    compared = compare_paired(a, a - 0.1 - 0.01 * np.arange(6), np.arange(6).astype(np.str_), rng)
    assert compared.p_value == 2 / 2**6
    assert compared.difference == pytest.approx(0.125)
    assert 0 < compared.low < compared.difference < compared.high
    assert compared.method == "exact sign-flip test over groups; jackknife over groups, Student t"


def test_equal_models_have_no_difference(one: Simulate, rng: np.random.Generator) -> None:
    made = one(60, 3, 1.5)
    compared = compare_paired(made.right, made.right, made.groups, rng)
    assert (compared.difference, compared.low, compared.high, compared.p_value) == (0, 0, 0, 1)
    both = (made.probabilities, made.probabilities)
    assert compare_metric(Metric("roc_auc"), made.targets, both, made.groups, rng).p_value == 1


@pytest.mark.parametrize("n_groups", [6, 30, 150])
def test_swapping_the_models_mirrors_the_comparison(one: Simulate, n_groups: int) -> None:
    a, b = one(300, 3, 1.5, n_groups=n_groups), one(300, 3, 1.2, n_groups=n_groups)
    there = compare_paired(a.right, b.right, a.groups, np.random.default_rng(1))
    back = compare_paired(b.right, a.right, a.groups, np.random.default_rng(1))
    assert back.difference == -there.difference
    assert back.p_value == there.p_value
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))


@pytest.mark.parametrize("n_groups", [6, 30, 150])
def test_accuracy_compared_as_a_metric_equals_accuracy_compared_clip_by_clip(one: Simulate, n_groups: int) -> None:
    a, b = one(300, 3, 1.5, n_groups=n_groups), one(300, 3, 1.2, n_groups=n_groups)
    both = (a.probabilities, b.probabilities)
    whole = compare_metric(Metric("accuracy"), a.targets, both, a.groups, np.random.default_rng(1))
    by_clip = compare_paired(a.right, b.right, a.groups, np.random.default_rng(1))
    assert whole.method == by_clip.method
    assert (whole.difference, whole.p_value) == pytest.approx((by_clip.difference, by_clip.p_value))
    assert (whole.low, whole.high) == pytest.approx((by_clip.low, by_clip.high))


def test_a_better_ranking_is_found_by_roc_auc(one: Simulate, rng: np.random.Generator) -> None:
    a, b = one(300, 3, 2.5, n_groups=12), one(300, 3, 1.0, n_groups=12)
    compared = compare_metric(Metric("roc_auc"), a.targets, (a.probabilities, b.probabilities), a.groups, rng)
    assert compared.low > 0
    assert compared.p_value < 0.01


def test_independent_clips_get_mcnemar() -> None:
    a, b = np.ones(40), np.ones(40)
    a[:2], b[2:12] = 0, 0  # A alone is right 10 times, B alone twice
    compared = compare_paired(a, b, np.arange(40).astype(np.str_), np.random.default_rng(0))
    assert compared.method.startswith("McNemar exact test; ")
    assert compared.p_value == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    same = compare_paired(a, a, np.arange(40).astype(np.str_), np.random.default_rng(0))
    assert same.p_value == 1


def test_scores_that_are_not_right_or_wrong_do_not_get_mcnemar(rng: np.random.Generator) -> None:
    scores = rng.random(40)
    compared = compare_paired(scores, scores**2, np.arange(40).astype(np.str_), rng)
    assert compared.method.startswith("sign-flip test over groups")
    assert compared.p_value == pytest.approx(1 / 5001)


def test_equal_models_are_called_different_as_rarely_as_the_p_value_says(rng: np.random.Generator) -> None:
    groups = np.repeat(np.arange(8), 10).astype(np.str_)
    found = []
    for _ in range(400):
        shared = np.repeat(rng.normal(size=(2, 8)), 10, axis=1)  # each model has its good and bad groups
        a, b = shared + 0.3 * rng.normal(size=(2, 80))
        found.append(compare_paired(a, b, groups, rng))
    assert np.mean([compared.p_value <= 0.05 for compared in found]) == pytest.approx(0.05, abs=0.03)
    assert np.mean([compared.low <= 0 <= compared.high for compared in found]) == pytest.approx(0.95, abs=0.03)


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_holm_raises_p_values_and_keeps_their_order(p_values: dict[str, float]) -> None:
    adjusted = holm(p_values)
    assert list(adjusted) == list(p_values)
    for name, value in p_values.items():
        assert value <= adjusted[name] <= 1
        assert all(adjusted[name] <= adjusted[other] for other in p_values if p_values[other] > value)


def test_holm_on_the_textbook_case() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )
    with pytest.raises(DataError, match='p-value of "a": nan, expected 0 to 1'):
        holm({"a": float("nan")})


def test_garbage_is_refused(rng: np.random.Generator) -> None:
    groups = np.array(["a", "b", "b"])
    with pytest.raises(DataError, match=r"shapes \(3,\) and \(2,\), expected \(n_clips,\) of the same clips"):
        compare_paired(np.ones(3), np.ones(2), groups, rng)
    with pytest.raises(DataError, match="found NaN or infinity"):
        compare_paired(np.ones(3), np.array([1, np.nan, 1]), groups, rng)
    with pytest.raises(DataError, match="at least 2 groups"):
        compare_paired(np.ones(3), np.ones(3), np.full(3, "a"), rng)
    eye = np.eye(3)
    with pytest.raises(ModelError, match="expected 0 to 1"):
        compare_metric(Metric("accuracy"), eye, (eye, eye * 2), groups, rng)
    lonely = np.array([[1.0], [0.0], [0.0]])
    with pytest.raises(DataError, match='undefined without group "a"'):
        compare_metric(Metric("roc_auc", "many"), lonely, (lonely, lonely), groups, rng)
    with pytest.raises(DataError, match="undefined on these clips"):
        compare_metric(Metric("roc_auc", "many"), lonely * 0, (lonely, lonely), groups, rng)


def test_comparison_is_plain_json(rng: np.random.Generator) -> None:
    compared = compare_paired(np.array([1, 0, 1]), np.array([0, 0, 1]), np.array(["a", "b", "c"]), rng)
    assert json.loads(json.dumps(compared.to_dict()))["n_groups"] == 3


def test_sums_over_groups_are_tested_like_scores_of_clips() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random(30), rng.random(30)
    groups = np.repeat(np.arange(10), 3)
    one = compare_paired(a, b, groups, np.random.default_rng(1))
    parts = np.bincount(groups, a - b)
    found = sign_flip_tests(np.stack([parts, -parts, 0 * parts], axis=1), np.random.default_rng(1))
    assert found[:2].tolist() == [one.p_value, one.p_value]
    assert found[2] == 1


def test_many_groups_are_swapped_at_random_and_those_that_add_nothing_do_not_count() -> None:
    parts = np.zeros((100, 1))
    assert sign_flip_tests(parts, np.random.default_rng(0)).tolist() == [1.0]
    parts[:6, 0] = 1.0
    assert sign_flip_tests(parts, np.random.default_rng(0)).tolist() == [2 / 2**6]
    parts[:50, 0] = 1.0
    assert sign_flip_tests(parts, np.random.default_rng(0))[0] == pytest.approx(1 / 5001)


def test_contributions_that_are_not_finite_are_refused() -> None:
    with pytest.raises(DataError, match="expected finite numbers"):
        sign_flip_tests(np.full((3, 1), np.nan), np.random.default_rng(0))
