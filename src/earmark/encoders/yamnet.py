"""The frontend `yamnet`: YAMNet, 521 AudioSet classes, in windows of 0.975 s at 16 kHz.

Plakal, Ellis: YAMNet (github.com/tensorflow/models, research/audioset/yamnet; Apache-2.0). The file at hand has INT8
weights, which LiteRT multiplies with sound that it rounds to INT8 on the way; here the same weights meet float32
sound. LiteRT's own two sets of kernels differ by up to 0.96 in a score on that file, this one from a file with the same
weights in float32 by less than 1e-4 (docs/birdnet.md).
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from earmark.core.config import parse_config
from earmark.core.errors import WeightsError
from earmark.encoders.base import EncoderOptions, OnnxEncoder
from earmark.encoders.converted import converted_graph
from earmark.encoders.onnx_parts import OnnxParts
from earmark.encoders.session import OnnxGraph
from earmark.encoders.tflite_onnx import Converter
from earmark.encoders.tflite_read import read_tflite
from earmark.encoders.weights import weights_path
from earmark.features.base import FrontendSpec

if TYPE_CHECKING:
    from earmark.encoders.tflite_read import TfliteGraph

RATE_HZ = 16000
WINDOW_S = 0.975
GRAPH_VERSION = 1

# AudioSet's classes that YAMNet leaves out (its README: gendered speech and singing, battle cry, funny music); the
# others keep AudioSet's order, which equals yamnet_class_map.csv there, name by name.
_LEFT_OUT = {"/m/05zppz", "/m/02zsn", "/t/dd00003", "/t/dd00004", "/m/04gy_2", "/t/dd00032"}

_LAYERS = "yamnet_frames/tf_op_layer_"


class YamnetOptions(EncoderOptions):
    """Options of `yamnet`."""

    hop_s: Annotated[
        float, Field(ge=1 / RATE_HZ, le=WINDOW_S, description="Step between windows of a longer recording")
    ] = WINDOW_S


def yamnet(**options: Any) -> OnnxEncoder:
    """Return the frontend with these options (see `YamnetOptions`).

    Raises:
        ConfigError: An option is unknown or out of range.
        WeightsError: The weights are missing or damaged.
    """
    parsed = parse_config(YamnetOptions, options, 'frontend "yamnet"')
    graph = OnnxGraph(yamnet_graph(), what="yamnet")
    dim = graph.output_shape[1] if parsed.output == "embedding" else len(yamnet_names())
    spec = FrontendSpec("yamnet", RATE_HZ, WINDOW_S, parsed.hop_s, (int(dim or 0),), parsed.model_dump())
    return OnnxEncoder(spec, graph, parsed.output, yamnet_names, batch=16)


def yamnet_graph() -> bytes:
    """Return YAMNet as ONNX: `windows` (n, 15600) to `embedding` (n, 1024) and `scores` (n, 521).

    Raises:
        WeightsError: The weights are missing or damaged.
    """
    return converted_graph("yamnet", lambda path: folded_yamnet(read_tflite(path)), version=GRAPH_VERSION)


def folded_yamnet(graph: TfliteGraph) -> bytes:
    """Return the ONNX graph of a YAMNet file: framing, taper and Fourier transform folded into two convolutions.

    Raises:
        WeightsError: The file holds another network.
    """
    parts = OnnxParts()
    converter = Converter(graph, parts)
    n_frames, n_bands = graph.tensor("yamnet_frames/reshape/Reshape").shape[1:3]
    converter.convert("yamnet_frames/reshape/Reshape", _log_mel(graph, parts), (n_frames, n_bands))
    embedding = graph.tensor("yamnet_frames/global_average_pooling2d/Mean")
    scores = graph.tensors[graph.outputs[0]]
    parts.add("Identity", converter.name_of(embedding.name), output="embedding")
    parts.add("Identity", converter.name_of(scores.name), output="scores")
    n_samples = graph.tensors[graph.inputs[0]].shape[1]
    outputs = {"embedding": ("n", embedding.shape[-1]), "scores": ("n", scores.shape[-1])}
    return parts.model("yamnet", ("windows", ("n", n_samples)), outputs)


def _log_mel(graph: TfliteGraph, parts: OnnxParts) -> str:
    """Add the log-mel spectrogram; return its name, (n, 1, n_frames, n_bands)."""
    taper = graph.constant(f"{_LAYERS}Mul/Mul/y").astype(np.float64).ravel()
    before = int(graph.constant(f"{_LAYERS}Pad/Pad/paddings")[1, 0])  # zeros around a frame of the transform's length
    blocks = graph.constant(f"{_LAYERS}GatherV2/GatherV2/indices")  # (n_frames, blocks per frame)
    block_samples = int(graph.constant(f"{_LAYERS}Reshape/Reshape/shape")[1])
    hop_samples = int(blocks[1, 0] - blocks[0, 0]) * block_samples
    if taper.size != blocks.shape[1] * block_samples:
        raise WeightsError(f"{graph.where}: a taper of {taper.size} samples does not fit its frames; fetch it again")
    sound = parts.add("Unsqueeze", "windows", parts.constant([1]))
    squares = []
    for name in ("MatMul/MatMul", "MatMul_1/MatMul_1"):
        transform = graph.constant(_LAYERS + name)[:, before : before + taper.size] * taper
        part = parts.add("Conv", sound, parts.constant(transform[:, np.newaxis]), strides=[hop_samples])
        squares.append(parts.add("Mul", part, part))
    magnitude = parts.add("Sqrt", parts.add("Add", *squares))  # (n, n_bins, n_frames)
    filters = parts.constant(graph.constant(f"{_LAYERS}MatMul_2/MatMul_2")[:, :, np.newaxis])
    offset = parts.constant(graph.constant(f"{_LAYERS}MatMul_2/MatMul_21"))
    bands = parts.add("Log", parts.add("Conv", magnitude, filters, offset))
    return parts.add("Unsqueeze", parts.add("Transpose", bands, perm=[0, 2, 1]), parts.constant([1]))


def yamnet_names() -> tuple[str, ...]:
    """Return the names of YAMNet's classes in the order of its scores. Raises WeightsError: the list is missing."""
    with weights_path("audioset_labels").open(encoding="utf-8", newline="") as file:
        return tuple(row["display_name"] for row in csv.DictReader(file) if row["mid"] not in _LEFT_OUT)
