"""The encoders `panns_cnn14`, `panns_cnn10`, `panns_cnn6` and `panns_mobilenetv1`: PANNs, trained on AudioSet.

Kong, Cao, Iqbal, Wang, Wang, Plumbley: "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern
Recognition" (2020, arXiv:1912.10211). Checkpoints: Zenodo 3987831.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.core.config import parse_config
from earmark.encoders.audio_tags import N_CLASSES, AudioTagEncoder, AudioTagOptions
from earmark.encoders.converted import converted_graph
from earmark.encoders.graph_builder import Weights
from earmark.encoders.panns_graph import panns_graph
from earmark.encoders.session import OnnxGraph
from earmark.features.base import FrontendSpec
from earmark.features.panns_mel import RATE_HZ, panns_log_mel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GRAPH_VERSION = 1
DIMS = {"panns_cnn14": 2048, "panns_cnn10": 512, "panns_cnn6": 512, "panns_mobilenetv1": 1024}


def cnn14(**options: Any) -> AudioTagEncoder:
    """Return the encoder `panns_cnn14`, 2048-d, with these options (see `AudioTagOptions`).

    Raises:
        ConfigError: An option is unknown or out of range.
        WeightsError: The weights are missing or damaged.
    """
    return _encoder("panns_cnn14", cnn14_graph, options)


def cnn10(**options: Any) -> AudioTagEncoder:
    """Return the encoder `panns_cnn10`, 512-d, with these options (see `AudioTagOptions`).

    Raises:
        ConfigError: An option is unknown or out of range.
        WeightsError: The weights are missing or damaged.
    """
    return _encoder("panns_cnn10", cnn10_graph, options)


def cnn6(**options: Any) -> AudioTagEncoder:
    """Return the encoder `panns_cnn6`, 512-d, with these options (see `AudioTagOptions`).

    Raises:
        ConfigError: An option is unknown or out of range.
        WeightsError: The weights are missing or damaged.
    """
    return _encoder("panns_cnn6", cnn6_graph, options)


def mobilenetv1(**options: Any) -> AudioTagEncoder:
    """Return the encoder `panns_mobilenetv1`, 1024-d, with these options (see `AudioTagOptions`).

    Raises:
        ConfigError: An option is unknown or out of range.
        WeightsError: The weights are missing or damaged.
    """
    return _encoder("panns_mobilenetv1", mobilenetv1_graph, options)


def cnn14_graph() -> bytes:
    """Return the ONNX graph of Cnn14, made once of the checkpoint. Raises WeightsError: it is missing or damaged."""
    return _graph("panns_cnn14")


def cnn10_graph() -> bytes:
    """Return the ONNX graph of Cnn10, made once of the checkpoint. Raises WeightsError: it is missing or damaged."""
    return _graph("panns_cnn10")


def cnn6_graph() -> bytes:
    """Return the ONNX graph of Cnn6, made once of the checkpoint. Raises WeightsError: it is missing or damaged."""
    return _graph("panns_cnn6")


def mobilenetv1_graph() -> bytes:
    """Return the ONNX graph of MobileNetV1, made once of the checkpoint. Raises WeightsError: it is missing."""
    return _graph("panns_mobilenetv1")


def _graph(name: str) -> bytes:
    def convert(path: Path) -> bytes:
        return panns_graph(Weights.read(path), dim=DIMS[name])

    return converted_graph(name, convert, version=GRAPH_VERSION)


def _encoder(name: str, graph: Callable[[], bytes], options: dict[str, Any]) -> AudioTagEncoder:
    chosen = parse_config(AudioTagOptions, options, f'frontend "{name}"')
    shape = (DIMS[name] if chosen.output == "embedding" else N_CLASSES,)
    spec = FrontendSpec(name, RATE_HZ, chosen.window_s, chosen.hop_s, shape, chosen.model_dump())
    return AudioTagEncoder(spec, OnnxGraph(graph(), what=name), chosen.output, prepare=panns_log_mel)
