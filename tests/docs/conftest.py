"""The documentation as tests see it: pages made of blocks, and the command line as a tree.

How a page says what a reader does not need to see:

    <!-- needs: fsdd, av -->       the next block needs a corpus under EARMARK_DATA_DIR, a module, or `network`
    <!-- page needs: fsdd -->      every block of the page does
    <!-- setup                     commands run before what follows
    cp "$EARMARK_DATA_DIR/fsdd/recordings/5_george_0.wav" five.wav
    -->
    ```toml file="plan.toml"       the block is written to this file instead of being run
    ```console skip-test="why"     not run; its commands and options must still exist
    ```console exit=1              every command of the block ends with this status
    ```console verify              the output must be as printed, "..." standing for anything
"""

from __future__ import annotations

import functools
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

FENCE = re.compile(r"^\s*(?P<ticks>`{3,})\s*(?P<language>[\w+-]*)\s*(?P<info>.*?)\s*$")
NEEDS = re.compile(r"^\s*<!--\s*(?P<page>page )?needs:\s*(?P<names>[^>]*?)\s*-->\s*$")
SETUP = re.compile(r"^\s*<!--\s*setup\s*$")
OPERATORS = {"|", "||", "&&", "&", ";", ">", ">>", "<", "(", ")", "2>", "#"}


@dataclass(frozen=True)
class Block:
    """A fenced block or a set-up comment of a page.

    Attributes:
        line: Where its content begins, counted from 1.
        language: "python", "console", "setup" and whatever else.
        text: Its content.
        info: What stands behind the language, by name; a bare word is its own value.
        needs: What has to be there for it to run.
    """

    line: int
    language: str
    text: str
    info: dict[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()

    @property
    def commands(self) -> list[tuple[int, str, str]]:
        """Line, command and printed output of every `$ ` in the block."""
        found: list[tuple[int, list[str], list[str]]] = []
        continues = False
        for number, line in enumerate(self.text.splitlines(), start=self.line):
            if line.startswith("$ "):
                found.append((number, [line[2:]], []))
            elif continues:
                found[-1][1].append(line.removeprefix("> "))
            elif found:
                found[-1][2].append(line)
            continues = bool(found) and not found[-1][2] and line.endswith("\\")
        return [(number, "\n".join(command), "\n".join(output)) for number, command, output in found]


@dataclass(frozen=True)
class Page:
    """A Markdown file with its blocks in order."""

    path: Path
    text: str
    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix() if self.path.is_absolute() else self.path.as_posix()

    @property
    def prose(self) -> str:
        """The text outside fenced blocks."""
        return re.sub(r"^\s*(`{3,}).*?^\s*\1\s*$", "", self.text, flags=re.MULTILINE | re.DOTALL)


def parse_page(path: Path, text: str) -> Page:
    """Return the page that a Markdown text makes."""
    lines = text.splitlines()
    blocks: list[Block] = []
    page_needs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    index = 0
    while index < len(lines):
        line, index = lines[index], index + 1
        if mark := NEEDS.match(line):
            names = tuple(re.findall(r"[\w.]+", mark["names"]))
            page_needs, needs = (page_needs + names, needs) if mark["page"] else (page_needs, needs + names)
        elif fence := FENCE.match(line):
            end = _line_of(fence["ticks"], lines, index)
            body = _dedented(lines[index:end], indent=len(line) - len(line.lstrip()))
            blocks.append(Block(index + 1, fence["language"], body, _info(fence["info"]), page_needs + needs))
            index, needs = end + 1, ()
        elif SETUP.match(line):
            end = _line_of("-->", lines, index)
            blocks.append(Block(index + 1, "setup", "\n".join(lines[index:end]), {}, page_needs + needs))
            index, needs = end + 1, ()
    return Page(path, text, tuple(blocks))


def _line_of(end: str, lines: list[str], start: int) -> int:
    return next((index for index in range(start, len(lines)) if lines[index].strip() == end), len(lines))


def _dedented(lines: list[str], indent: int) -> str:
    return "\n".join(line[indent:] if not line[:indent].strip() else line for line in lines) + "\n"


def _info(text: str) -> dict[str, str]:
    pairs = (word.partition("=") for word in shlex.split(text))
    return {name: value or name for name, _, value in pairs}


@functools.cache
def pages() -> list[Page]:
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [parse_page(path, path.read_text(encoding="utf-8")) for path in paths if path.is_file()]


@dataclass(frozen=True)
class Command:
    """A command of the command line, or a group of them.

    Attributes:
        path: The words that call it: "earmark data fetch".
        subcommands: By name; empty for a command that does something.
        options: Every spelling of every option, with whether it takes a value.
        shown: The spellings of each option that users are told of.
        takes_words: Whether it does something by itself with words that are no subcommands.
    """

    path: str
    subcommands: dict[str, Command]
    options: dict[str, bool]
    shown: list[list[str]]
    takes_words: bool = False

    def walk(self) -> Iterator[Command]:
        yield self
        for command in self.subcommands.values():
            yield from command.walk()

    def complaints(self, words: list[str]) -> list[str]:
        """Return what is wrong with the words behind the command's name."""
        waiting = list(words)
        while waiting:
            word = waiting.pop(0)
            name, given, _ = word.partition("=")
            if word.startswith("-") and word.strip("-.0123456789"):
                if name not in self.options:
                    return [f'"{self.path}" has no option {name}']
                if self.options[name] and not given and waiting:
                    waiting.pop(0)
            elif word in self.subcommands:
                return self.subcommands[word].complaints(waiting)
            elif self.subcommands and not self.takes_words and re.fullmatch(r"[a-z][\w-]*", word):
                return [f'"{self.path}" has no command "{word}"']
        return []


def command_tree(command: Any, path: str) -> Command:
    """Return the tree of a click command (Typer brings its own click in newer versions, so no type is named)."""
    options: dict[str, bool] = {"--help": False}
    shown: list[list[str]] = []
    for parameter in command.params:
        if parameter.param_type_name != "option":
            continue
        spellings = [*parameter.opts, *parameter.secondary_opts]
        options |= dict.fromkeys(spellings, not (parameter.is_flag or parameter.count))
        if not parameter.hidden and not {"--help", "--install-completion", "--show-completion"} & set(spellings):
            shown.append([spelling for spelling in spellings if spelling.startswith("--")] or spellings)
    inner = {name: each for name, each in getattr(command, "commands", {}).items() if not each.hidden}
    below = {name: command_tree(each, f"{path} {name}") for name, each in inner.items()}
    takes_words = any(parameter.param_type_name == "argument" for parameter in command.params)
    return Command(path, below, options, shown, takes_words)


@functools.cache
def earmark() -> Command | None:
    """Return the tree of `earmark`, or None while there is no command line."""
    try:
        from earmark.cli.main import app
    except ModuleNotFoundError as error:
        if error.name not in ("earmark.cli", "earmark.cli.main"):
            raise
        return None
    from typer.main import get_command

    return command_tree(get_command(app), "earmark")


def calls_of_earmark(line: str) -> list[list[str]]:
    """Return the words behind each `earmark` that a shell line calls."""
    lexer = shlex.shlex(line.replace("\\\n", " "), posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    calls: list[list[str]] = []
    current: list[str] | None = None
    at_start = True
    for word in lexer:
        if word in OPERATORS:
            current, at_start = None, True
        elif at_start and word == "earmark":
            calls.append(current := [])
            at_start = False
        elif at_start and re.match(r"\w+=", word):
            continue
        else:
            at_start = False
            if current is not None:
                current.append(word)
    return calls


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", pages(), ids=[page.name for page in pages()])
    tree = earmark() if {"command", "option"} & set(metafunc.fixturenames) else None
    commands = list(tree.walk()) if tree else []
    if "option" in metafunc.fixturenames:
        options = [(command, option) for command in commands for option in command.shown]
        names = [f"{command.path} {option[0]}" for command, option in options]
        metafunc.parametrize(("command", "option"), options, ids=names)
    elif "command" in metafunc.fixturenames:
        metafunc.parametrize("command", commands, ids=[command.path for command in commands])


@pytest.fixture
def all_pages() -> list[Page]:
    return pages()


@pytest.fixture
def tree() -> Command:
    found = earmark()
    if found is None:
        pytest.skip("earmark.cli.main does not exist yet")
    return found
