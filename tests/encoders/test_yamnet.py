"""YAMNet as a frontend, on a small network of its structure and, where its weights are, on real recordings."""

from __future__ import annotations

import csv
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import ConfigError, WeightsError
from earmark.encoders import converted
from earmark.encoders import yamnet as module
from earmark.encoders.base import Encoder, OnnxEncoder
from earmark.encoders.session import OnnxGraph
from earmark.encoders.tflite_read import parse_tflite, read_tflite
from earmark.encoders.tflite_write import TfliteWriter
from earmark.encoders.yamnet import folded_yamnet, yamnet, yamnet_graph
from earmark.features.testing import FrontendContract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.features.base import Frontend

WINDOW = 15600
LAYERS = "yamnet_frames/tf_op_layer_"
LABELS = 'index,mid,display_name\n0,/m/09x0r,"Speech"\n1,/m/05zppz,"Male speech"\n2,/m/04rlf,"Music"\n'


def small_yamnet(taper_samples: int = 400) -> bytes:
    """Return a file with the tensors that the folding reads; its body is a mean over the log-mel image."""
    angles = 2 * np.pi * np.outer(np.arange(257), np.arange(512)) / 512
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(taper_samples) / taper_samples)
    writer = TfliteWriter()
    source = writer.tensor("input_1", (1, WINDOW))
    writer.constant(f"{LAYERS}Mul/Mul/y", taper[np.newaxis].astype(np.float32))
    writer.constant(f"{LAYERS}Pad/Pad/paddings", np.array([[0, 0], [56, 56]], np.int32))
    writer.constant(
        f"{LAYERS}GatherV2/GatherV2/indices", (2 * np.arange(96)[:, np.newaxis] + np.arange(5)).astype(np.int32)
    )
    writer.constant(f"{LAYERS}Reshape/Reshape/shape", np.array([195, 80], np.int32))
    writer.constant(f"{LAYERS}MatMul/MatMul", np.round(127 * np.cos(angles)).astype(np.int8), scales=[1 / 127])
    writer.constant(f"{LAYERS}MatMul_1/MatMul_1", np.round(-127 * np.sin(angles)).astype(np.int8), scales=[1 / 127])
    writer.constant(f"{LAYERS}MatMul_2/MatMul_2", mel_filters())
    writer.constant(f"{LAYERS}MatMul_2/MatMul_21", np.full(64, 1e-3, np.float32))
    image = writer.tensor("yamnet_frames/reshape/Reshape", (1, 96, 64, 1))
    axes = writer.constant("axes", np.array([1, 2], np.int32))
    mean = writer.operator("MEAN", [image, axes], "yamnet_frames/global_average_pooling2d/Mean", (1, 1))
    head = writer.constant("head", np.array([[1], [-1]], np.float32))
    logits = writer.operator("FULLY_CONNECTED", [mean, head], "logits", (1, 2))
    return writer.content([source], [writer.operator("LOGISTIC", [logits], "Identity", (1, 2))])


def mel_filters() -> NDArray[np.float32]:
    return np.random.default_rng(2).uniform(0, 1, (64, 257)).astype(np.float32)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "yamnet.tflite").write_bytes(small_yamnet())
    (tmp_path / "labels.csv").write_text(LABELS, encoding="utf-8")
    paths = {"yamnet": tmp_path / "yamnet.tflite", "audioset_labels": tmp_path / "labels.csv"}
    monkeypatch.setattr(module, "weights_path", paths.__getitem__)
    monkeypatch.setattr(converted, "weights_path", paths.__getitem__)


@pytest.mark.usefixtures("small")
class TestYamnet(FrontendContract):
    tolerance = 1e-4  # ONNX Runtime adds up in another order for another batch

    def frontend(self) -> Frontend:
        return yamnet(hop_s=0.48)


@pytest.mark.usefixtures("small")
class TestScoresOfYamnet(FrontendContract):
    tolerance = 1e-4

    def frontend(self) -> Frontend:
        return yamnet(output="scores")


@pytest.mark.usefixtures("small")
def test_embedding_equals_that_of_a_fourier_transform(rng: np.random.Generator) -> None:
    windows = (0.1 * rng.standard_normal((2, WINDOW))).astype(np.float32)
    embedding, scores = yamnet().both(windows)
    frames = np.lib.stride_tricks.sliding_window_view(windows, 400, axis=1)[:, ::160][:, :96]
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    bands = np.log(np.abs(np.fft.rfft(frames * taper, 512)) @ mel_filters().T + 1e-3)
    expected = bands.mean(axis=(1, 2))[:, np.newaxis]
    np.testing.assert_allclose(embedding, expected, atol=5e-3)  # the file's transform is rounded to INT8
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-embedding * [1, -1])), atol=1e-6)


@pytest.mark.usefixtures("small")
def test_classes_are_those_of_audioset_that_yamnet_kept() -> None:
    encoder = yamnet()
    assert isinstance(encoder, Encoder)
    assert encoder.class_names == ("Speech", "Music")
    assert (encoder.spec.rate_hz, encoder.spec.window_samples, encoder.spec.hop_samples) == (16000, WINDOW, WINDOW)
    assert (encoder.spec.shape, yamnet(output="scores").spec.shape) == ((1,), (2,))


@pytest.mark.usefixtures("small")
def test_names_are_read_only_where_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").unlink()
    encoder = yamnet()
    assert encoder(np.zeros((1, WINDOW), dtype=np.float32)).shape == (1, 1)
    with pytest.raises(FileNotFoundError):
        _ = encoder.class_names


@pytest.mark.parametrize("options", [{"hop_s": 1.0}, {"hop_s": 0.0}, {"window_s": 2.0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f'frontend "yamnet": key "{next(iter(options))}"'):
        yamnet(**options)


def test_a_taper_that_does_not_fit_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"small\.tflite: a taper of 320 samples does not fit its frames"):
        folded_yamnet(parse_tflite(small_yamnet(320), "small.tflite"))


# What follows needs YAMNet's own weights in EARMARK_WEIGHTS_DIR and the recordings.


@pytest.fixture
def weights() -> Path:
    folder = os.environ.get("EARMARK_WEIGHTS_DIR", "")
    if not folder or not (Path(folder) / "yamnet.tflite").is_file():
        pytest.skip(f"no yamnet.tflite under EARMARK_WEIGHTS_DIR ({folder or 'not set'})")
    return Path(folder) / "yamnet.tflite"


def clips_of(esc50: Path, label: str, n_clips: int) -> list[NDArray[np.float32]]:
    """Return the windows of the first clips with a label, each float32 (n_windows, n_samples)."""
    from earmark.audio import read_audio
    from earmark.audio.window import cut_windows

    with (esc50 / "clips.csv").open(encoding="utf-8") as file:
        paths = [esc50 / row["path"] for row in csv.DictReader(file) if row["label"] == label][:n_clips]
    return [cut_windows(read_audio(path, rate_hz=16000, mono=True).mono(), WINDOW, WINDOW) for path in paths]


TOP_TAGS = {
    "dog": {"Dog", "Animal"},
    "keyboard_typing": {"Typing", "Computer keyboard"},
    "crying_baby": {"Baby cry, infant cry", "Crying, sobbing"},
    "church_bells": {"Bell", "Church bell"},
    "rain": {"Rain", "Water"},
    "coughing": {"Cough"},
    "siren": {"Siren", "Emergency vehicle", "Vehicle", "Alarm"},
}


# From research/audioset/yamnet/yamnet_class_map.csv of github.com/tensorflow/models: before, between and behind the six
# classes that are left out.
CLASS_MAP = {
    0: "Speech",
    1: "Child speech, kid speaking",
    9: "Yell",
    10: "Children shouting",
    28: "Mantra",
    29: "Child singing",
    66: "Children playing",
    107: "Bird vocalization, bird call, bird song",
    200: "Chime",
    271: "Happy music",
    272: "Sad music",
    277: "Wind",
    300: "Motor vehicle (road)",
    378: "Typing",
    427: "Firecracker",
    494: "Silence",
    500: "Inside, small room",
    520: "Field recording",
}


@pytest.mark.real
@pytest.mark.usefixtures("weights")
def test_classes_stand_where_their_makers_put_them() -> None:
    names = yamnet().class_names
    assert len(names) == len(set(names)) == 521
    assert {place: names[place] for place in CLASS_MAP} == CLASS_MAP


@pytest.mark.real
@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("label", sorted(TOP_TAGS))
def test_most_real_sounds_get_the_right_top_tag(esc50_dir: Path, label: str) -> None:
    encoder: OnnxEncoder = yamnet(output="scores")
    silence = encoder.class_names.index("Silence")  # ESC-50 fills its clips up with zeros
    right = 0
    for clip in clips_of(esc50_dir, label, 6):
        scores = encoder(clip).max(axis=0)
        scores[silence] = 0
        right += encoder.class_names[int(scores.argmax())] in TOP_TAGS[label]
    assert right >= 4


def in_float32(path: Path) -> bytes:
    """Return YAMNet's file with its INT8 weights as float32, since LiteRT rounds sound to INT8 where weights are."""
    from importlib import import_module

    from ai_edge_litert import schema_py_generated as schema

    graph = read_tflite(path)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(path.read_bytes(), 0))
    network = model.subgraphs[0]
    for tensor, read in zip(network.tensors, graph.tensors, strict=True):
        if tensor.type == schema.TensorType.INT8 and read.value is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(read.value.tobytes(), np.uint8)
            model.buffers.append(buffer)
            tensor.buffer, tensor.type, tensor.quantization = len(model.buffers) - 1, schema.TensorType.FLOAT32, None
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    unpacked = [step for step in network.operators if codes[step.opcodeIndex] == schema.BuiltinOperator.DEQUANTIZE]
    renamed = {int(step.outputs[0]): int(step.inputs[0]) for step in unpacked}
    network.operators = [step for step in network.operators if step not in unpacked]
    for step in network.operators:
        step.inputs = [renamed.get(int(index), int(index)) for index in step.inputs]
    builder = import_module("flatbuffers").Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.real
def test_real_sounds_give_the_numbers_of_litert(weights: Path, esc50_dir: Path) -> None:
    if find_spec("ai_edge_litert") is None:
        pytest.skip("ai_edge_litert is not installed: pip install earmark[litert]")
    from earmark.encoders.litert import LiteRtGraph

    windows = np.concatenate([clips_of(esc50_dir, label, 1)[0][:3] for label in TOP_TAGS])
    graph = read_tflite(weights)
    outputs = {
        "embedding": graph.tensor("yamnet_frames/global_average_pooling2d/Mean").index,
        "scores": graph.outputs[0],
    }
    expected: Any = LiteRtGraph(in_float32(weights), outputs, what="yamnet").run(windows, "embedding", "scores")
    found = OnnxGraph(yamnet_graph()).run(windows, "embedding", "scores")
    assert expected[1].max() > 0.9
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
