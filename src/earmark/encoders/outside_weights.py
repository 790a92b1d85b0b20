"""Graphs whose large weights lie in a file beside them: ONNX Runtime maps that file and keeps no second copy.

A layer can also be kept out of the graph altogether and be read from that file piece by piece whenever it is needed.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import WeightsError
from earmark.encoders.session import OnnxGraph

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

    from numpy.typing import NDArray

SMALL_BYTES = 1024  # weights of up to so much stay inside: ONNX Runtime needs some of them to know shapes
ALIGNMENT = 64  # bytes: a line of the processor's cache
LAST_LAYER = "last_layer"
REMEDY = "delete it and the graph beside it, and both are made again"
CHUNK_ROWS = 256  # of the last layer's classes: 1 MB at 1,024 inputs stays in the processor's cache


def weights_outside(
    content: bytes, location: str, last_layer: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> tuple[bytes, bytes]:
    """Return a graph without its large weights, and the file that holds them and the last layer.

    Args:
        content: The graph.
        location: Name that the file will have, in the folder of the graph.
        last_layer: Matrix (n_classes, dim) and bias (n_classes,) of the layer behind the graph's first output.
    """
    import onnx

    made = onnx.load_from_string(content)
    weights = bytearray()
    for tensor in made.graph.initializer:
        if len(tensor.raw_data) <= SMALL_BYTES:
            continue
        place = {"location": location, "offset": _append(weights, tensor.raw_data), "length": len(tensor.raw_data)}
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
    matrix, bias = (np.ascontiguousarray(each, dtype="<f4") for each in last_layer)
    facts = {"matrix": _append(weights, matrix.tobytes()), "bias": _append(weights, bias.tobytes())}
    facts |= {"n_classes": matrix.shape[0], "dim": matrix.shape[1]}
    made.metadata_props.add(key=LAST_LAYER, value=json.dumps({"location": location} | facts))
    return made.SerializeToString(), bytes(weights)


def _append(weights: bytearray, content: bytes) -> int:
    weights.extend(bytes(-len(weights) % ALIGNMENT))
    offset = len(weights)
    weights.extend(content)
    return offset


class StreamedGraph:
    """A graph of `weights_outside`: gives `embedding`, and `logits` by a last layer that is never held whole.

    Args:
        path: The graph; its weights lie beside it.
        batch: Windows that the network gets at once: what happens inside it needs memory for each of them.
        what: Its name in messages.

    Raises:
        ModelError: ONNX Runtime cannot load the graph.
        WeightsError: The file beside it is missing or cut short.
    """

    def __init__(self, path: Path, *, batch: int, what: str) -> None:
        self._graph = OnnxGraph(path, what=what)
        facts = json.loads(self._graph.metadata[LAST_LAYER])
        self._path = path.with_name(facts["location"])
        self._matrix_offset = int(facts["matrix"])
        self._n_classes, self._dim = int(facts["n_classes"]), int(facts["dim"])
        self._batch = batch
        self._what = what
        self._bias = np.empty(self._n_classes, dtype="<f4")
        with self._opened(int(facts["bias"])) as file:
            self._fill(self._bias, file)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Shape of `embedding`, None for a free axis."""
        return self._graph.output_shape

    def run(self, values: NDArray[np.float32], *names: str) -> list[NDArray[np.float32]]:
        """Return the outputs of these names, `embedding` (n, dim) or `logits` (n, n_classes).

        Raises:
            WeightsError: The file of weights is missing or cut short.
        """
        embedding = self.embedding(values)
        return [self.logits(embedding) if name == "logits" else embedding for name in names]

    def embedding(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the network gives for its input, float32 (n, dim)."""
        starts = range(0, len(values), self._batch)
        return np.concatenate([self._graph(values[start : start + self._batch]) for start in starts])

    def logits(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the last layer gives for embeddings (n, dim), float32 (n, n_classes).

        Raises:
            WeightsError: The file of weights is missing or cut short.
        """
        found = np.empty((len(embedding), self._n_classes), dtype=np.float32)
        buffer = np.empty((CHUNK_ROWS, self._dim), dtype="<f4")
        with self._opened(self._matrix_offset) as file:
            for start in range(0, self._n_classes, CHUNK_ROWS):
                rows = self._fill(buffer[: self._n_classes - start], file)
                found[:, start : start + len(rows)] = embedding @ rows.T
        found += self._bias
        return found

    @contextmanager
    def _opened(self, offset: int) -> Iterator[FileIO]:
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(offset)
                yield file
        except OSError as error:
            raise WeightsError(f"{self._what}: cannot read {self._path} ({error.strerror}); {REMEDY}") from error

    def _fill(self, array: NDArray[np.float32], file: FileIO) -> NDArray[np.float32]:
        """Fill an array from where the file stands, and return it."""
        left = array.data.cast("B")
        while len(left):  # the system may give less than was asked for
            n_bytes = file.readinto(left)
            if not n_bytes:
                raise WeightsError(f"{self._what}: {self._path} ends too early; {REMEDY}")
            left = left[n_bytes:]
        return array
