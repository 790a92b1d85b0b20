"""A TensorFlow Lite file is read as it was written, and no other file is taken for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import WeightsError
from earmark.encoders.tflite_read import parse_tflite, read_tflite, with_outputs
from earmark.encoders.tflite_write import TfliteWriter

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def content() -> bytes:
    writer = TfliteWriter()
    source = writer.tensor("windows", (1, 4))
    matrix = writer.constant("matrix", np.arange(12, dtype=np.float32).reshape(3, 4))
    hidden = writer.operator("FULLY_CONNECTED", [source, matrix, -1], "hidden", (1, 3), FusedActivationFunction=1)
    return writer.content([source], [writer.operator("LOGISTIC", [hidden], "scores", (1, 3))])


def test_what_was_written_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.tflite").write_bytes(content)
    graph = read_tflite(tmp_path / "net.tflite")
    assert [tensor.name for tensor in graph.tensors] == ["windows", "matrix", "hidden", "scores"]
    assert (graph.inputs, graph.outputs) == ((0,), (3,))
    assert [step.kind for step in graph.operators] == ["FULLY_CONNECTED", "LOGISTIC"]
    assert graph.operators[0].inputs == (0, 1, -1)
    assert graph.operators[0].options == {"FusedActivationFunction": 1}
    np.testing.assert_array_equal(graph.constant("matrix"), np.arange(12).reshape(3, 4))


def test_quantised_constants_become_float32() -> None:
    writer = TfliteWriter()
    values = np.array([[127, -127], [64, 0]], np.int8)
    writer.constant("one", values, scales=[0.5])
    writer.constant("each", values, scales=[0.5, 2.0])
    writer.constant("half", np.array([1.5], np.float16))
    packed = writer.constant("packed", values, scales=[1.0])
    writer.operator("DEQUANTIZE", [packed], "unpacked", (2, 2))
    graph = parse_tflite(writer.content([], []), "net.tflite")
    np.testing.assert_array_equal(graph.constant("one"), [[63.5, -63.5], [32, 0]])
    np.testing.assert_array_equal(graph.constant("each"), [[63.5, -63.5], [128, 0]])
    np.testing.assert_array_equal(graph.constant("unpacked"), values)
    assert graph.constant("half").dtype == np.float32
    assert graph.operators == ()


def test_a_zero_point_is_taken_off() -> None:
    from unittest.mock import Mock

    from earmark.encoders.tflite_read import _dequantised

    scales = np.array([0.5], np.float32)
    points = np.array([100], np.int64)
    table = Mock(
        ScaleLength=lambda: 1, ScaleAsNumpy=lambda: scales, ZeroPointLength=lambda: 1, ZeroPointAsNumpy=lambda: points
    )
    np.testing.assert_array_equal(_dequantised(np.array([100, 104], np.uint8), table), [0.0, 2.0])


def test_an_inner_tensor_is_made_an_output(content: bytes) -> None:
    graph = parse_tflite(with_outputs(content, (2, 3)), "net.tflite")
    assert graph.outputs == (2, 3)
    assert graph.tensors == parse_tflite(content, "net.tflite").tensors


@pytest.mark.parametrize("wrong", [b"", b"short", b"PK\x03\x04 a zip file", b"\x00" * 64])
def test_another_file_is_refused(wrong: bytes) -> None:
    with pytest.raises(WeightsError, match=r"net\.tflite: is not a TensorFlow Lite file; delete it and fetch it again"):
        parse_tflite(wrong, "net.tflite")


@pytest.mark.parametrize("kept", [8, 40, 90, 200])
def test_a_truncated_file_is_refused(content: bytes, kept: int) -> None:
    with pytest.raises(WeightsError, match=r"net\.tflite: "):
        parse_tflite(content[:kept], "net.tflite")


def test_damage_is_refused_or_harmless_but_never_another_error(content: bytes, rng: np.random.Generator) -> None:
    for place in rng.integers(8, len(content), 300):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        try:
            parse_tflite(bytes(damaged), "net.tflite")
        except WeightsError as error:
            assert "net.tflite" in str(error)  # noqa: PT017 - either outcome is right, another error is not


def test_tensors_that_are_not_there_are_refused() -> None:
    writer = TfliteWriter()
    writer.operator("LOGISTIC", [17], "scores", (1, 3))
    with pytest.raises(WeightsError, match=r"is a damaged TensorFlow Lite file \(tensors \(17,\) of 1\)"):
        parse_tflite(writer.content([0], [0]), "net.tflite")


def test_a_tensor_is_found_by_name_or_refused(content: bytes) -> None:
    graph = parse_tflite(content, "net.tflite")
    assert graph.tensor("hidden").shape == (1, 3)
    with pytest.raises(WeightsError, match=r'net\.tflite: holds no tensor "mel": another network than expected'):
        graph.tensor("mel")
    with pytest.raises(WeightsError, match=r'net\.tflite: "hidden" is no constant'):
        graph.constant("hidden")
