"""Ensembles of boosted trees as one node: the same numbers, also where a value lies on a threshold or is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from earmark.distortion.designs.graph import small_graph
from earmark.distortion.designs.trees import Ensemble, _not_above, fill_untold, trees_node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

OPTIONS: dict[str, Any] = {"max_iter": 12, "min_samples_leaf": 5, "early_stopping": False, "random_state": 0}


def run(models: Sequence[Any], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    content = small_graph(
        "trees",
        [trees_node([Ensemble.of_all(model) for model in models], "features", "out")],
        {},
        (rows.shape[1], len(models)),
        ("out",),
    )
    (found,) = onnxruntime.InferenceSession(content).run(None, {"features": rows})
    return np.asarray(found, dtype=np.float32)


def draw(n_rows: int = 400, dim: int = 4) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 1, (n_rows, dim)).astype(np.float32)


def with_gaps(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    gaps = np.random.default_rng(2).random(rows.shape) < 0.3
    return np.where(gaps, np.float32(np.nan), rows)


def thresholds_of(model: Any) -> list[tuple[int, float]]:
    tables = [stage[0].nodes for stage in model._predictors]
    return [(node["feature_idx"], node["num_threshold"]) for table in tables for node in table if not node["is_leaf"]]


@pytest.fixture(scope="module")
def regressor() -> Any:
    rows = with_gaps(draw())
    target = np.nan_to_num(rows[:, 0], nan=2.0) + (np.nan_to_num(rows[:, 1]) > 0.3)
    return HistGradientBoostingRegressor(**OPTIONS).fit(rows, target)


@pytest.fixture(scope="module")
def classifier() -> Any:
    rows = draw()
    return HistGradientBoostingClassifier(**OPTIONS).fit(rows, rows[:, 2] * rows[:, 3] > 0)


def test_each_model_has_its_column(regressor: Any, classifier: Any) -> None:
    rows = draw(100)
    found = run([regressor, classifier, regressor], rows)
    assert found.shape == (100, 3)
    np.testing.assert_allclose(found[:, 0], regressor.predict(rows), atol=1e-5)
    np.testing.assert_allclose(found[:, 1], classifier.decision_function(rows), atol=1e-5)
    np.testing.assert_array_equal(found[:, 2], found[:, 0])


def test_missing_values_go_where_they_went_in_training(regressor: Any) -> None:
    rows = np.concatenate([with_gaps(draw(200)), np.full((1, 4), np.nan, dtype=np.float32)])
    np.testing.assert_allclose(run([regressor], rows)[:, 0], regressor.predict(rows), atol=1e-5)


def test_a_split_on_what_is_missing_alone_is_kept() -> None:
    rows = np.zeros((60, 1), dtype=np.float32)
    rows[::2] = np.nan
    model = HistGradientBoostingRegressor(**OPTIONS).fit(rows, np.isnan(rows[:, 0]).astype(np.float64))
    tried = np.array([[np.nan], [0], [1e30], [-np.inf], [np.inf]], dtype=np.float32)
    found = run([model], tried)[:, 0]
    np.testing.assert_allclose(found, model.predict(tried), atol=1e-5)
    assert found[0] - found[1] > 0.5


@pytest.mark.parametrize("which", ["regressor", "classifier"])
def test_values_on_and_beside_a_threshold_take_the_same_way(which: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(which)
    splits = thresholds_of(model)
    assert len(splits) > 20
    rows = []
    for feature, threshold in splits:
        at = np.float32(threshold)
        for value in (np.nextafter(at, np.float32(-np.inf)), at, np.nextafter(at, np.float32(np.inf))):
            row = draw(1)[0]
            row[feature] = value
            rows.append(row)
    table = np.array(rows, dtype=np.float32)
    expected = model.predict(table) if which == "regressor" else model.decision_function(table)
    np.testing.assert_allclose(run([model], table)[:, 0], expected, atol=1e-5)


def test_rounded_thresholds_are_never_above_and_the_nearest_below() -> None:
    thresholds = np.concatenate([np.random.default_rng(3).normal(0, 10, 500), [0.0, 0.5, 0.1, -0.1, np.inf]])
    rounded = _not_above(thresholds)
    assert np.all(rounded <= thresholds)
    assert np.all(np.nextafter(rounded.astype(np.float32), np.float32(np.inf))[:-1] > thresholds[:-1])
    np.testing.assert_array_equal(rounded, rounded.astype(np.float32))
    assert rounded[-1] == np.inf


def test_what_no_clip_tells_is_learned_from_as_if_it_were_the_same_for_all() -> None:
    rows = with_gaps(draw(80))
    rows[:, 1] = np.nan
    before = rows.copy()
    filled = fill_untold(rows)
    assert not filled[:, 1].any()
    np.testing.assert_array_equal(filled[:, [0, 2, 3]], rows[:, [0, 2, 3]])
    np.testing.assert_array_equal(rows, before)
    model = HistGradientBoostingRegressor(**OPTIONS).fit(filled, np.nan_to_num(rows[:, 0]))
    assert 1 not in {feature for feature, _ in thresholds_of(model)}
    np.testing.assert_allclose(run([model], rows)[:, 0], model.predict(rows), atol=1e-5)
