"""The encoder `perch`: Perch 2, a network for the sounds of 14,795 species, birds above all.

Van Merrienboer, Dumoulin, Hamer, Triantafillou, Burns, Denton: "Perch 2.0: The Bittern Lesson for Bioacoustics" (2025,
arXiv:2508.04665). Its ONNX graph takes 5 s at 32 kHz and gives an embedding and a logit per class.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from earmark.core.config import parse_config
from earmark.core.errors import WeightsError
from earmark.encoders.base import EncoderOptions, OnnxEncoder
from earmark.encoders.session import OnnxGraph
from earmark.encoders.weights import weights_path
from earmark.features.base import FrontendSpec

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.encoders.base import Output

RATE_HZ = 32000
WINDOW_S = 5.0
EMBEDDING_DIM = 1536
PEAK = 0.25  # perch-hoplite, zoo/zoo_interface.py: `target_peak`
BATCH = 4
OUTPUTS: dict[Output, str] = {"embedding": "embedding", "scores": "label"}


class PerchOptions(EncoderOptions):
    """Options of `perch`."""

    hop_s: Annotated[float, Field(ge=0.1, le=WINDOW_S, description="Step between windows of a longer clip")] = WINDOW_S


class Perch(OnnxEncoder):
    """Turns windows of 5 s at 32 kHz into Perch's embeddings or class probabilities.

    Pickles as its options: a worker reads the 409 MB of the graph from the cache rather than through a pipe.
    """

    def __init__(self, options: PerchOptions) -> None:
        names = read_names(weights_path("perch_labels"))
        graph = open_graph(weights_path("perch"), len(names))
        shape = (EMBEDDING_DIM if options.output == "embedding" else len(names),)
        spec = FrontendSpec("perch", RATE_HZ, WINDOW_S, options.hop_s, shape, options.model_dump())
        super().__init__(spec, graph, options.output, names, prepare=levelled, names=OUTPUTS, batch=BATCH)

    def _finish(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        return softmax(scores)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the options."""
        return _reopen, (self.spec.config,)


def perch(**options: Any) -> Perch:
    """Return the encoder with these options (see `PerchOptions`).

    Raises:
        ConfigError: An option is unknown or out of range.
        WeightsError: The weights are missing, or the class names are not those of the network.
    """
    return Perch(parse_config(PerchOptions, options, 'frontend "perch"'))


def levelled(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return windows without their mean, the peak of each at 0.25; silence stays silence."""
    centred = windows - windows.mean(axis=1, keepdims=True)
    peaks = np.abs(centred).max(axis=1, keepdims=True, initial=0)
    scaled = np.divide(centred, peaks, out=np.zeros_like(centred), where=peaks > 0)
    return np.asarray(scaled * np.float32(PEAK), dtype=np.float32)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities of logits (n_windows, n_classes), each row with the sum 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def read_names(path: Path) -> tuple[str, ...]:
    """Return the scientific names in a file of one header and one name per line.

    Raises:
        WeightsError: It holds no names, or is not text.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row[0].strip() for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise WeightsError(f"{path}: cannot be read as a list of class names ({error}); fetch it again") from error
    if len(rows) < 2:
        raise WeightsError(f"{path}: found {len(rows)} lines, expected a header and names of classes; fetch it again")
    return tuple(rows[1:])


def open_graph(path: Path, n_classes: int) -> OnnxGraph:
    """Return the network in a file.

    Raises:
        WeightsError: It has not the outputs of Perch 2, or another number of classes than there are names.
        ModelError: ONNX Runtime cannot load it.
    """
    graph = OnnxGraph(path.read_bytes(), what=str(path))
    missing = [name for name in OUTPUTS.values() if name not in graph.output_names]
    if missing:
        raise WeightsError(f"{path}: found the outputs {', '.join(graph.output_names)}, expected {', '.join(missing)}")
    embedding, logits = graph.run(np.zeros((1, int(RATE_HZ * WINDOW_S)), dtype=np.float32), *OUTPUTS.values())
    if embedding.shape != (1, EMBEDDING_DIM) or logits.shape != (1, n_classes):
        raise WeightsError(
            f"{path}: found an embedding {embedding.shape} and {logits.shape[-1]} classes, expected "
            f"(1, {EMBEDDING_DIM}) and {n_classes}, one for each name; take the names that belong to the network"
        )
    return graph


def _reopen(config: dict[str, Any]) -> Perch:
    return perch(**config)
