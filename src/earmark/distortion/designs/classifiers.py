"""The designs as classifiers of clips with several labels, by options: what the recipes of distortion name."""

from __future__ import annotations

from dataclasses import fields
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from earmark.core.config import parse_config
from earmark.core.errors import ConfigError, did_you_mean
from earmark.core.optional import import_extra
from earmark.distortion.designs.base import PresenceClassifier
from earmark.distortion.designs.boosting import MeasuresBoosting
from earmark.distortion.designs.committee import blend, fusion
from earmark.distortion.designs.networks import EmbeddingNetwork, MidSideNetwork
from earmark.distortion.designs.options import EmbeddingOptions, MidSideNetworkOptions, PerceptronOptions
from earmark.distortion.designs.perceptron import MeasuresPerceptron

if TYPE_CHECKING:
    from earmark.data.dataset import Task
    from earmark.distortion.designs.base import Design

# Each label is learned by itself, so that both tasks will do; `task` is what every recipe is told.


def boosting_classifier(task: Task = "many", **options: Any) -> PresenceClassifier:  # noqa: ARG001
    """Return the classifier of the recipe `measures_boosting`, options of `MeasuresBoosting`.

    Raises:
        ConfigError: An option is not known.
    """
    known = [part.name for part in fields(MeasuresBoosting) if part.init]
    for option in options:
        if option not in known:
            raise ConfigError(
                f'recipe "measures_boosting": option "{option}" is not known{did_you_mean(option, known)}'
            )
    return PresenceClassifier(MeasuresBoosting(**options))


def perceptron_classifier(task: Task = "many", **options: Any) -> PresenceClassifier:  # noqa: ARG001
    """Return the classifier of the recipe `measures_perceptron`, options of `PerceptronOptions`.

    Raises:
        ConfigError: An option is not known or out of range.
        MissingExtraError: torch is not installed.
    """
    return _network(MeasuresPerceptron(parse_config(PerceptronOptions, options, 'recipe "measures_perceptron"')))


def blend_classifier(task: Task = "many") -> PresenceClassifier:  # noqa: ARG001
    """Return the classifier of the recipe `measures_blend`. Raises MissingExtraError: torch is not installed."""
    return _network(blend())


def fusion_classifier(task: Task = "many") -> PresenceClassifier:  # noqa: ARG001
    """Return the classifier of the recipe `measures_fusion`. Raises MissingExtraError: torch is not installed."""
    return _network(fusion())


def midside_classifier(task: Task = "many", **options: Any) -> PresenceClassifier:  # noqa: ARG001
    """Return the classifier of the recipe `midside`, options of `MidSideNetworkOptions`.

    Raises:
        ConfigError: An option is not known or out of range.
        MissingExtraError: torch is not installed.
    """
    return _network(MidSideNetwork(parse_config(MidSideNetworkOptions, options, 'recipe "midside"')))


def embedding_classifier(
    task: Task = "many",  # noqa: ARG001
    encoded: str = "mn04_midside",
    **options: Any,
) -> PresenceClassifier:
    """Return the classifier of the recipe of this name, options of `EmbeddingOptions`.

    Raises:
        ConfigError: An option is not known or out of range.
        MissingExtraError: torch is not installed.
    """
    return _network(EmbeddingNetwork(encoded, parse_config(EmbeddingOptions, options, f'recipe "{encoded}"')))


def _network(design: Design) -> PresenceClassifier:
    if find_spec("torch") is None:  # told when the plan is read, not after the features were computed
        import_extra("torch", "train", f'The recipe "{design.name}"')
    return PresenceClassifier(design)
