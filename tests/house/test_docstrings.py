"""Docstrings say what is true: their arguments exist, their errors are raised, their examples run."""

from __future__ import annotations

import ast
import builtins
import doctest
import importlib
import re
from typing import TYPE_CHECKING

import pytest

from earmark.core import errors
from tests.house.conftest import PACKAGE, modules_under

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.house.conftest import Function, Module

SECTION = re.compile(r"^(Args|Returns|Yields|Raises|Attributes|Example|Examples|Note):\s*$")
ENTRY = re.compile(r"^ {4}\*{0,2}(\w+)(?: \([^)]*\))?:")
PACKAGE_ERRORS = {name: value for name, value in vars(errors).items() if isinstance(value, type)}


def section_entries(docstring: str, section: str) -> list[str]:
    """Return the names that a section of a cleaned Google-style docstring explains."""
    current, names = "", []
    for line in docstring.splitlines():
        if title := SECTION.match(line):
            current = title.group(1)
        elif line and not line.startswith(" "):
            current = ""
        elif current == section and (entry := ENTRY.match(line)):
            names.append(entry.group(1))
    return names


def owners(tree: ast.Module) -> Iterator[tuple[Function, str, bool]]:
    """Yield every function or method with the docstring that speaks for it, and whether it is public."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, ast.get_docstring(node) or "", not node.name.startswith("_")
        elif isinstance(node, ast.ClassDef):
            own = ast.get_docstring(node) or ""
            for method in node.body:
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
                    text = own if method.name in ("__init__", "__post_init__") else ast.get_docstring(method) or ""
                    hidden = node.name.startswith("_") or re.match(r"_(?!_)", method.name)
                    yield method, text, not hidden


def arguments_of(function: Function) -> set[str]:
    given = function.args
    extra = [argument for argument in (given.vararg, given.kwarg) if argument]
    return {argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, *extra)}


def raised_errors(function: Function) -> set[str]:
    """Return the package's errors that a function itself raises."""
    called = (node.exc for node in ast.walk(function) if isinstance(node, ast.Raise))
    names = {ast.unparse(node.func) for node in called if isinstance(node, ast.Call)}
    return {name.rpartition(".")[2] for name in names} & set(PACKAGE_ERRORS)


def is_told(error: str, docstring: str) -> bool:
    family = {cls.__name__ for cls in PACKAGE_ERRORS[error].__mro__ if issubclass(cls, errors.EarmarkError)}
    return bool(family & set(re.findall(r"\w+", docstring)))


def test_every_argument_that_is_explained_exists(package: list[Module]) -> None:
    stale = [
        f'{module.path}:{function.lineno}: {function.name} has no argument "{name}"'
        for module in package
        for function, docstring, _ in owners(module.tree)
        for name in section_entries(docstring, "Args")
        if name not in arguments_of(function)
    ]
    assert not stale, "\n".join(stale)


def test_every_error_that_is_promised_exists(package: list[Module]) -> None:
    known = {*PACKAGE_ERRORS, *vars(builtins)} | {
        found["name"] for module in package for found in re.finditer(r"class (?P<name>\w+)\(\w+\):", module.text)
    }
    wrong = [
        f'{module.path}:{function.lineno}: {function.name} promises "{name}", which is no error'
        for module in package
        for function, docstring, _ in owners(module.tree)
        for name in section_entries(docstring, "Raises")
        if name not in known and f"import {name}\n" not in module.text
    ]
    assert not wrong, "\n".join(wrong)


def test_every_error_that_a_public_function_raises_is_promised(package: list[Module]) -> None:
    silent = [
        f"{module.path}:{function.lineno}: {function.name} raises {error} without saying so"
        for module in package
        if module.floor != "cli"
        for function, docstring, is_public in owners(module.tree)
        if is_public
        for error in sorted(raised_errors(function))
        if not is_told(error, docstring)
    ]
    assert not silent, "\n".join(silent)


def test_everything_public_has_a_docstring(package: list[Module]) -> None:
    bare = [f"{module.path}: {name}" for module in package for name in without_docstring(module.tree)]
    assert not bare, "\n".join(bare)


def without_docstring(tree: ast.Module) -> Iterator[str]:
    if not ast.get_docstring(tree):
        yield "the module itself"
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node):
            yield node.name
    for function, text, is_public in owners(tree):
        if is_public and not text and not re.fullmatch(r"__\w+__", function.name):
            yield function.name


@pytest.mark.parametrize("name", [module.name for module in modules_under(PACKAGE) if ">>>" in module.text])
def test_the_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
        runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def test_this_test_reads_sections() -> None:
    docstring = (
        "Do it.\n\nArgs:\n    path: Where.\n        more: of it\n    *names: Who.\n\nRaises:\n    DataError: Why."
    )
    assert section_entries(docstring, "Args") == ["path", "names"]
    assert section_entries(docstring, "Raises") == ["DataError"]
    assert section_entries(docstring, "Yields") == []


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ('def f():\n    """Do it."""\n    raise DataError("no")', False),
        ('def f():\n    """Do it. Raises DataError."""\n    raise DataError("no")', True),
        ('def f():\n    """Do it. Raises EarmarkError."""\n    raise LeakError("no") from error', True),
        (
            'class A:\n    """Hold it. Raises DataError."""\n    def __init__(self):\n        raise DataError("no")',
            True,
        ),
    ],
)
def test_this_test_sees_an_error_that_nobody_was_told_of(code: str, *, told: bool) -> None:
    ((function, docstring, _),) = owners(ast.parse(code))
    assert all(is_told(error, docstring) for error in raised_errors(function)) is told
    assert raised_errors(function)
