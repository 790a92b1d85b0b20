"""The table of models under the name that other tools use for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.models.table import build_classifier, find_recipe, recipe_names, register_recipe

if TYPE_CHECKING:
    from earmark.data.dataset import Task
    from earmark.models.base import Classifier, Recipe


class ModelFactory:
    """Makes classifiers by name, and takes new ones.

    Example:
        >>> from earmark.models import ModelFactory
        >>> ModelFactory.create("logistic_regression", C=0.1).score_kind
        'margin'
    """

    @staticmethod
    def register_model(recipe: Recipe) -> None:
        """Add a recipe. Raises ConfigError if its name is taken or its frontend is not known."""
        register_recipe(recipe)

    @staticmethod
    def create(name: str, *, task: Task = "one", **options: Any) -> Classifier:
        """Return a recipe's untrained classifier. Raises ConfigError for a name or option that is not known."""
        return build_classifier(find_recipe(name), task, options)

    @staticmethod
    def names() -> list[str]:
        """Return the names of all recipes."""
        return recipe_names()
