from __future__ import annotations

import hashlib
import json
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import ConfigError, MissingExtraError
from earmark.core.settings import settings
from earmark.encoders.converted import converted_graph
from earmark.encoders.zoo import WEIGHTS, WeightsEntry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

CONTENT = b"one hundred little weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def entry(name: str, **changes: Any) -> WeightsEntry:
    facts: dict[str, Any] = {"sources": (f"local:{name}.bin",), "sha256": SHA256, "licence": "MIT", "origin": "us"}
    return WeightsEntry(name, **(facts | changes))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with weights, in a table of three entries of which one is missing."""
    module = types.ModuleType("tiny_encoder")
    graph = lambda: converted_graph("tiny", lambda path: b"graph of " + path.read_bytes(), version=3)  # noqa: E731
    monkeypatch.setattr(module, "graph", graph, raising=False)
    monkeypatch.setitem(sys.modules, "tiny_encoder", module)
    for name in list(WEIGHTS):
        monkeypatch.delitem(WEIGHTS, name)
    tiny = entry("tiny", prepare="tiny_encoder:graph", goes_with=("tiny_labels",))
    labels = entry("tiny_labels", licence="CC-BY-NC-4.0", non_commercial=True, sha256="")
    for made in (tiny, labels, entry("missing", size_bytes=51_700_000)):
        monkeypatch.setitem(WEIGHTS, made.name, made)
    for name in ("tiny", "tiny_labels"):
        (tmp_path / f"{name}.bin").write_bytes(CONTENT)
    monkeypatch.setenv("EARMARK_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    settings.cache_clear()
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_ls_shows_what_is_here_and_what_it_allows(run: Run) -> None:
    told = run("weights", "ls").stdout
    lines = {line.split()[0]: line.split() for line in told.splitlines() if line.strip()}
    assert lines["tiny"][1:] == ["yes", "0.0", "kB", "MIT", "yes", "us"]
    assert lines["tiny_labels"][1:] == ["yes", "0.0", "kB", "CC-BY-NC-4.0", "NO", "us"]
    assert lines["missing"][1:] == ["no", "51.7", "MB", "MIT", "yes", "us"]


def test_ls_as_json_says_where(run: Run, folder: Path) -> None:
    tiny, labels, missing = json.loads(run("weights", "ls", "--json").stdout)
    assert tiny == {
        "name": "tiny",
        "path": str(folder / "tiny.bin"),
        "size_bytes": len(CONTENT),
        "licence": "MIT",
        "non_commercial": False,
        "origin": "us",
        "sources": ["local:tiny.bin"],
        "graphs": [],
    }
    assert labels["non_commercial"] is True
    assert (missing["path"], missing["size_bytes"]) == (None, 51_700_000)


def test_fetch_tells_licence_file_and_graph_and_takes_what_goes_with_it(run: Run, folder: Path) -> None:
    told = run("weights", "fetch", "tiny").stdout
    graph = folder / "cache" / "weights" / f"tiny-{SHA256[:16]}-v3.onnx"
    assert graph.read_bytes() == b"graph of " + CONTENT
    assert told.splitlines() == [
        "tiny: us",
        "  licence: MIT",
        f"  file: {folder / 'tiny.bin'} (0.0 kB, verified by SHA-256)",
        f"  graph: {graph}",
        "tiny_labels: us",
        "  licence: CC-BY-NC-4.0 (no commercial use, neither of the weights nor of models made from them)",
        f"  file: {folder / 'tiny_labels.bin'} (0.0 kB, verified by SHA-256 of the first use; the makers publish none)",
    ]


def test_fetch_does_the_rest_when_one_fails(run: Run, folder: Path) -> None:
    result = run("weights", "fetch", "missing", "tiny", code=1)
    assert 'earmark: weights "missing" were found nowhere; tried local:missing.bin' in result.stderr
    assert f"file: {folder / 'tiny.bin'}" in result.stdout
    rows = json.loads(run("weights", "fetch", "--all", "--json", code=1).stdout)
    assert [(row["name"], row["check"], bool(row["error"])) for row in rows] == [
        ("tiny", "SHA-256", False),
        ("tiny_labels", "first use", False),
        ("missing", None, True),
    ]
    assert len(rows[0]["graphs"]) == 1


def test_fetch_tells_of_a_graph_that_cannot_be_made(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def needs_torch() -> None:
        raise MissingExtraError("torch", "train", "Converting tiny")

    monkeypatch.setattr(sys.modules["tiny_encoder"], "graph", needs_torch)
    result = run("weights", "fetch", "tiny", code=1)
    assert "earmark: Converting tiny needs the package torch; install it with" in result.stderr
    assert f"file: {folder / 'tiny.bin'}" in result.stdout
    assert "graph:" not in result.stdout


@pytest.mark.usefixtures("folder")
def test_fetch_wants_names_that_exist(run: Run) -> None:
    with pytest.raises(ConfigError, match='weights "tini" are not known; did you mean "tiny"'):
        run("weights", "fetch", "missing", "tini")
    with pytest.raises(ConfigError, match=r"name weights, or give --all \(known: tiny, tiny_labels, missing\)"):
        run("weights", "fetch")


def test_verify_reads_what_is_here(run: Run, folder: Path) -> None:
    told = run("weights", "verify").stdout
    assert "first use" in told
    assert "missing" not in told
    (folder / "tiny.bin").write_bytes(b"another file")
    result = run("weights", "verify", code=1)
    assert "NOT VERIFIED" in result.stdout
    assert f"earmark: {folder / 'tiny.bin'}: SHA-256" in result.stderr
    (row,) = json.loads(run("weights", "verify", "tiny", "--json", code=1).stdout)
    assert row["check"] is None
    assert "SHA-256" in row["error"]
    assert run("weights", "verify", "tiny_labels").exit_code == 0


@pytest.mark.usefixtures("folder")
def test_verify_of_named_weights_that_are_not_here_fails(run: Run) -> None:
    result = run("weights", "verify", "missing", code=1)
    assert 'weights "missing" are not here; earmark weights fetch missing' in result.stderr
    assert "not here" in result.stdout
    with pytest.raises(ConfigError, match="are not known"):
        run("weights", "verify", "tini")


def test_the_real_table_lists_every_entry(run: Run) -> None:
    rows = json.loads(run("weights", "ls", "--json").stdout)
    assert [row["name"] for row in rows] == list(WEIGHTS)
    assert {row["name"] for row in rows if row["non_commercial"]} == {"birdnet", "birdnet_labels", "birdnet_places"}
