"""Look-up in the tables of frontends and recipes (`recipes.py`), and how to add to them.

A third party adds its own with `register_recipe` and `register_frontend`, or from an installed package through the
entry point group `earmark.models`, whose functions are called once, without arguments, before the first look-up.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from earmark.core.errors import ConfigError, ModelError, did_you_mean
from earmark.models.recipes import FRONTENDS, RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.data.dataset import Task
    from earmark.features.base import Frontend
    from earmark.models.base import Classifier, Recipe

__all__ = [
    "FRONTENDS",
    "RECIPES",
    "build_classifier",
    "build_frontend",
    "find_recipe",
    "recipe_names",
    "register_frontend",
    "register_recipe",
]

ENTRY_POINT_GROUP = "earmark.models"


def register_recipe(recipe: Recipe) -> None:
    """Add a recipe to the table.

    Raises:
        ConfigError: The name is taken, or the recipe's frontend is not in the table of frontends.
    """
    if recipe.name in RECIPES:
        raise ConfigError(f'recipe "{recipe.name}" is in the table already; choose another name')
    if recipe.frontend not in FRONTENDS:
        hint = did_you_mean(recipe.frontend, FRONTENDS)
        raise ConfigError(f'recipe "{recipe.name}": frontend "{recipe.frontend}" is not known{hint}')
    RECIPES[recipe.name] = recipe


def register_frontend(name: str, build: Callable[..., Frontend] | str) -> None:
    """Add a frontend to the table; `build` is called with the options, which must equal `spec.config`.

    Raises:
        ConfigError: The name is taken.
    """
    if name in FRONTENDS:
        raise ConfigError(f'frontend "{name}" is in the table already; choose another name')
    FRONTENDS[name] = build


def recipe_names() -> list[str]:
    """Return the names of all recipes, third parties' too."""
    _load_entry_points()
    return sorted(RECIPES)


def find_recipe(name: str) -> Recipe:
    """Return the recipe of this name.

    Raises:
        ConfigError: No recipe has it; the message names the nearest.
    """
    _load_entry_points()
    if name not in RECIPES:
        raise ConfigError(f'recipe "{name}" is not known{did_you_mean(name, RECIPES)}')
    return RECIPES[name]


def build_frontend(name: str, options: dict[str, Any]) -> Frontend:
    """Return the frontend of this name with these options.

    Raises:
        ConfigError: The name or an option is not known, or a value is refused.
    """
    _load_entry_points()
    if name not in FRONTENDS:
        raise ConfigError(f'frontend "{name}" is not known{did_you_mean(name, FRONTENDS)}')
    frontend: Frontend = _call(FRONTENDS[name], f'frontend "{name}"', options)
    return frontend


def build_classifier(recipe: Recipe, task: Task, options: dict[str, Any]) -> Classifier:
    """Return the recipe's untrained classifier; `options` override the recipe's own.

    Raises:
        ConfigError: An option is not known, or a value is refused.
    """
    merged = {"task": task} | recipe.classifier_options | options
    classifier: Classifier = _call(recipe.classifier, f'the classifier of recipe "{recipe.name}"', merged)
    return classifier


def _call(target: Callable[..., Any] | str, what: str, options: dict[str, Any]) -> Any:
    build = _load(target, what) if isinstance(target, str) else target
    known = _parameter_names(build)
    for option in options:
        if known is not None and option not in known:
            raise ConfigError(f'{what}: option "{option}" is not known{did_you_mean(option, known)}')
    return build(**options)


def _load(target: str, what: str) -> Callable[..., Any]:
    module, _, attribute = target.partition(":")
    try:
        build: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ModelError(f'{what}: "{target}" cannot be loaded ({error}); expected "package.module:name"') from error
    return build


def _parameter_names(build: Callable[..., Any]) -> list[str] | None:
    """Return the names that a builder takes, or None if it takes any and checks them itself."""
    import inspect

    parameters = inspect.signature(build).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return [parameter.name for parameter in parameters]


@lru_cache(maxsize=1)
def _load_entry_points() -> None:
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINT_GROUP):
        point.load()()
