"""Graphs are made once of each file and version, and then read."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import WeightsError
from earmark.core.settings import settings
from earmark.encoders.converted import converted_files, converted_graph, converted_pair
from earmark.encoders.zoo import WEIGHTS, WeightsEntry

if TYPE_CHECKING:
    from pathlib import Path


class Converter:
    """Counts what it converts."""

    def __init__(self) -> None:
        self.n_calls = 0

    def __call__(self, path: Path) -> bytes:
        self.n_calls += 1
        return b"graph of " + path.read_bytes()


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the weights "tiny", which can be had."""
    path = tmp_path / "tiny.tflite"
    replace_weights(path, b"one", monkeypatch)
    monkeypatch.setenv("EARMARK_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    settings.cache_clear()
    return path


def replace_weights(path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(WEIGHTS, "tiny", WeightsEntry("tiny", ("local:tiny.tflite",), sha256, "MIT", "us"))


@pytest.mark.usefixtures("weights")
def test_a_graph_is_made_once() -> None:
    convert = Converter()
    assert [converted_graph("tiny", convert, version=1) for _ in range(3)] == [b"graph of one"] * 3
    assert convert.n_calls == 1
    (file,) = converted_files("tiny")
    assert file.name == f"tiny-{hashlib.sha256(b'one').hexdigest()[:16]}-v1.onnx"


def test_another_version_and_other_weights_are_made_anew(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert = Converter()
    converted_graph("tiny", convert, version=1)
    os.utime(converted_files("tiny")[0], (0, 0))
    converted_graph("tiny", convert, version=2)
    assert [path.name[-7:] for path in converted_files("tiny")] == ["v2.onnx", "v1.onnx"]
    replace_weights(weights, b"two", monkeypatch)
    assert converted_graph("tiny", convert, version=2) == b"graph of two"
    assert convert.n_calls == 3
    assert converted_files("tin") == []


def test_a_graph_outlives_the_file_that_it_was_made_of(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert = Converter()
    converted_graph("tiny", convert, version=1)
    monkeypatch.delenv("EARMARK_WEIGHTS_DIR")
    settings.cache_clear()
    assert converted_graph("tiny", convert, version=1) == b"graph of one"
    assert convert.n_calls == 1
    with pytest.raises(WeightsError, match="EARMARK_WEIGHTS_DIR is not set"):
        converted_graph("tiny", convert, version=2)
    monkeypatch.setenv("EARMARK_WEIGHTS_DIR", str(weights.parent))
    settings.cache_clear()
    replace_weights(weights, b"two", monkeypatch)
    weights.unlink()
    with pytest.raises(WeightsError, match="were found nowhere"):  # the graph of other weights does not serve
        converted_graph("tiny", convert, version=1)


@pytest.mark.usefixtures("weights")
def test_a_failed_conversion_leaves_nothing() -> None:
    def fail(path: Path) -> bytes:
        raise WeightsError(f"{path}: no such operator")

    with pytest.raises(WeightsError, match="no such operator"):
        converted_graph("tiny", fail, version=1)
    assert converted_files("tiny") == []


@pytest.mark.usefixtures("weights")
def test_a_read_only_cache_costs_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "blocked"))
    settings.cache_clear()
    convert = Converter()
    assert converted_graph("tiny", convert, version=1) == converted_graph("tiny", convert, version=1)
    assert convert.n_calls == 2
    assert 'the graph of weights "tiny" is made again next time' in caplog.text


def pair_of(path: Path, location: str) -> tuple[bytes, bytes]:
    return f"graph that names {location}".encode(), b"weights of " + path.read_bytes()


def never(_path: Path, _location: str) -> tuple[bytes, bytes]:
    raise AssertionError("converted again")


@pytest.mark.usefixtures("weights")
def test_a_pair_is_made_once_and_again_where_half_of_it_is_gone() -> None:
    graph = converted_pair("tiny", pair_of, version=1)
    assert graph is not None
    assert converted_files("tiny") == [graph]
    beside = graph.with_suffix(".weights")
    assert graph.read_text() == f"graph that names {beside.name}"
    assert beside.read_bytes() == b"weights of one"
    assert converted_pair("tiny", never, version=1) == graph
    beside.unlink()
    assert converted_pair("tiny", pair_of, version=1) == graph
    assert beside.exists()


def test_a_pair_outlives_the_file_that_it_was_made_of(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = converted_pair("tiny", pair_of, version=1)
    monkeypatch.delenv("EARMARK_WEIGHTS_DIR")
    settings.cache_clear()
    assert converted_pair("tiny", never, version=1) == graph
    assert graph is not None
    graph.with_suffix(".weights").unlink()
    with pytest.raises(WeightsError, match="EARMARK_WEIGHTS_DIR is not set"):
        converted_pair("tiny", pair_of, version=1)
    assert weights.exists()


@pytest.mark.usefixtures("weights")
def test_a_pair_is_none_where_the_cache_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "blocked").touch()
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "blocked"))
    settings.cache_clear()
    assert converted_pair("tiny", pair_of, version=1) is None
