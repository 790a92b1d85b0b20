"""Perch, on a small graph with the inputs, outputs, shapes and names of the real one, which is not reachable here."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from earmark.core.errors import AudioError, ConfigError, ModelError, WeightsError
from earmark.core.identity import file_sha256
from earmark.core.settings import settings
from earmark.encoders.base import Encoder
from earmark.encoders.perch import EMBEDDING_DIM, levelled, perch, read_names, softmax
from earmark.encoders.zoo import WEIGHTS
from earmark.features.testing import FrontendContract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.features.base import Frontend

N_SAMPLES = 160_000
N_CLASSES = 14_795


@lru_cache(maxsize=4)
def graph_like_perch(n_classes: int = N_CLASSES, outputs: tuple[str, ...] = ()) -> bytes:
    """Return a graph with Perch's ends: levels of 1,536 parts as the embedding, the same again and again as logits."""
    constants: dict[str, NDArray[Any]] = {
        "used": np.array([153_600], dtype=np.int64),
        "zero": np.array([0], dtype=np.int64),
        "columns": np.array([1], dtype=np.int64),
        "parts": np.array([-1, EMBEDDING_DIM, 100], dtype=np.int64),
        "n_classes": np.array([n_classes], dtype=np.int64),
        "map": np.array([-1, 1, 1, EMBEDDING_DIM], dtype=np.int64),
        "places": np.array([1, 16, 4, 1], dtype=np.int64),
        "scale": np.array(20.0, dtype=np.float32),
    }
    nodes = [
        helper.make_node("Slice", ["inputs", "zero", "used", "columns"], ["cut"]),
        helper.make_node("Reshape", ["cut", "parts"], ["framed"]),
        helper.make_node("ReduceL2", ["framed"], ["embedding"], axes=[2], keepdims=0),
        helper.make_node("Concat", ["embedding"] * 10, ["again"], axis=1),
        helper.make_node("Slice", ["again", "zero", "n_classes", "columns"], ["first"]),
        helper.make_node("Mul", ["first", "scale"], ["label"]),
        helper.make_node("Reshape", ["embedding", "map"], ["one_place"]),
        helper.make_node("Tile", ["one_place", "places"], ["spatial_embedding"]),
        helper.make_node("ReduceMean", ["framed"], ["spectrogram"], axes=[2], keepdims=0),
    ]
    shapes: dict[str, list[Any]] = {
        "embedding": ["batch", EMBEDDING_DIM],
        "spatial_embedding": ["batch", 16, 4, EMBEDDING_DIM],
        "spectrogram": ["batch", EMBEDDING_DIM],
        "label": ["batch", n_classes],
    }
    graph = helper.make_graph(
        nodes,
        "perch",
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["batch", N_SAMPLES])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in outputs or shapes],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, graph: bytes, names: str) -> None:
    files = {
        "perch": (folder / "perch_v2.onnx", graph),
        "perch_labels": (folder / "perch_v2_labels.csv", names.encode()),
    }
    for name, (path, content) in files.items():
        path.write_bytes(content)
        monkeypatch.setitem(WEIGHTS, name, replace(WEIGHTS[name], sha256=file_sha256(path)))
    monkeypatch.setenv("EARMARK_WEIGHTS_DIR", str(folder))
    settings.cache_clear()


def names_csv(n_classes: int = N_CLASSES) -> str:
    return "inat2024_fsd50k\n" + "".join(f"Genus species{number}\n" for number in range(n_classes))


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, graph_like_perch(), names_csv())


@pytest.mark.usefixtures("weights")
class TestEmbedding(FrontendContract):
    tolerance = 1e-5

    def frontend(self) -> Frontend:
        return perch()


@pytest.mark.usefixtures("weights")
class TestScores(FrontendContract):
    tolerance = 1e-5

    def frontend(self) -> Frontend:
        return perch(output="scores", hop_s=2.5)


@pytest.mark.usefixtures("weights")
def test_spec_says_five_seconds_at_32_khz_and_the_output_chosen() -> None:
    embedding, scores = perch().spec, perch(output="scores", hop_s=1.25).spec
    assert (embedding.rate_hz, embedding.window_samples, embedding.hop_s, embedding.shape) == (
        32000,
        N_SAMPLES,
        5,
        (1536,),
    )
    assert (scores.hop_samples, scores.shape) == (40_000, (N_CLASSES,))
    assert embedding.fingerprint != scores.fingerprint


@pytest.mark.usefixtures("weights")
def test_scores_are_probabilities_with_a_name_each(rng: np.random.Generator) -> None:
    encoder = perch(output="scores")
    windows = rng.uniform(-0.5, 0.5, (6, N_SAMPLES)).astype(np.float32)
    embedding, scores = encoder.both(windows)
    assert isinstance(encoder, Encoder)
    assert embedding.shape == (6, 1536)
    assert scores.shape == (6, len(encoder.class_names))
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert scores.min() >= 0
    assert encoder.class_names[0] == "Genus species0"
    np.testing.assert_array_equal(encoder(windows), scores)


@pytest.mark.usefixtures("weights")
def test_neither_loudness_nor_a_constant_part_changes_what_is_heard(rng: np.random.Generator) -> None:
    encoder = perch()
    window = rng.uniform(-0.1, 0.1, (1, N_SAMPLES)).astype(np.float32)
    np.testing.assert_allclose(encoder(window * 5 + 0.2), encoder(window), rtol=1e-3)


def test_the_level_is_that_of_perch_hoplite() -> None:
    windows = np.array([[0.0, 1.0, 0.5, 0.5], [0.2, 0.2, 0.2, 0.2], [0.0, 0.0, 0.0, 0.0]], dtype=np.float32)
    expected = np.array([[-0.25, 0.25, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(levelled(windows), expected, atol=1e-7)


def test_softmax_of_large_logits_does_not_overflow() -> None:
    np.testing.assert_allclose(softmax(np.array([[1000.0, 1000.0, -1000.0]], dtype=np.float32)), [[0.5, 0.5, 0]])


@pytest.mark.usefixtures("weights")
def test_pickles_as_its_options_and_not_as_the_graph() -> None:
    assert len(pickle.dumps(perch(hop_s=2.5))) < 500


@pytest.mark.usefixtures("weights")
def test_options_and_windows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'frontend "perch": key "hop" is not known; did you mean "hop_s"'):
        perch(hop=1)
    with pytest.raises(ConfigError, match=r"hop_s"):
        perch(hop_s=6)
    with pytest.raises(AudioError, match=r'frontend "perch": found windows of shape \(1, 5\)'):
        perch()(np.zeros((1, 5), dtype=np.float32))


def test_names_of_another_network_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, graph_like_perch(), names_csv(10))
    with pytest.raises(WeightsError, match=r"14795 classes, expected \(1, 1536\) and 10, one for each name"):
        perch()


def test_a_graph_without_logits_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, graph_like_perch(outputs=("embedding", "spectrogram")), names_csv())
    with pytest.raises(WeightsError, match=r"found the outputs embedding, spectrogram, expected label"):
        perch()


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, b"<!DOCTYPE html>", names_csv())
    with pytest.raises(ModelError, match="cannot load the graph"):
        perch()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "found 0 lines"), (b"header\n", "found 1 lines"), (b"head\n\xff\xfe\n", "cannot be read as a list")],
)
def test_a_list_without_names_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read_names(path)


@pytest.mark.real
def test_the_real_network_if_it_is_there(rng: np.random.Generator) -> None:
    folder = os.environ.get("EARMARK_WEIGHTS_DIR", "")
    if not folder or not (Path(folder) / "perch_v2.onnx").is_file():
        pytest.skip(f"no perch_v2.onnx under EARMARK_WEIGHTS_DIR ({folder or 'not set'})")
    encoder = perch(output="scores")
    assert len(encoder.class_names) == N_CLASSES
    assert encoder(rng.uniform(-0.1, 0.1, (1, N_SAMPLES)).astype(np.float32)).shape == (1, N_CLASSES)
