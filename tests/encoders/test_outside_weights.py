"""Weights beside a graph, and a last layer that is read from there piece by piece."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import WeightsError
from earmark.encoders import outside_weights
from earmark.encoders.onnx_parts import OnnxParts
from earmark.encoders.outside_weights import StreamedGraph, weights_outside

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

N_INPUTS, DIM, N_CLASSES = 40, 24, 700


@pytest.fixture
def layers(rng: np.random.Generator) -> list[NDArray[np.float32]]:
    shapes = ((N_INPUTS, DIM), (N_CLASSES, DIM), (N_CLASSES,))
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


@pytest.fixture
def path(layers: list[NDArray[np.float32]], tmp_path: Path) -> Path:
    """A graph that multiplies by a matrix, which lies beside it with the last layer."""
    parts = OnnxParts()
    parts.add("MatMul", "x", parts.constant(layers[0]), output="embedding")
    content = parts.model("small", ("x", ("n", N_INPUTS)), {"embedding": ("n", DIM)})
    graph, weights = weights_outside(content, "small.weights", (layers[1], layers[2]))
    (tmp_path / "small.onnx").write_bytes(graph)
    (tmp_path / "small.weights").write_bytes(weights)
    assert len(graph) < layers[0].nbytes < len(weights)
    return tmp_path / "small.onnx"


@pytest.mark.parametrize("batch", [1, 2, 9])
def test_it_gives_what_the_layers_give(
    path: Path, layers: list[NDArray[np.float32]], rng: np.random.Generator, batch: int
) -> None:
    values = rng.standard_normal((5, N_INPUTS)).astype(np.float32)
    graph = StreamedGraph(path, batch=batch, what="small")
    logits, embedding = graph.run(values, "logits", "embedding")
    np.testing.assert_allclose(embedding, values @ layers[0], atol=1e-4)
    np.testing.assert_allclose(logits, values @ layers[0] @ layers[1].T + layers[2], atol=1e-3)
    np.testing.assert_array_equal(graph.logits(embedding), logits)
    assert graph.output_shape == (None, DIM)
    again = pickle.loads(pickle.dumps(graph))  # noqa: S301 - packed on this line
    np.testing.assert_array_equal(again.run(values, "logits")[0], logits)


def test_less_than_asked_for_at_once_is_read_to_the_end(
    path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = rng.standard_normal((1, N_INPUTS)).astype(np.float32)
    graph = StreamedGraph(path, batch=1, what="small")
    (expected,) = graph.run(values, "logits")

    class Slow:
        def __init__(self, content: bytes) -> None:
            self._content = content

        def readinto(self, buffer: memoryview) -> int:
            part, self._content = self._content[: min(7, len(buffer))], self._content[min(7, len(buffer)) :]
            buffer[: len(part)] = part
            return len(part)

    wanted = np.arange(5, dtype="<f4")
    found = graph._fill(np.empty(5, dtype="<f4"), Slow(wanted.tobytes()))  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, wanted)
    monkeypatch.setattr(outside_weights, "CHUNK_ROWS", 33)
    np.testing.assert_allclose(graph.run(values, "logits")[0], expected, atol=1e-5)


def test_weights_that_are_cut_short_or_gone_are_named(path: Path, rng: np.random.Generator) -> None:
    graph = StreamedGraph(path, batch=1, what="small")
    values = rng.standard_normal((1, N_INPUTS)).astype(np.float32)
    beside = path.with_suffix(".weights")
    beside.write_bytes(beside.read_bytes()[:9000])
    with pytest.raises(
        WeightsError, match=r"small: .*small\.weights ends too early; delete it and the graph beside it"
    ):
        graph.run(values, "logits")
    with pytest.raises(WeightsError, match="ends too early"):
        StreamedGraph(path, batch=1, what="small")
    beside.unlink()
    with pytest.raises(WeightsError, match=r"small: cannot read .*small\.weights \(No such file"):
        graph.run(values, "logits")
