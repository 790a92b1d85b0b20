"""Designs behind the contract of classifiers, and the recipes that name them."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import ConfigError, MissingExtraError
from earmark.distortion.designs import PresenceClassifier, register
from earmark.distortion.designs.classifiers import (
    boosting_classifier,
    embedding_classifier,
    midside_classifier,
    perceptron_classifier,
)
from earmark.distortion.designs.networks import EmbeddingNetwork
from earmark.distortion.designs.options import EmbeddingOptions
from earmark.distortion.designs.recipes import DISTORTION_RECIPES
from earmark.encoders.session import OnnxGraph
from earmark.encoders.weights import weights_at_hand
from earmark.models import build_classifier, build_frontend, find_recipe, table
from earmark.models.base import FitContext, Recipe, TakesContext

if TYPE_CHECKING:
    from tests.distortion.designs.conftest import Rows

pytest.importorskip("torch")


def head(**options: Any) -> PresenceClassifier:
    chosen = {"batch": 16, "learning_rate": 0.01, "dropout": 0.0, **options}
    return PresenceClassifier(EmbeddingNetwork(options=EmbeddingOptions(**chosen)))


def test_a_design_is_a_classifier_too(vectors: Rows) -> None:
    classifier = head(epochs=10)
    assert isinstance(classifier, TakesContext)
    assert classifier.score_kind == "margin"
    classifier.context = FitContext(groups=vectors.groups)
    classifier.fit(vectors.features, vectors.presence, np.random.default_rng(1))
    scores = classifier.scores(vectors.features)
    assert ((scores > 0) == (vectors.presence > 0)).mean() > 0.9
    assert len(classifier.history) == 10
    assert classifier.remarks == ()
    graph = OnnxGraph(classifier.to_onnx())
    np.testing.assert_allclose(graph(vectors.features), scores, atol=1e-4)
    again: PresenceClassifier = pickle.loads(pickle.dumps(classifier))  # noqa: S301 - packed on this line
    np.testing.assert_allclose(again.scores(vectors.features), scores, atol=1e-5)
    assert again.context.groups is None


def test_without_groups_each_row_is_a_track_of_its_own(vectors: Rows) -> None:
    classifier = head(epochs=1)
    classifier.fit(vectors.features, vectors.presence, np.random.default_rng(1))
    assert "validation_f1" in classifier.history[-1]


def test_boosting_is_a_classifier_without_severities(vectors: Rows) -> None:
    classifier = boosting_classifier(n_trees=20)
    features = np.concatenate([vectors.features, np.ones_like(vectors.features)], axis=1)
    classifier.fit(features, vectors.presence, np.random.default_rng(1))
    scores = classifier.scores(features)
    assert ((scores > 0) == (vectors.presence > 0)).mean() > 0.9
    np.testing.assert_allclose(OnnxGraph(classifier.to_onnx())(features), scores, atol=1e-4)


@pytest.mark.parametrize("recipe", DISTORTION_RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_builds_and_takes_its_grid(recipe: Recipe) -> None:
    assert find_recipe(recipe.name) is table.RECIPES[recipe.name]
    for option, values in recipe.grid.items():
        for value in values:
            classifier: Any = build_classifier(recipe, "many", {option: value})
            assert getattr(classifier.options, option) == value
    if all(weights_at_hand(name) for name in recipe.weights):
        frontend = build_frontend(recipe.frontend, recipe.frontend_options)
        assert frontend.spec.native
        assert frontend.spec.name == recipe.frontend
        assert build_frontend(recipe.frontend, frontend.spec.config).spec == frontend.spec


def test_recipes_join_the_tables_once() -> None:
    before = dict(table.RECIPES), dict(table.FRONTENDS)
    register()
    assert before == (table.RECIPES, table.FRONTENDS)


def test_options_are_checked() -> None:
    for option in ("mixup", "mel_masks", "time_masks"):  # they would hide what is to be found
        with pytest.raises(ConfigError, match=option):
            midside_classifier("many", **{option: 1})
    with pytest.raises(ConfigError, match=r'recipe "panns_midside".*epocs'):
        embedding_classifier(encoded="panns_midside", epocs=3)
    with pytest.raises(ConfigError, match=r'recipe "measures_perceptron".*n_knots'):
        perceptron_classifier(n_knots=1)
    with pytest.raises(ConfigError, match='recipe "measures_blend": option "n_trees" is not known'):
        build_classifier(find_recipe("measures_blend"), "many", {"n_trees": 3})
    with pytest.raises(ConfigError, match='option "n_leafs" is not known; did you mean "n_leaves"'):
        boosting_classifier(n_leafs=3)


def test_without_torch_it_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earmark.distortion.designs.classifiers.find_spec", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingExtraError, match='recipe "midside"'):
        midside_classifier()
