"""What lies in the repository: sources, no data, no leftovers, no trace of anybody's machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MIB = 2**20
FILE_BYTES = 10 * MIB
FIXTURE_BYTES = MIB // 2

SOUNDS = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aiff"}
ARRAYS = {".npy", ".npz", ".parquet", ".h5", ".mat"}
WEIGHTS = {".onnx", ".tflite", ".pt", ".pth", ".ckpt", ".pkl", ".joblib", ".safetensors"}
LEFTOVERS = re.compile(
    r"(^|/)(__pycache__|\.venv|\.\w+_cache|\.hypothesis|\.coverage[^/]*|\.DS_Store|\.ipynb_checkpoints|\.idea|\.vscode"
    r"|[^/]+\.egg-info|[^/]+\.(pyc|orig|rej|swp|log|tmp))(/|$)"
)
# Where packages come from, and where somebody's files lie, is a matter of each machine.
OF_ONE_MACHINE = re.compile(
    r"index[-_]url|find[-_]links|trusted[-_]host|pythonhosted|pypi\.org/simple|/opt/pypi|/opt/wheels|/root/|/work/",
    re.IGNORECASE,
)
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
TEXTS = {
    ".py",
    ".md",
    ".toml",
    ".yml",
    ".yaml",
    ".json",
    ".csv",
    ".txt",
    ".sh",
    ".cfg",
    ".ini",
    ".html",
    ".css",
    ".js",
    "",
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines_with(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Return "file:line: text" of every match; this file, which has to spell the patterns out, is left out."""
    return [
        f"{name_of(path)}:{number}: {line.strip()[:100]}"
        for path in paths
        if path.suffix in TEXTS and path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def is_shipped_bundle(path: Path) -> bool:
    """Whether a file belongs to a bundle that the project trained itself: the model beside its `bundle.json`."""
    return name_of(path).startswith("src/earmark/") and (path.parent / "bundle.json").is_file()


def test_no_tracked_file_is_large(tracked: list[Path]) -> None:
    large = [
        f"{name_of(path)}: {path.stat().st_size / MIB:.1f} MiB" for path in tracked if path.stat().st_size > FILE_BYTES
    ]
    assert not large, "\n".join(large)


def test_no_leftover_is_tracked(tracked: list[Path]) -> None:
    assert not [name_of(path) for path in tracked if LEFTOVERS.search(name_of(path))]


def test_no_data_or_weights_are_tracked_but_small_fixtures_and_our_own_bundles(tracked: list[Path]) -> None:
    strays = [
        name_of(path)
        for path in tracked
        if path.suffix.lower() in SOUNDS | ARRAYS | WEIGHTS
        and not is_shipped_bundle(path)
        and not (name_of(path).startswith("tests/") and path.stat().st_size <= FIXTURE_BYTES)
    ]
    assert not strays


def test_nothing_tells_where_one_machine_gets_or_keeps_its_files(tracked: list[Path]) -> None:
    assert not lines_with(OF_ONE_MACHINE, tracked)


def test_nothing_is_left_unfinished(tracked: list[Path]) -> None:
    assert not lines_with(UNFINISHED, tracked)


def test_text_files_end_with_a_newline_and_hold_no_tabs_or_spaces_at_line_ends(tracked: list[Path]) -> None:
    untidy = [
        name_of(path)
        for path in tracked
        if path.suffix in {".py", ".md", ".toml"} and (text := path.read_text(encoding="utf-8"))
        if not text.endswith("\n") or re.search(r"[ \t]+$", text, re.MULTILINE)
    ]
    assert not untidy


@pytest.mark.parametrize(
    "name", ["src/a/__pycache__/b.pyc", ".coverage.host.1", "src/earmark.egg-info/PKG-INFO", "run.log"]
)
def test_this_test_knows_leftovers(name: str) -> None:
    assert LEFTOVERS.search(name)


@pytest.mark.parametrize("name", ["docs/changelog.md", "src/earmark/features/store.py", ".gitignore"])
def test_this_test_knows_sources(name: str) -> None:
    assert not LEFTOVERS.search(name)


@pytest.mark.parametrize(
    "line", ["--extra-index-url https://x.example/simple", "PIP_INDEX_URL=https://x", "cd /root/x"]
)
def test_this_test_knows_the_traces_of_a_machine(line: str) -> None:
    assert OF_ONE_MACHINE.search(line)
