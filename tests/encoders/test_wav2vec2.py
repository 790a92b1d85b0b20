"""Frozen speech transformers give transformers' own numbers, from a graph that is made once and then needs no torch.

The models are tiny and random: the hub is not asked. Every architecture is exported once for the whole module, kept in
the cache that all tests share.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import ConfigError, MissingExtraError, ModelError, StoreError, WeightsError
from earmark.core.settings import settings
from earmark.encoders import transformer_fake, transformer_files, transformer_module, wav2vec2
from earmark.encoders.session import OnnxGraph
from earmark.encoders.transformer_fake import save_tiny, tiny_folder
from earmark.encoders.transformer_module import pooled_class
from earmark.features.testing import FrontendContract

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.encoders.transformer_files import Architecture
    from earmark.encoders.transformer_module import Layer
    from earmark.encoders.wav2vec2 import TransformerEncoder
    from earmark.features.base import Frontend

pytest.importorskip("transformers")

RATE_HZ = 16000
N_SAMPLES = 3200
LAYERS: dict[Architecture, Layer] = {"wav2vec2": -1, "hubert": 1, "wavlm": "mean"}


def encoder(architecture: Architecture, **options: Any) -> TransformerEncoder:
    given = {"model": "tiny-random", "window_s": 0.2, "hop_s": 0.1, "layer": LAYERS[architecture]} | options
    built: TransformerEncoder = getattr(wav2vec2, architecture)(**given)
    return built


class TestWavLM(FrontendContract):
    tolerance = 1e-4  # ONNX Runtime adds up in another order for another batch

    def frontend(self) -> Frontend:
        return encoder("wavlm")


@pytest.fixture
def windows(rng: np.random.Generator) -> NDArray[np.float32]:
    times_s = np.arange(N_SAMPLES) / RATE_HZ
    tones = np.sin(2 * np.pi * np.array([[200.0], [900.0], [3000.0]]) * times_s)
    return (tones * [[0.5], [0.05], [0.9]] + 0.01 * rng.normal(size=(3, N_SAMPLES)) + 0.02).astype(np.float32)


@pytest.mark.parametrize("architecture", list(LAYERS))
def test_embeddings_are_those_of_transformers(architecture: Architecture, windows: NDArray[np.float32]) -> None:
    import torch
    from transformers import AutoModel, Wav2Vec2FeatureExtractor

    folder, layer = tiny_folder(architecture), LAYERS[architecture]
    prepare: Any = Wav2Vec2FeatureExtractor.from_pretrained(folder)
    sound = prepare(list(windows), sampling_rate=RATE_HZ, return_tensors="pt")
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.inference_mode():
        states = model(sound.input_values, output_hidden_states=True).hidden_states
    frames = torch.stack(states).mean(dim=0) if layer == "mean" else states[layer]
    found = encoder(architecture)(windows)
    np.testing.assert_allclose(found, frames.mean(dim=1).numpy(), atol=1e-4)
    assert np.abs(found[0] - found[1]).max() > 1e-2


def test_a_graph_once_made_needs_neither_torch_nor_the_model(windows: NDArray[np.float32], tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_folder("wav2vec2"), model)
    made = encoder("wav2vec2", model=str(model))
    shutil.rmtree(model)
    np.save(tmp_path / "windows.npy", windows)
    code = (
        "import sys, numpy as np\n"
        "from earmark.models.table import build_frontend\n"
        f"frontend = build_frontend('wav2vec2', {made.spec.config!r})\n"
        f"assert frontend.spec.fingerprint == {made.spec.fingerprint!r}\n"
        f"np.save({str(tmp_path / 'found.npy')!r}, frontend(np.load({str(tmp_path / 'windows.npy')!r})))\n"
        "print({'torch', 'transformers', 'huggingface_hub', 'onnxscript'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), made(windows))


def test_the_configuration_names_the_weights_and_builds_the_same_encoder() -> None:
    first = encoder("hubert")
    assert first.spec.shape == (16,)
    assert len(first.spec.config["weights"]) == 16
    assert wav2vec2.hubert(**first.spec.config).spec == first.spec


def test_windows_are_normalised_only_where_the_model_says_so(windows: NDArray[np.float32]) -> None:
    import torch

    class Echo(torch.nn.Module):
        def forward(self, sound: torch.Tensor) -> Any:
            return SimpleNamespace(last_hidden_state=torch.stack([sound, sound.square()], dim=2))

    sound = torch.from_numpy(windows)
    plain = pooled_class()(Echo(), -1, False)(sound).numpy()
    np.testing.assert_allclose(plain, np.stack([windows.mean(axis=1), np.square(windows).mean(axis=1)], 1), rtol=1e-4)
    even = pooled_class()(Echo(), -1, True)(sound).numpy()
    np.testing.assert_allclose(even, [[0, 1]] * 3, atol=1e-3)


def test_another_version_of_the_model_is_refused(tmp_path: Path) -> None:
    save_tiny(tmp_path / "model", "wav2vec2", seed=1)
    with pytest.raises(
        WeightsError, match=r"have the fingerprint \w{16}, expected 0123456789abcdef; the model was cha"
    ):
        encoder("wav2vec2", model=str(tmp_path / "model"), weights="0123456789abcdef")


def test_without_torch_a_model_that_is_not_yet_a_graph_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"Loading a speech transformer needs the package torch.*\[train\]"):
        encoder("wav2vec2", window_s=0.3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": 3}, r'layer 3 is not there, expected -3 to 2 or "mean"'),
        ({"layer": -4}, r"layer -4 is not there"),
        ({"layer": "middle"}, r'key "layer": found .middle.'),
        ({"window_s": 0.006, "hop_s": 0.006}, r"window_s 0\.006 is too short for the model"),
        ({"hop_s": 0.3}, r"hop_s is 0\.3, expected one sample to window_s"),
        ({"pooling": "max"}, r'frontend "wav2vec2": key "pooling" is not known'),
        ({"model": ""}, r'key "model"'),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        encoder("wav2vec2", **options)


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    save_tiny(tmp_path / "model", "wav2vec2")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(WeightsError, match=r"transformers [\d.]+ cannot load the model \(\w+: .*\); fetch it again"):
        encoder("wav2vec2", model=str(tmp_path / "model"))


def test_a_graph_that_gives_other_numbers_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save_tiny(tmp_path / "model", "wav2vec2", seed=2)
    other = graph_of(encoder("wav2vec2"))
    monkeypatch.setattr(wav2vec2, "export_graph", lambda *_, **__: other)
    before = set((settings().cache_dir / "weights").iterdir())
    with pytest.raises(ModelError, match=r"its ONNX graph differs from transformers by .*; nothing was kept"):
        encoder("wav2vec2", model=str(tmp_path / "model"))
    assert set((settings().cache_dir / "weights").iterdir()) == before


def test_a_cache_that_cannot_be_written_costs_time_and_not_the_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_tiny(tmp_path / "model", "wav2vec2", seed=3)

    def refuse(path: Path, content: bytes) -> None:
        raise StoreError(f"{path}: cannot be written (Read-only file system)")

    monkeypatch.setattr(wav2vec2, "_export", lambda *_: graph_of(encoder("wav2vec2")))
    monkeypatch.setattr(wav2vec2, "write_bytes", refuse)
    assert encoder("wav2vec2", model=str(tmp_path / "model")).spec.shape == (16,)
    assert "the graph of" in caplog.text
    assert "is made again next time" in caplog.text


def test_a_graph_without_a_width_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OnnxGraph, "output_shape", property(lambda _: (None, None)))
    with pytest.raises(ModelError, match=r"its graph does not tell its width; delete it"):
        encoder("wav2vec2")


def test_the_tiny_model_needs_a_cache_that_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(transformer_fake, "weights_cache", lambda: tmp_path / "file")
    with pytest.raises(StoreError, match=r"tiny-random-hubert-v1: cannot be written \(File exists\)"):
        tiny_folder("hubert")


def test_transformers_speaks_as_before_when_a_model_was_loaded() -> None:
    import transformers

    log: Any = transformers.utils.logging
    before = log.get_verbosity(), log.is_progress_bar_enabled()
    assert before[1]
    with transformer_module.quiet_transformers():
        assert not log.is_progress_bar_enabled()
    assert (log.get_verbosity(), log.is_progress_bar_enabled()) == before
    log.disable_progress_bar()
    try:
        with transformer_module.quiet_transformers():
            pass
        assert not log.is_progress_bar_enabled()
    finally:
        log.enable_progress_bar()


def test_every_architecture_has_a_default_model() -> None:
    for architecture, model in transformer_files.DEFAULT_MODELS.items():
        assert architecture in model


def graph_of(made: TransformerEncoder) -> bytes:
    """Return the kept graph of an encoder."""
    (path,) = (settings().cache_dir / "weights").glob(f"*-{made.spec.config['weights']}-layer-1-{N_SAMPLES}-*.onnx")
    return path.read_bytes()
