"""LiteRT runs a network, gives inner tensors beside its output, and is told of when it is missing."""

from __future__ import annotations

import pickle
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import MissingExtraError, ModelError
from earmark.encoders.litert import LiteRtGraph
from earmark.encoders.tflite_write import TfliteWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTPUTS = {"embedding": 2, "logits": 4}


@pytest.fixture
def matrices(rng: np.random.Generator) -> list[NDArray[np.float32]]:
    return [rng.standard_normal(shape).astype(np.float32) for shape in ((3, 8), (5, 3))]


@pytest.fixture
def content(matrices: list[NDArray[np.float32]]) -> bytes:
    writer = TfliteWriter()
    source = writer.tensor("windows", (1, 8))
    hidden = writer.operator("FULLY_CONNECTED", [source, writer.constant("first", matrices[0])], "embedding", (1, 3))
    last = writer.operator("FULLY_CONNECTED", [hidden, writer.constant("second", matrices[1])], "logits", (1, 5))
    return writer.content([source], [last])


@pytest.fixture
def windows(rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.standard_normal((4, 8)).astype(np.float32)


@pytest.fixture
def graph(content: bytes) -> LiteRtGraph:
    pytest.importorskip("ai_edge_litert.interpreter", reason="pip install earmark[litert]")
    return LiteRtGraph(content, OUTPUTS, what="net")


def test_gives_the_tensors_asked_for(
    graph: LiteRtGraph, windows: NDArray[np.float32], matrices: list[NDArray[np.float32]]
) -> None:
    logits, embedding = graph.run(windows, "logits", "embedding")
    np.testing.assert_allclose(embedding, windows @ matrices[0].T, atol=1e-5)
    np.testing.assert_allclose(logits, windows @ matrices[0].T @ matrices[1].T, atol=1e-5)
    assert graph.output_shape == (None, 3)


def test_no_windows_give_no_rows(graph: LiteRtGraph, windows: NDArray[np.float32]) -> None:
    (found,) = graph.run(windows[:0], "logits")
    assert found.shape == (0, 5)
    assert found.dtype == np.float32


def test_survives_pickling(graph: LiteRtGraph, windows: NDArray[np.float32]) -> None:
    copy: LiteRtGraph = pickle.loads(pickle.dumps(graph))  # noqa: S301 - packed on this line
    np.testing.assert_array_equal(copy.run(windows, "embedding"), graph.run(windows, "embedding"))


@pytest.mark.parametrize("kept", [0, 60, 200])
def test_a_damaged_network_is_refused(graph: LiteRtGraph, content: bytes, kept: int) -> None:
    del graph  # skips where LiteRT is missing
    with pytest.raises(ModelError, match=r"net: LiteRT cannot load the network"):
        LiteRtGraph(content[:kept], OUTPUTS, what="net")


def test_a_missing_extra_is_named(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "ai_edge_litert"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(MissingExtraError, match=r"earmark\[litert\]"):
        LiteRtGraph(content, OUTPUTS, what="net")
