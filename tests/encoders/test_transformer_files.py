"""A model is found as a folder, in EARMARK_WEIGHTS_DIR, in the hub's cache or on the hub; what it is not is told."""

from __future__ import annotations

import fnmatch
import json
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import MissingExtraError, ModelError, WeightsError
from earmark.core.settings import settings
from earmark.encoders import transformer_files
from earmark.encoders.transformer_files import find_transformer, read_transformer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG = {"model_type": "wav2vec2", "num_hidden_layers": 12, "conv_kernel": [10, 3], "conv_stride": [5, 2]}
NAME = "facebook/wav2vec2-base"


def write_model(folder: Path, *, weights: str = "model.safetensors", prepared: Any = None, **config: Any) -> Path:
    """Write the files of a model; the weights hold a few bytes, since nothing here loads them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG | config))
    (folder / weights).write_bytes(b"weights")
    if prepared is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(prepared))
    return folder


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    monkeypatch.delenv("EARMARK_WEIGHTS_DIR", raising=False)
    settings.cache_clear()


@pytest.fixture
def use_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Path], list[dict[str, Any]]]:
    """Return a function that puts a folder in place of the hub, and returns what the hub is then asked."""

    def use(remote: Path) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []

        def snapshot_download(model: str, **how: Any) -> str:
            asked.append({"model": model, **how})
            local = tmp_path / "snapshot"
            local.mkdir(exist_ok=True)
            for path in remote.iterdir():
                if any(fnmatch.fnmatch(path.name, pattern) for pattern in how["allow_patterns"]):
                    shutil.copy(path, local)
            return str(local)

        hub = SimpleNamespace(snapshot_download=snapshot_download, disable_progress_bars=lambda: None)
        monkeypatch.setattr(transformer_files, "import_extra", lambda *_: hub)
        return asked

    return use


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    files = find_transformer(str(write_model(tmp_path / "mine")), "wav2vec2")
    assert (files.folder, files.architecture, files.n_layers) == (tmp_path / "mine", "wav2vec2", 12)
    assert files.normalise  # what transformers does where no file says otherwise
    assert files.weights == (tmp_path / "mine" / "model.safetensors",)


@pytest.mark.parametrize("place", ["facebook/wav2vec2-base", "wav2vec2-base"])
def test_a_hub_name_is_looked_up_in_the_weights_folder(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "weights" / place, prepared={"do_normalize": False})
    monkeypatch.setenv("EARMARK_WEIGHTS_DIR", str(tmp_path / "weights"))
    settings.cache_clear()
    files = find_transformer(NAME, "wav2vec2")
    assert files.folder == tmp_path / "weights" / place
    assert not files.normalise


def test_the_cache_of_the_hub_is_read_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    cached = tmp_path / "hub" / "models--facebook--wav2vec2-base"
    write_model(cached / "snapshots" / "0b5b8e8", weights="pytorch_model.bin")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0b5b8e8")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    files = find_transformer(NAME, "wav2vec2")
    assert files.folder == cached / "snapshots" / "0b5b8e8"
    assert [path.name for path in files.weights] == ["pytorch_model.bin"]


def test_a_model_that_is_nowhere_says_where_was_looked_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    expected = (
        r'model "facebook/wav2vec2-base" was found neither as a folder nor in EARMARK_WEIGHTS_DIR \(not set\) nor on '
        r"the hub \(LocalEntryNotFoundError.*\); EARMARK_OFFLINE is set\. What to do: on a machine with network run "
        r'"hf download facebook/wav2vec2-base --local-dir wav2vec2-base"'
    )
    with pytest.raises(WeightsError, match=expected):
        find_transformer(NAME, "wav2vec2")


def test_a_name_that_no_hub_can_have_is_refused_too() -> None:
    pytest.importorskip("huggingface_hub")
    with pytest.raises(WeightsError, match=r'model "no such//thing" was found neither'):
        find_transformer("no such//thing", "wav2vec2")


def test_safetensors_are_fetched_alone_where_the_hub_has_both(
    tmp_path: Path, use_hub: Callable[[Path], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = write_model(tmp_path / "remote", prepared={"sampling_rate": 16000})
    for name in ("pytorch_model.bin", "README.md", "flax_model.msgpack"):
        (remote / name).write_bytes(b"more")
    monkeypatch.delenv("EARMARK_OFFLINE")
    settings.cache_clear()
    asked = use_hub(remote)
    files = find_transformer(NAME, "wav2vec2")
    found = sorted(path.name for path in files.folder.iterdir())
    assert found == ["config.json", "model.safetensors", "preprocessor_config.json"]
    assert [(each["model"], each["local_files_only"]) for each in asked] == [(NAME, False)]


def test_the_older_weights_are_fetched_where_there_are_no_safetensors(
    tmp_path: Path, use_hub: Callable[[Path], list[dict[str, Any]]]
) -> None:
    asked = use_hub(write_model(tmp_path / "remote", weights="pytorch_model.bin"))
    assert [path.name for path in find_transformer(NAME, "wav2vec2").weights] == ["pytorch_model.bin"]
    assert [each["local_files_only"] for each in asked] == [True, True]  # EARMARK_OFFLINE


def test_a_repository_without_weights_is_told(tmp_path: Path, use_hub: Callable[[Path], list[dict[str, Any]]]) -> None:
    use_hub(write_model(tmp_path / "remote", weights="flax_model.msgpack"))
    with pytest.raises(WeightsError, match=r"holds no weights"):
        find_transformer(NAME, "wav2vec2")


def test_without_the_client_of_the_hub_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(module: str, extra: str, purpose: str) -> Any:
        raise MissingExtraError(module, extra, purpose)

    monkeypatch.setattr(transformer_files, "import_extra", absent)
    with pytest.raises(MissingExtraError, match=r"Fetching a speech transformer needs .* 'earmark\[train\]'"):
        find_transformer(NAME, "wav2vec2")


def test_the_fingerprint_follows_the_files_and_not_their_place(tmp_path: Path) -> None:
    first, second = write_model(tmp_path / "a"), write_model(tmp_path / "b")
    before = read_transformer(first, "wav2vec2").fingerprint
    assert read_transformer(second, "wav2vec2").fingerprint == before
    (second / "model.safetensors").write_bytes(b"WEIGHTS")
    changed = write_model(tmp_path / "c", num_hidden_layers=6)
    plain = write_model(tmp_path / "d", prepared={"do_normalize": False})
    found = {read_transformer(folder, "wav2vec2").fingerprint for folder in (first, second, changed, plain)}
    assert len(found) == 4


def test_a_file_that_vanishes_is_told(tmp_path: Path) -> None:
    files = read_transformer(write_model(tmp_path / "a"), "wav2vec2")
    files.weights[0].unlink()
    with pytest.raises(WeightsError, match=r"model\.safetensors: cannot be read \(No such file"):
        _ = files.fingerprint


def test_frames_are_counted_as_the_convolutions_make_them(tmp_path: Path) -> None:
    files = read_transformer(write_model(tmp_path / "a"), "wav2vec2")
    assert files.n_frames(16000) == ((16000 - 10) // 5 + 1 - 3) // 2 + 1
    assert files.n_frames(9) <= 0


def test_shards_are_all_weights(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "a", weights="model-00001-of-00002.safetensors")
    (folder / "model-00002-of-00002.safetensors").write_bytes(b"more")
    assert len(read_transformer(folder, "wav2vec2").weights) == 2


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", r"config\.json is not that of a speech transformer \(.*is not valid JSON"),
        ("[]", r"config\.json is not that of a speech transformer \(TypeError"),
        ('{"model_type": "wav2vec2"}', r"\(KeyError: 'num_hidden_layers'\); fetch the model again"),
    ],
)
def test_a_damaged_configuration_is_told(tmp_path: Path, config: str, message: str) -> None:
    (write_model(tmp_path / "a") / "config.json").write_text(config)
    with pytest.raises(WeightsError, match=message):
        find_transformer(str(tmp_path / "a"), "wav2vec2")


def test_a_damaged_preprocessor_configuration_is_told(tmp_path: Path) -> None:
    write_model(tmp_path / "a", prepared=[])
    with pytest.raises(WeightsError, match=r"is not that of a speech transformer \(AttributeError"):
        find_transformer(str(tmp_path / "a"), "wav2vec2")


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds no config\.json, expected a folder as save_pretrained"):
        find_transformer(str(tmp_path), "wav2vec2")


def test_a_folder_without_weights_is_told(tmp_path: Path) -> None:
    (write_model(tmp_path / "a") / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"holds no weights, expected model\*\.safetensors or pytorch_model\*\.bin"):
        find_transformer(str(tmp_path / "a"), "wav2vec2")


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [("hubert", r'use the encoder or architecture "hubert"'), ("bert", r"choose another model")],
)
def test_a_model_of_another_kind_is_refused(tmp_path: Path, kind: str, remedy: str) -> None:
    write_model(tmp_path / "a", model_type=kind)
    with pytest.raises(ModelError, match=rf'the model is a "{kind}", expected a "wav2vec2"; {remedy}'):
        find_transformer(str(tmp_path / "a"), "wav2vec2")


def test_a_model_for_another_rate_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "a", prepared={"sampling_rate": 8000})
    with pytest.raises(ModelError, match=r"the model is for 8000 Hz, expected 16000 Hz"):
        find_transformer(str(tmp_path / "a"), "wav2vec2")
