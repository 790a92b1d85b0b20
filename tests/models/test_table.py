"""Recipes and frontends are found by name; a user's own can be added."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import ConfigError, ModelError
from earmark.encoders.transformer_files import DEFAULT_MODELS
from earmark.encoders.weights import weights_at_hand
from earmark.features.base import LevelFrontend
from earmark.models import table
from earmark.models.base import Recipe
from earmark.models.classical import LogisticRegression
from earmark.models.factory import ModelFactory
from earmark.models.table import (
    build_classifier,
    build_frontend,
    find_recipe,
    recipe_names,
    register_frontend,
    register_recipe,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _tables_as_they_were() -> Iterator[None]:
    recipes, frontends = dict(table.RECIPES), dict(table.FRONTENDS)
    yield
    for current, before in ((table.RECIPES, recipes), (table.FRONTENDS, frontends)):
        current.clear()
        current.update(before)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_builds(name: str) -> None:
    recipe = find_recipe(name)
    missing = [weights for weights in recipe.weights if weights_at_hand(weights) is None]
    if missing:
        pytest.skip(f"weights {', '.join(missing)} are not on this machine")
    options = {"model": "tiny-random"} if recipe.frontend in DEFAULT_MODELS else recipe.frontend_options
    frontend = build_frontend(recipe.frontend, options)
    assert frontend.spec.name == recipe.frontend
    assert build_frontend(recipe.frontend, frontend.spec.config).spec.fingerprint == frontend.spec.fingerprint
    for task in ("one", "many"):
        assert build_classifier(recipe, task, {}).score_kind in {"margin", "probability"}


@pytest.mark.parametrize("name", recipe_names())
def test_every_grid_value_is_taken_by_the_classifier(name: str) -> None:
    recipe = find_recipe(name)
    for option, values in recipe.grid.items():
        for value in values:
            classifier = build_classifier(recipe, "one", {option: value})
            assert getattr(getattr(classifier, "options", classifier), option) == value


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match='recipe "smv" is not known; did you mean "svm"'):
        find_recipe("smv")
    with pytest.raises(ConfigError, match='frontend "mffc" is not known; did you mean "mfcc"'):
        build_frontend("mffc", {})
    with pytest.raises(ConfigError, match='option "n_componets" is not known; did you mean "n_components"'):
        build_classifier(find_recipe("svm"), "one", {"n_componets": 3})


def test_own_recipe_and_frontend_join_the_tables() -> None:
    register_frontend("level-fine", lambda n_parts=16: LevelFrontend(n_parts=n_parts))
    register_recipe(Recipe("mine", "Mine", frontend="level-fine", classifier=LogisticRegression))
    recipe = find_recipe("mine")
    assert build_frontend(recipe.frontend, {"n_parts": 4}).spec.shape == (4,)
    assert "mine" in recipe_names()
    with pytest.raises(ConfigError, match="is in the table already"):
        register_recipe(recipe)
    with pytest.raises(ConfigError, match="is in the table already"):
        register_frontend("level-fine", LevelFrontend)


def test_recipe_of_an_unknown_frontend_is_refused() -> None:
    with pytest.raises(ConfigError, match='frontend "levels" is not known; did you mean "level"'):
        register_recipe(Recipe("mine", "Mine", frontend="levels", classifier=LogisticRegression))


def test_recipe_that_cannot_be_loaded_says_what_was_expected() -> None:
    register_recipe(Recipe("broken", "Broken", frontend="level", classifier="no.such.module:Thing"))
    with pytest.raises(ModelError, match=r'"no\.such\.module:Thing" cannot be loaded'):
        build_classifier(find_recipe("broken"), "one", {})


def test_entry_points_are_called_before_the_first_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        def load(self) -> object:
            return lambda: register_recipe(Recipe("theirs", "Theirs", frontend="level", classifier=LogisticRegression))

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Point()] if group == "earmark.models" else [])
    table._load_entry_points.cache_clear()
    assert find_recipe("theirs").summary == "Theirs"
    monkeypatch.undo()
    table._load_entry_points.cache_clear()


def test_factory_makes_and_takes_models() -> None:
    ModelFactory.register_model(Recipe("mine", "Mine", frontend="level", classifier=LogisticRegression))
    assert "mine" in ModelFactory.names()
    made = ModelFactory.create("mine", task="many", C=0.5)
    assert isinstance(made, LogisticRegression)
    assert (made.task, made.C) == ("many", 0.5)
    with pytest.raises(ConfigError, match='did you mean "mine"'):
        ModelFactory.create("mime")
