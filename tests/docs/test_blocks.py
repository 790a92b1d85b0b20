"""What a page shows works: its Python and its commands run, in order, in an empty folder.

One page only: `make test ARGS="tests/docs -k quickstart --no-cov"`.
"""

from __future__ import annotations

import doctest
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from earmark.models import table

if TYPE_CHECKING:
    from tests.docs.conftest import Block, Page

CORPORA = ("fsdd", "esc50", "oneshots", "wildlife")
COMMAND_LIMIT_S = 900
SAME = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def what_lacks(names: tuple[str, ...]) -> str:
    """Return the first of a block's needs that is not there, or nothing."""
    for name in names:
        root = os.environ.get("EARMARK_DATA_DIR", "")
        if name in CORPORA:
            if not root or not (Path(root) / name / "clips.csv").is_file():
                return f"{name} under EARMARK_DATA_DIR"
        elif name == "network" or importlib.util.find_spec(name) is None:
            return name
    return ""


class Reader:
    """Somebody who types in what a page shows, block by block."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def follow(self, block: Block) -> None:
        if "file" in block.info:
            Path(block.info["file"]).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            self.type_python(block)
        elif block.language == "setup":
            self.run(block.line, block.text, expected_status=0)
        elif block.language == "console":
            for line, command, output in block.commands:
                printed = self.run(line, command, expected_status=int(block.info.get("exit", 0)))
                if "verify" in block.info:
                    same = doctest.OutputChecker().check_output(output.strip() + "\n", printed.strip() + "\n", SAME)
                    assert same, f"{self.page.name}:{line}: the page shows\n{output}\nbut the command prints\n{printed}"

    def type_python(self, block: Block) -> None:
        if block.text.lstrip().startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block.text, self.names, self.page.name, None, block.line - 1)
            said: list[str] = []
            runner = doctest.DocTestRunner(optionflags=SAME)
            runner.run(test, out=said.append, clear_globs=False)
            assert runner.summarize(verbose=False).failed == 0, "".join(said)
            self.names.update(test.globs)
            return
        source = "\n" * (block.line - 1) + block.text  # so that a traceback shows the line of the page
        exec(compile(source, self.page.name, "exec"), self.names)  # noqa: S102 - it is our own page

    def run(self, line: int, command: str, *, expected_status: int) -> str:
        """Run a command as a reader's shell would; returns what it prints."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-o", "errexit", "-o", "pipefail", "-c", command],  # noqa: S607 - any bash will do
            env=os.environ | {"PATH": path, "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
        )
        where = f"{self.page.name}:{line}: $ {command}"
        assert done.returncode == expected_status, f"{where}\nended with status {done.returncode}:\n{done.stdout}"
        return done.stdout


def test_the_blocks_of_a_page_run_in_order(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # What a page registers is gone when the page ends.
    table.recipe_names()  # reads the entry points, into the tables that stay
    monkeypatch.setattr(table, "RECIPES", dict(table.RECIPES))
    monkeypatch.setattr(table, "FRONTENDS", dict(table.FRONTENDS))
    reader = Reader(page)
    left_out = []
    for block in page.blocks:
        if "skip-test" in block.info:
            continue
        if lacking := what_lacks(block.needs):
            left_out.append(f"line {block.line} needs {lacking}")
            continue
        reader.follow(block)
    if left_out:
        pytest.skip(f"{page.name}: {len(left_out)} of {len(page.blocks)} blocks left out ({left_out[0]})")


def test_python_that_is_not_run_is_python_all_the_same(page: Page) -> None:
    for block in page.blocks:
        if block.language == "python" and not block.text.lstrip().startswith(">>>"):
            compile("\n" * (block.line - 1) + block.text, page.name, "exec")


def test_a_block_that_is_not_run_says_why(page: Page) -> None:
    mute = [block.line for block in page.blocks if block.info.get("skip-test") == "skip-test"]
    assert not mute, f'{page.name}:{mute}: write skip-test="the reason"'


def read(text: str) -> Reader:
    from tests.docs.conftest import parse_page

    reader = Reader(parse_page(Path("page.md"), text))
    for block in reader.page.blocks:
        reader.follow(block)
    return reader


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_this_test_carries_names_and_files_from_block_to_block(empty_folder: Path) -> None:
    page = """
<!-- setup
echo 5 > n.txt
-->
```python
from pathlib import Path

n = int(Path("n.txt").read_text())
```
```toml file="plan.toml"
n = 1
```
```console
$ cat plan.toml > copy.toml
```
```python
>>> n + 1
6
```
"""
    assert read(page).names["n"] == 5
    assert (empty_folder / "copy.toml").read_text() == "n = 1\n"


@pytest.mark.usefixtures("empty_folder")
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\n>>> 1 + 1\n3\n```", "Expected:"),
        ("```console\n$ false\n```", r"page\.md:2: \$ false\s+ended with status 1"),
        ("```console\n$ false | true\n```", "ended with status 1"),
        ("```console exit=2\n$ true\n```", "ended with status 0"),
        ("```console verify\n$ echo 0.98\n0.99\n```", r"page shows\s+0\.99\s+but the command prints\s+0\.98"),
    ],
)
def test_this_test_sees_a_page_that_does_not_work(text: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        read(text)


@pytest.mark.usefixtures("empty_folder")
def test_this_test_lets_a_page_that_works_be() -> None:
    read("```console exit=3\n$ exit 3\n```\n```console verify\n$ echo took 5 ms\ntook ... ms\n```")


def test_this_test_knows_what_a_block_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_DATA_DIR", str(tmp_path))
    assert what_lacks(("numpy", "fsdd")) == "fsdd under EARMARK_DATA_DIR"
    assert what_lacks(("no_such_module",)) == "no_such_module"
    assert what_lacks(("network",)) == "network"
    (tmp_path / "fsdd").mkdir()
    (tmp_path / "fsdd" / "clips.csv").touch()
    assert what_lacks(("numpy", "fsdd")) == ""
