"""Checksums of weights: published ones, those of the first use, and what is remembered of files."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import WeightsError
from earmark.core.files import read_json
from earmark.core.settings import settings
from earmark.encoders.weight_checks import check_weights, checksum, first_use_record, weights_cache
from earmark.encoders.zoo import WeightsEntry

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"one hundred little weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()  # noqa: S324 - what the makers publish
LONG_AGO_NS = 1_700_000_000_000_000_000
NO_CHECKSUM = WeightsEntry("tiny", ("local:tiny.onnx",), "", "MIT", "us")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    settings.cache_clear()
    path = tmp_path / "tiny.onnx"
    write(path, CONTENT)
    return path


def write(path: Path, content: bytes, time_ns: int = LONG_AGO_NS) -> None:
    path.write_bytes(content)
    os.utime(path, ns=(time_ns, time_ns))


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    reads: list[str] = []
    digest = hashlib.file_digest

    def counted(file: object, name: str) -> object:
        reads.append(name)
        return digest(file, name)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "file_digest", counted)
    return reads


def test_a_file_that_does_not_change_is_read_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = count_reads(monkeypatch)
    assert [checksum(file), checksum(file), checksum(file, "md5"), checksum(file)] == [SHA256, SHA256, MD5, SHA256]
    assert reads == ["sha256", "md5"]
    assert checksum(file, fresh=True) == SHA256
    assert reads == ["sha256", "md5", "sha256"]


def test_other_content_of_equal_length_and_time_is_noticed(file: Path) -> None:
    checksum(file)
    write(file, CONTENT[::-1])
    assert checksum(file) == hashlib.sha256(CONTENT[::-1]).hexdigest()


def test_a_file_that_changed_a_moment_ago_is_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = count_reads(monkeypatch)
    file.write_bytes(CONTENT)
    checksum(file)
    checksum(file)
    assert len(reads) == 2


@pytest.mark.parametrize("damage", [b"", b"[1]", b"{", b'{"stamp": [1, 2, 3], "sha256": "00"}', b"\xff"])
def test_a_damaged_memory_only_costs_time(file: Path, damage: bytes) -> None:
    checksum(file)
    (memory,) = (weights_cache() / "checked").iterdir()
    memory.write_bytes(damage)
    assert checksum(file) == SHA256


def test_an_unwritable_memory_only_costs_time(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "blocked"))
    settings.cache_clear()
    assert checksum(file) == SHA256
    assert check_weights(NO_CHECKSUM, file) == "first use"
    assert "the weights are read again next time" in caplog.text


def test_the_strongest_published_checksum_counts(file: Path) -> None:
    assert check_weights(replace(NO_CHECKSUM, sha256=SHA256, md5="0" * 32), file) == "SHA-256"
    assert check_weights(replace(NO_CHECKSUM, md5=MD5), file) == "MD5"
    assert not first_use_record(NO_CHECKSUM).exists()


@pytest.mark.parametrize(
    ("entry", "name"),
    [(replace(NO_CHECKSUM, sha256="0" * 64), "SHA-256"), (replace(NO_CHECKSUM, md5="0" * 32), "MD5")],
)
def test_another_file_is_refused(file: Path, entry: WeightsEntry, name: str) -> None:
    with pytest.raises(WeightsError, match=rf'tiny\.onnx: {name} \w+\.\.\., but weights "tiny" have 0+\.\.\.; delete'):
        check_weights(entry, file)
    with pytest.raises(WeightsError, match=rf"^what came has {name} \w+\.\.\., but .* have 0+\.\.\.$"):
        check_weights(entry, file, arriving=True)


def test_the_first_use_is_told_kept_and_expected_from_then_on(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert check_weights(NO_CHECKSUM, file) == "first use"
    assert f"their makers publish no checksum; SHA-256 {SHA256} is kept in" in caplog.text
    record = first_use_record(NO_CHECKSUM)
    assert read_json(record)["sha256"] == SHA256
    caplog.clear()
    assert check_weights(NO_CHECKSUM, file) == "first use"
    assert not caplog.text
    write(file, b"something else")
    with pytest.raises(WeightsError, match=rf"had {SHA256[:16]}\.\.\. when they were first used \(\d+-\d+-\d+"):
        check_weights(NO_CHECKSUM, file)
    record.unlink()  # as the message says
    assert check_weights(NO_CHECKSUM, file) == "first use"
