"""A line budget is what prevents the god file."""

from __future__ import annotations

import ast
import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.house.conftest import Function, Module

FILE_LINES = 320
DOOR_LINES = 40
FUNCTION_LINES = 60
PARAMETERS = 7


def length(function: Function, *, without_signature: bool) -> int:
    """Return the lines of a function from `def` to its end."""
    first = function.body[0].lineno if without_signature else function.lineno
    return (function.end_lineno or first) - first + 1


def n_parameters(function: Function) -> int:
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    extra = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return len(names) + len(extra) - (bool(names) and names[0] in ("self", "cls"))


def test_no_file_is_long(everything: list[Module]) -> None:
    long = [
        f"{module.path}: {n_lines} lines, at most {FILE_LINES}: part it by what it owns"
        for module in everything
        if (n_lines := module.text.count("\n")) > FILE_LINES
    ]
    assert not long, "\n".join(long)


def test_no_function_is_long(everything: list[Module]) -> None:
    long = [
        f"{module.path}:{function.lineno}: {function.name} has {n_lines} lines, at most {FUNCTION_LINES}"
        for module in everything
        for function in module.functions()
        # In cli/ the signature is the table of options.
        if (n_lines := length(function, without_signature=module.floor == "cli")) > FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_no_function_takes_a_train_of_parameters(package: list[Module]) -> None:
    trains = [
        f"{module.path}:{function.lineno}: {function.name} takes {n_parameters(function)}, at most {PARAMETERS}: "
        "make a frozen dataclass of what belongs together"
        for module in package
        for function in module.functions()
        if module.floor != "cli" and n_parameters(function) > PARAMETERS
    ]
    assert not trains, "\n".join(trains)


def test_a_door_is_short_and_lists_what_is_public(package: list[Module]) -> None:
    wrong = [complaint for module in package if module.is_door for complaint in complaints_about_door(module)]
    assert not wrong, "\n".join(wrong)


def complaints_about_door(module: Module) -> Iterator[str]:
    if (n_lines := module.text.count("\n")) > DOOR_LINES:
        yield f"{module.path}: {n_lines} lines, at most {DOOR_LINES}"
    public = {
        alias.asname or alias.name
        for node in module.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") not in ("__future__", "typing")
        for alias in node.names
    }
    door = importlib.import_module(module.name)
    listed: list[str] = list(getattr(door, "__all__", ()))
    for name in sorted(public - set(listed)):
        yield f"{module.path}: __all__ lacks {name}"
    for name in sorted(listed):
        if listed.count(name) > 1:
            yield f"{module.path}: __all__ lists {name} twice"
        if not hasattr(door, name):
            yield f"{module.path}: __all__ lists {name}, which is not there"


def test_this_test_counts_parameters_as_a_caller_sees_them() -> None:
    code = "class A:\n    def f(self, a, /, b, *c, d, **e): ...\ndef g(a): ...\ndef h(): ..."
    functions = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.FunctionDef)]
    assert {function.name: n_parameters(function) for function in functions} == {"f": 5, "g": 1, "h": 0}
