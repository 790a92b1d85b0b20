"""The folded front end gives the numbers of a real Fourier transform, on a network of BirdNET's structure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import WeightsError
from earmark.encoders.birdnet_fold import BRANCHES, branch_kernels, folded_birdnet, folded_birdnet_pair
from earmark.encoders.session import OnnxGraph
from earmark.encoders.tflite_read import TfliteGraph, parse_tflite
from earmark.encoders.tflite_write import TfliteWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_SAMPLES = 4000


@pytest.fixture
def windows(rng: np.random.Generator) -> NDArray[np.float32]:
    return (0.1 * rng.standard_normal((3, N_SAMPLES))).astype(np.float32)


def read(small: Any) -> TfliteGraph:
    return parse_tflite(small.content(), "small.tflite")


@pytest.fixture(scope="module")
def graph(small_birdnet: Any) -> OnnxGraph:
    return OnnxGraph(folded_birdnet(read(small_birdnet())))


def test_embedding_equals_that_of_a_fourier_transform(
    graph: OnnxGraph, windows: NDArray[np.float32], small_birdnet: Any
) -> None:
    embedding, logits, scores = graph.run(windows, "embedding", "logits", "scores")
    np.testing.assert_allclose(embedding, small_birdnet().expected_embedding(windows), rtol=1e-5)
    matrix, bias = small_birdnet().head()
    np.testing.assert_allclose(logits, embedding @ matrix.T + bias, rtol=1e-5)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-logits)), atol=1e-6)
    assert graph.output_names == ("embedding", "scores", "logits")
    assert graph.input_shape == (None, N_SAMPLES)


@pytest.mark.parametrize("offset", [0.0, 0.5, -30.0])
@pytest.mark.parametrize("silent", [0, 1000, N_SAMPLES])
def test_silence_and_a_constant_part_leave_no_rounding_noise(
    graph: OnnxGraph, small_birdnet: Any, offset: float, silent: int
) -> None:
    window = np.random.default_rng(1).standard_normal((1, N_SAMPLES)).astype(np.float32)
    window[:, N_SAMPLES - silent :] = 0
    window += np.float32(offset)
    found = graph.run(window, "embedding")[0]
    np.testing.assert_allclose(found, small_birdnet().expected_embedding(window), rtol=2e-4)


def test_kernels_are_window_times_cosines_times_filters_with_high_bands_first(small_birdnet: Any) -> None:
    small = small_birdnet()
    for place, branch in enumerate(BRANCHES):
        kernels = branch_kernels(read(small), branch)
        length = small.lengths[place]
        impulse = np.zeros(length)
        impulse[length // 3] = 0.5 - 0.5 * np.cos(2 * np.pi * (length // 3) / length)
        expected = np.fft.rfft(impulse).real @ small.filters(place).T.astype(np.float64)
        np.testing.assert_allclose(kernels[:, length // 3], expected[::-1], rtol=1e-6)


def test_branches_of_different_sizes_are_refused(small_birdnet: Any) -> None:
    with pytest.raises(WeightsError, match=r"small\.tflite: its branches have images of .*, expected one size"):
        folded_birdnet(read(small_birdnet(hops=(70, 300))))


def test_a_last_layer_of_another_kind_is_refused(small_birdnet: Any) -> None:
    graph = read(small_birdnet())
    steps = tuple(
        replace(step, options={"FusedActivationFunction": 1}) if graph.outputs[0] in step.outputs else step
        for step in graph.operators
    )
    with pytest.raises(WeightsError, match=r"small\.tflite: its last layer is no plain matrix"):
        folded_birdnet_pair(replace(graph, operators=steps), "small.weights")


def test_filters_that_do_not_fit_are_refused(small_birdnet: Any) -> None:
    small = small_birdnet(changed={f"{BRANCHES[0]}/Tensordot/MatMul": np.ones((6, 9), np.float32)})
    with pytest.raises(WeightsError, match=r"mel filters \(6, 9\) do not fit frames of 512 samples"):
        folded_birdnet(read(small))


def test_another_network_is_refused() -> None:
    writer = TfliteWriter()
    source = writer.tensor("INPUT", (1, N_SAMPLES))
    content = writer.content([source], [source])
    with pytest.raises(WeightsError, match=r'holds no tensor "model/MEL_SPEC1/add/y": another network than expected'):
        folded_birdnet(parse_tflite(content, "small.tflite"))
