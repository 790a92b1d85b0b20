"""Recipes and frontends of distortion, which join the tables of models through the entry point group `earmark.models`.

They cannot stand in the tables themselves, which lie on a lower floor.
"""

from __future__ import annotations

from earmark.models.base import Recipe
from earmark.models.recipes import FRONTENDS, RECIPES

_DESIGNS = "earmark.distortion.designs"
_ENCODED = f"{_DESIGNS}.embedding"

DISTORTION_FRONTENDS = {
    "measures": "earmark.distortion.frontend:measures",
    "midside": f"{_DESIGNS}.spectra:midside",
    "measures_midside": f"{_DESIGNS}.joined:measures_midside",
    "mn04_midside": f"{_ENCODED}:mn04_midside",
    "panns_midside": f"{_ENCODED}:panns_midside",
}

DISTORTION_RECIPES = (
    Recipe(
        "measures_boosting",
        "Faults of sound: gradient boosting on what is measured of it",
        frontend="measures",
        classifier=f"{_DESIGNS}.classifiers:boosting_classifier",
        grid={"n_leaves": (7, 15, 31)},
    ),
    Recipe(
        "measures_perceptron",
        "Faults of sound: perceptrons on the ranks of what is measured of it",
        frontend="measures",
        classifier=f"{_DESIGNS}.classifiers:perceptron_classifier",
        grid={"learning_rate": (0.0005, 0.001, 0.002)},
    ),
    Recipe(
        "measures_blend",
        "Faults of sound: the mean of gradient boosting and perceptrons on what is measured of it",
        frontend="measures",
        classifier=f"{_DESIGNS}.classifiers:blend_classifier",
    ),
    Recipe(
        "measures_fusion",
        "Faults of sound: the mean of boosting, perceptrons and EfficientAT mn04 on spectra of middle and side",
        frontend="measures_midside",
        classifier=f"{_DESIGNS}.classifiers:fusion_classifier",
        weights=("mn04",),
    ),
    Recipe(
        "midside",
        "Faults of sound: EfficientAT mn04, fine-tuned on spectra of middle and side to 22 kHz",
        frontend="midside",
        classifier=f"{_DESIGNS}.classifiers:midside_classifier",
        grid={"learning_rate": (0.0005, 0.001, 0.002)},
        weights=("mn04",),
    ),
    Recipe(
        "mn04_midside",
        "Faults of sound: multi-task head on EfficientAT mn04, middle and side heard by themselves",
        frontend="mn04_midside",
        classifier=f"{_DESIGNS}.classifiers:embedding_classifier",
        grid={"learning_rate": (0.0005, 0.001, 0.002)},
        weights=("mn04",),
    ),
    Recipe(
        "panns_midside",
        "Faults of sound: multi-task head on PANNs Cnn14, middle and side heard by themselves",
        frontend="panns_midside",
        classifier=f"{_DESIGNS}.classifiers:embedding_classifier",
        classifier_options={"encoded": "panns_midside"},
        grid={"learning_rate": (0.0005, 0.001, 0.002)},
        weights=("panns_cnn14",),
    ),
)


def register() -> None:
    """Add the frontends and recipes of distortion to the tables; a second call changes nothing."""
    for name, build in DISTORTION_FRONTENDS.items():
        FRONTENDS.setdefault(name, build)
    for recipe in DISTORTION_RECIPES:
        RECIPES.setdefault(recipe.name, recipe)
