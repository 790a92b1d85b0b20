"""The encoders `mn04` and `mn10`: EfficientAT's taggers of AudioSet, small and fast for what they know.

Schmid, Koutini, Widmer: "Efficient Large-Scale Audio Tagging via Transformer-to-CNN Knowledge Distillation" (2023,
arXiv:2211.04772). mn04 has 0.98 million parameters and as many AudioSet points as PANNs' Cnn14 with 80 million.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from earmark.core.config import parse_config
from earmark.encoders.audio_tags import N_CLASSES, AudioTagEncoder, AudioTagOptions
from earmark.encoders.converted import converted_graph
from earmark.encoders.efficientat_graph import efficientat_graph
from earmark.encoders.graph_builder import Weights
from earmark.encoders.session import OnnxGraph
from earmark.features.base import FrontendSpec
from earmark.features.kaldi_mel import RATE_HZ, kaldi_log_mel

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

GRAPH_VERSION = 1
# Dimensions of the outputs `embedding` and `layers`: channels times the network's width, in multiples of 8.
DIMS = {"mn04": (384, 1696), "mn10": (960, 4224)}

Layers = Literal["last", "many"]


class EfficientATOptions(AudioTagOptions):
    """Options of `mn04` and `mn10`."""

    # On ESC-50 a logistic regression is right in 0.932 of clips with "last" and 0.945 with "many" (docs/encoders.md).
    layers: Annotated[
        Layers,
        Field(description="Embedding: of the last layer, as its makers use it, or of it and four before it (many)"),
    ] = "last"


def mn04(**options: Any) -> AudioTagEncoder:
    """Return the encoder with these options (see `EfficientATOptions`).

    Raises:
        ConfigError: An option is unknown or out of range.
        WeightsError: The weights are missing or damaged.
    """
    return _encoder("mn04", mn04_graph(), options)


def mn10(**options: Any) -> AudioTagEncoder:
    """Return the encoder with these options (see `EfficientATOptions`).

    Raises:
        ConfigError: An option is unknown or out of range.
        WeightsError: The weights are missing or damaged.
    """
    return _encoder("mn10", mn10_graph(), options)


def mn04_graph() -> bytes:
    """Return the ONNX graph of mn04, made once of the checkpoint. Raises WeightsError: it is missing or damaged."""
    return _graph("mn04")


def mn10_graph() -> bytes:
    """Return the ONNX graph of mn10, made once of the checkpoint. Raises WeightsError: it is missing or damaged."""
    return _graph("mn10")


def _graph(name: str) -> bytes:
    def convert(path: Path) -> bytes:
        return efficientat_graph(Weights.read(path), dim=DIMS[name][0])

    return converted_graph(name, convert, version=GRAPH_VERSION)


def _encoder(name: str, graph: bytes, options: dict[str, Any]) -> AudioTagEncoder:
    chosen = parse_config(EfficientATOptions, options, f'frontend "{name}"')
    dim = DIMS[name][chosen.layers == "many"]
    shape = (dim if chosen.output == "embedding" else N_CLASSES,)
    spec = FrontendSpec(name, RATE_HZ, chosen.window_s, chosen.hop_s, shape, chosen.model_dump())
    embedding = "layers" if chosen.layers == "many" else "embedding"
    return AudioTagEncoder(spec, OnnxGraph(graph, what=name), chosen.output, prepare=_mel, embedding=embedding)


def _mel(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    return kaldi_log_mel(windows)[:, np.newaxis]
