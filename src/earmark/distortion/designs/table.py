"""The designs that `earmark train distortion` compares, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.distortion.designs.boosting import MeasuresBoosting
from earmark.distortion.designs.committee import blend, fusion
from earmark.distortion.designs.networks import EmbeddingNetwork, MidSideNetwork
from earmark.distortion.designs.perceptron import MeasuresPerceptron

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.distortion.designs.base import Design


def _mn04() -> Design:
    return EmbeddingNetwork("mn04_midside")


def _panns() -> Design:
    return EmbeddingNetwork("panns_midside")


DESIGNS: dict[str, Callable[[], Design]] = {
    "boosting": MeasuresBoosting,
    "perceptron": MeasuresPerceptron,
    "blend": blend,
    "fusion": fusion,
    "midside": MidSideNetwork,
    "mn04": _mn04,
    "panns": _panns,
}
