"""Recipes, classifiers, calibration and bundles."""

from earmark.models.base import Classifier, Recipe, ScoreKind
from earmark.models.bundle import Bundle, load_bundle, save_bundle, shipped_bundles
from earmark.models.calibrate import Calibration, choose_thresholds, fit_calibration
from earmark.models.factory import ModelFactory
from earmark.models.scores import Scores
from earmark.models.table import (
    build_classifier,
    build_frontend,
    find_recipe,
    recipe_names,
    register_frontend,
    register_recipe,
)

__all__ = [
    "Bundle",
    "Calibration",
    "Classifier",
    "ModelFactory",
    "Recipe",
    "ScoreKind",
    "Scores",
    "build_classifier",
    "build_frontend",
    "choose_thresholds",
    "find_recipe",
    "fit_calibration",
    "load_bundle",
    "recipe_names",
    "register_frontend",
    "register_recipe",
    "save_bundle",
    "shipped_bundles",
]
