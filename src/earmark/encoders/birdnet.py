"""The frontend `birdnet`: BirdNET 2.4, 6,522 species and sounds, in 3 s windows at 48 kHz.

Kahl, Wood, Eibl, Klinck: "BirdNET: A deep learning solution for avian diversity monitoring" (2021,
doi:10.1016/j.ecoinf.2021.101236). The weights are CC BY-NC-SA 4.0: they, and the graph made of them, stay in the
cache of the machine that fetched them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import Field

from earmark.core.config import parse_config
from earmark.core.errors import WeightsError
from earmark.encoders.base import EncoderOptions, OnnxEncoder
from earmark.encoders.birdnet_fold import EMBEDDING, folded_birdnet, folded_birdnet_pair
from earmark.encoders.converted import converted_pair
from earmark.encoders.litert import LiteRtGraph
from earmark.encoders.outside_weights import StreamedGraph
from earmark.encoders.session import OnnxGraph
from earmark.encoders.tflite_read import read_tflite
from earmark.encoders.weights import weights_path
from earmark.features.base import FrontendSpec, check_windows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RATE_HZ = 48000
WINDOW_S = 3.0
GRAPH_VERSION = 2
BATCH = 4  # windows for which the last layer is read once
INNER_BATCH = 1  # 4 saves 5 % of the time and holds 25 MB more: docs/birdnet.md


class BirdNetOptions(EncoderOptions):
    """Options of `birdnet`."""

    hop_s: Annotated[
        float, Field(ge=1 / RATE_HZ, le=WINDOW_S, description="Step between windows of a longer recording")
    ] = 3.0
    sensitivity: Annotated[
        float, Field(ge=0.5, le=1.5, description="BirdNET's own: above 1 raises all scores, below 1 lowers them")
    ] = 1.0
    runtime: Annotated[
        Literal["onnx", "litert"], Field(description="onnx: the folded graph; litert: the file as it is (extra litert)")
    ] = "onnx"


class _Graph(Protocol):
    def run(self, values: NDArray[np.float32], *names: str) -> list[NDArray[np.float32]]: ...

    @property
    def output_shape(self) -> tuple[int | None, ...]: ...


class BirdNet(OnnxEncoder):
    """BirdNET's embedding of windows, or its scores.

    Attributes:
        spec: What it takes and gives.
        class_names: Common names of its classes, such as "American Bullfrog".
        scientific_names: Their scientific names, in the same order.
    """

    def __init__(self, options: BirdNetOptions) -> None:
        self.scientific_names, class_names = _names(weights_path("birdnet_labels"))
        graph = _open(options.runtime)
        dim = graph.output_shape[1] if options.output == "embedding" else len(class_names)
        # As BirdNET-Analyzer since 2.0: the sigmoid is shifted (before, its slope changed: version 1 of other scores).
        self._shift = np.float32(10 * (options.sensitivity - 1))
        version = 1 if options.sensitivity == 1 else 2
        spec = FrontendSpec("birdnet", RATE_HZ, WINDOW_S, options.hop_s, (dim or 0,), options.model_dump(), version)
        super().__init__(spec, graph, options.output, class_names, names={"scores": "logits"}, batch=BATCH)

    def logits(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what BirdNET gives before the sigmoid, float32 (n_windows, n_classes).

        Raises:
            AudioError: The windows do not have the length that `spec` says.
        """
        check_windows(windows, self.spec)
        found = np.empty((len(windows), len(self.class_names)), dtype=np.float32)
        for start in range(0, len(windows), BATCH):
            found[start : start + BATCH] = self._graph.run(windows[start : start + BATCH], "logits")[0]
        return found

    heard_at_once = 16  # to read the last layer for each costs as much as a tenth of the rest

    @property
    def prepares(self) -> bool:
        """Whether `prepared` is work: all but the last layer, where that is read from its file."""
        return isinstance(self._graph, StreamedGraph)

    def prepared(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what `heard` takes: embeddings, or the windows where the graph is one piece.

        Raises:
            AudioError: The windows do not have the length that `spec` says.
        """
        check_windows(windows, self.spec)
        return self._graph.embedding(windows) if isinstance(self._graph, StreamedGraph) else windows

    def heard(self, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the output chosen for what `prepared` gives, float32 (n_windows, *spec.shape)."""
        if not isinstance(self._graph, StreamedGraph):
            return self(prepared)
        return prepared if self._output == "embedding" else self._finish(self._graph.logits(prepared))

    def _finish(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        return _sigmoid(scores + self._shift)


def birdnet(**options: Any) -> BirdNet:
    """Return the frontend with these options (see `BirdNetOptions`).

    Raises:
        ConfigError: An option is unknown or out of range.
        WeightsError: The weights are missing or damaged.
        MissingExtraError: `runtime` is "litert" and the extra `litert` is not installed.
    """
    return BirdNet(parse_config(BirdNetOptions, options, 'frontend "birdnet"'))


def birdnet_graph() -> bytes:
    """Return BirdNET as ONNX: `windows` (n, 144000) to `embedding` (n, 1024), `scores` and `logits` (n, 6522).

    Made of the TensorFlow Lite file, without TensorFlow, anew each time; earmark runs `birdnet_pair`.

    Raises:
        WeightsError: The weights are missing or damaged.
    """
    return folded_birdnet(read_tflite(weights_path("birdnet")))


def birdnet_pair() -> Path | None:
    """Return the graph that earmark runs, with its weights beside it, made once and kept in the cache.

    None where the cache is read-only.

    Raises:
        WeightsError: The weights are missing or damaged.
    """
    return converted_pair("birdnet", _convert, version=GRAPH_VERSION)


def _convert(path: Path, location: str) -> tuple[bytes, bytes]:
    return folded_birdnet_pair(read_tflite(path), location)


def _open(runtime: str) -> _Graph:
    if runtime == "onnx":
        pair = birdnet_pair()
        if pair is None:
            return OnnxGraph(birdnet_graph(), what="birdnet")
        return StreamedGraph(pair, batch=INNER_BATCH, what="birdnet")
    path = weights_path("birdnet")
    file = read_tflite(path)
    outputs = {"embedding": file.tensor(EMBEDDING).index, "logits": file.outputs[0]}
    return LiteRtGraph(path.read_bytes(), outputs, what="birdnet")


def _names(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the scientific and the common names in a file of lines such as "Canis latrans_Coyote"."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("_") for line in lines]
    for number, (scientific, _, common) in enumerate(pairs, start=1):
        if not scientific or not common:
            raise WeightsError(f'{path}:{number}: found "{lines[number - 1]}", expected "Genus species_Common name"')
    return tuple(scientific for scientific, _, _ in pairs), tuple(common for _, _, common in pairs)


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sigmoid, in one array: 6,522 classes of many windows are large."""
    found = np.clip(logits, -80, 80)
    np.negative(found, out=found)
    np.exp(found, out=found)
    found += 1
    return np.asarray(np.reciprocal(found, out=found), dtype=np.float32)
