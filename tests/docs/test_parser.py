"""The test of the tests: pages are cut into the right blocks, commands into the right words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.conftest import Command, calls_of_earmark, parse_page

PAGE = """# Title

<!-- page needs: fsdd -->
```python
first = 1
```

<!-- needs: av, network -->
```console exit=1 skip-test="takes an hour"
$ earmark train \\
>   --name svm
trained
$ ls
```

1. In a list:

   ```toml file="plan.toml"
   [plan]
     n = 1
   ```

<!-- setup
cp a b
-->
"""


def test_a_page_is_cut_into_its_blocks() -> None:
    page = parse_page(Path("page.md"), PAGE)
    assert [(block.language, block.needs) for block in page.blocks] == [
        ("python", ("fsdd",)),
        ("console", ("fsdd", "av", "network")),
        ("toml", ("fsdd",)),
        ("setup", ("fsdd",)),
    ]
    assert page.blocks[0].text == "first = 1\n"
    assert PAGE.splitlines()[page.blocks[0].line - 1] == "first = 1"
    assert page.blocks[1].info == {"exit": "1", "skip-test": "takes an hour"}
    assert page.blocks[2].text == "[plan]\n  n = 1\n"
    assert page.blocks[2].info == {"file": "plan.toml"}
    assert page.blocks[3].text == "cp a b"


def test_commands_keep_their_continuation_lines_and_output() -> None:
    block = parse_page(Path("page.md"), PAGE).blocks[1]
    assert block.commands == [(10, "earmark train \\\n  --name svm", "trained"), (13, "ls", "")]


def test_prose_is_what_stands_outside_blocks() -> None:
    prose = parse_page(Path("page.md"), PAGE).prose
    assert "In a list" in prose
    assert "first = 1" not in prose
    assert "[plan]" not in prose


@pytest.mark.parametrize(
    ("line", "calls"),
    [
        ("earmark predict --json 'five 1.wav'", [["predict", "--json", "five 1.wav"]]),
        ("EARMARK_OFFLINE=1 earmark demo && earmark data ls", [["demo"], ["data", "ls"]]),
        ("earmark predict *.wav | jq .label > labels.txt", [["predict", "*.wav"]]),
        ("earmark train \\\n  --name svm", [["train", "--name", "svm"]]),
        ("pip install earmark", []),
    ],
)
def test_a_shell_line_is_searched_for_calls(line: str, calls: list[list[str]]) -> None:
    assert calls_of_earmark(line) == calls


TREE = Command(
    "earmark",
    {"data": Command("earmark data", {"ls": Command("earmark data ls", {}, {"--json": False}, [["--json"]])}, {}, [])},
    {"--debug": False, "--log-level": True},
    [["--debug"]],
)


@pytest.mark.parametrize(
    ("words", "complaints"),
    [
        ("data ls --json", []),
        ("--log-level data data ls", []),
        ("--log-level=info data ls fsdd -3.5", []),
        ("data ls --jsn", ['"earmark data ls" has no option --jsn']),
        ("data lst", ['"earmark data" has no command "lst"']),
        ("dta ls", ['"earmark" has no command "dta"']),
        ("data COMMAND", []),
    ],
)
def test_a_call_is_checked_against_the_tree(words: str, complaints: list[str]) -> None:
    assert TREE.complaints(words.split()) == complaints


def test_every_command_is_walked() -> None:
    assert [command.path for command in TREE.walk()] == ["earmark", "earmark data", "earmark data ls"]
