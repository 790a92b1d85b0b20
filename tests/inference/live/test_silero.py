"""Silero's own graph; its wiring on a graph of the same shape whose answers can be computed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from earmark.core.errors import WeightsError
from earmark.core.identity import file_sha256
from earmark.core.settings import settings
from earmark.encoders import zoo
from earmark.encoders.weights import weights_at_hand
from earmark.inference.live.silero import SileroDetector
from earmark.inference.live.vad import FRAME_SAMPLES
from tests.inference.live.test_vad import DetectorContract

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.inference.live.vad import SpeechDetector

FILE = "silero_vad_16k_sequence.onnx"


def stand_in() -> bytes:
    """Return a graph that counts frames in its state, and tells the first sample of each context plus that."""
    info = helper.make_tensor_value_info
    state = [1, 1, 128]
    nodes = [
        helper.make_node("Reshape", ["h", "flat"], ["h_row"]),
        helper.make_node("Gather", ["input", "zero"], ["first"], axis=1),
        helper.make_node("Gather", ["h_row", "zero"], ["seen"], axis=0),
        helper.make_node("Add", ["first", "seen"], ["speech_probs"]),
        helper.make_node("Shape", ["first"], ["n"]),
        helper.make_node("Cast", ["n"], ["n_frames"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["h", "n_frames"], ["hn"]),
        helper.make_node("Identity", ["c"], ["cn"]),
    ]
    constants = [
        helper.make_tensor("zero", TensorProto.INT64, [], [0]),
        helper.make_tensor("flat", TensorProto.INT64, [1], [-1]),
    ]
    inputs = [
        info("input", TensorProto.FLOAT, ["n", 576]),
        info("h", TensorProto.FLOAT, state),
        info("c", TensorProto.FLOAT, state),
    ]
    outputs = [
        info("speech_probs", TensorProto.FLOAT, ["n"]),
        info("hn", TensorProto.FLOAT, state),
        info("cn", TensorProto.FLOAT, state),
    ]
    graph = helper.make_graph(nodes, "stand-in", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


@pytest.fixture
def stand_in_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).write_bytes(stand_in())
    entry = dataclasses.replace(zoo.WEIGHTS["silero_vad"], sha256=file_sha256(tmp_path / FILE), size_bytes=0)
    monkeypatch.setitem(zoo.WEIGHTS, "silero_vad", entry)
    monkeypatch.setenv("EARMARK_WEIGHTS_DIR", str(tmp_path))
    settings.cache_clear()


@pytest.mark.usefixtures("stand_in_weights")
def test_context_and_state_go_from_frame_to_frame_and_call_to_call() -> None:
    frames = np.linspace(0, 0.5, 5 * FRAME_SAMPLES, dtype=np.float32).reshape(5, FRAME_SAMPLES)
    frames[:, 9] = 0.9  # as loud as it gets, so that nothing is amplified
    contexts = [0, *(frames[:4, -64])]
    detector = SileroDetector()
    assert detector(frames[:2]).tolist() == [contexts[0], contexts[1]]
    seen = np.float32(2)  # frames, by the first call
    assert detector(frames[2:]).tolist() == [context + seen for context in contexts[2:]]
    detector.reset()
    assert detector(frames[:1]).tolist() == [0]


@pytest.mark.usefixtures("stand_in_weights")
def test_quiet_sound_is_amplified_at_once_only_as_far_as_the_loudest_of_late_fits() -> None:
    frames = np.zeros((4, FRAME_SAMPLES), dtype=np.float32)
    frames[:, -64], frames[1, 9] = 0.01, 0.45
    first, second, third, fourth = SileroDetector()(frames)
    assert (first, second) == (0, pytest.approx(0.3))  # the context of the frame before, 30 times
    assert third == pytest.approx(0.02)  # 0.45 fits twice
    assert fourth == pytest.approx(0.02 * 10 ** (3.0 * 0.032 / 20))


@pytest.mark.usefixtures("stand_in_weights")
def test_many_frames_go_in_several_calls() -> None:
    found = SileroDetector()(np.zeros((1030, FRAME_SAMPLES), dtype=np.float32))
    assert found.shape == (1030,)
    assert sorted(set(found.tolist())) == [0, 512, 1024]


def test_without_the_weights_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EARMARK_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("EARMARK_OFFLINE", "true")
    settings.cache_clear()
    if weights_at_hand("silero_vad") is not None:
        pytest.skip("silero-vad is installed here")
    with pytest.raises(WeightsError, match=r"silero-vad==.*EARMARK_WEIGHTS_DIR.*--vad energy"):
        SileroDetector()


@pytest.mark.real
@pytest.mark.usefixtures("silero_weights")
class TestReal(DetectorContract):
    def detector(self) -> SpeechDetector:
        return SileroDetector()

    def test_speech_is_told_from_noise(self, fsdd_dir: Path, rng: np.random.Generator) -> None:
        from earmark.audio import read_audio

        spoken = read_audio(fsdd_dir / "recordings" / "7_jackson_0.wav", rate_hz=16000, mono=True).samples[0]
        hiss = (0.001 * rng.normal(size=FRAME_SAMPLES * 30)).astype(np.float32)
        spoken = spoken[: spoken.size // FRAME_SAMPLES * FRAME_SAMPLES]
        found = self.detector()(np.concatenate([hiss, spoken, hiss]).reshape(-1, FRAME_SAMPLES))
        assert found[:28].max() < 0.2
        assert found[30:-30].max() > 0.9
        assert found[-20:].max() < 0.3
