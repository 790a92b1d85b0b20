"""Words and constructs that the house does without."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.house.conftest import Module

# One word per idea, with its unit: rate_hz, waveform or targets, spectrum or power, duration_s.
NAMES = {"sr": "rate_hz", "S": "a full word", "dur": "duration_s", "fname": "path"}
PARAMETERS = {"y": "a full word such as samples or targets"}
# numpy.random is allowed for what makes or types a generator, never for its hidden global one.
GENERATORS = {"default_rng", "Generator", "SeedSequence", "BitGenerator", "PCG64"}
BANNED_IMPORTS = {"dill", "shelve", "marshal"}
# Between processes a pickle is fine; one that lies in a file may come from anybody.
RUN_CODE_FROM_FILES = {"pickle.load", "pickle.dump", "pickle.Unpickler", "joblib.load", "joblib.dump"}
BUILTIN_ERRORS = {
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)
}
# What Python itself asks a module or iterator to raise.
PROTOCOL_ERRORS = {"AttributeError", "StopIteration", "StopAsyncIteration", "KeyboardInterrupt", "SystemExit"}


def dotted(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""


def offences(tree: ast.AST, *, in_cli: bool) -> Iterator[tuple[int, str]]:
    """Yield the line and the reason of everything that is not done here."""
    validators = set(_lines_in_validators(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Name() | ast.arg() | ast.Attribute():
                yield from _word_offences(node)
            case ast.Import() | ast.ImportFrom():
                yield from _import_offences(node)
            case ast.Call(func=ast.Name(id="print")) if not in_cli:
                yield node.lineno, "print: only cli/ prints"
            case ast.Assert():
                yield node.lineno, "assert: vanishes under -O; raise an EarmarkError"
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                yield node.value.lineno, "allow_pickle: runs code from a file"
            case ast.ExceptHandler(type=None):
                yield node.lineno, "bare except: name what is caught"
            case ast.Raise(exc=ast.expr() as raised):
                name = dotted(raised.func if isinstance(raised, ast.Call) else raised)
                if name in BUILTIN_ERRORS - PROTOCOL_ERRORS and node.lineno not in validators:
                    yield node.lineno, f"raise {name}: users catch EarmarkError; take one from core.errors"


def _lines_in_validators(tree: ast.AST) -> Iterator[int]:
    """Yield the lines where pydantic wants a ValueError, which it makes part of its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any("validator" in ast.unparse(d) for d in node.decorator_list):
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _word_offences(node: ast.Name | ast.arg | ast.Attribute) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Name(id=name, ctx=ast.Store()) if name in NAMES:
            yield node.lineno, f'name "{name}": write {NAMES[name]}'
        case ast.arg(arg=name) if name in NAMES | PARAMETERS:
            yield node.lineno, f'parameter "{name}": write {(NAMES | PARAMETERS)[name]}'
        case ast.Attribute():
            yield from _attribute_offences(dotted(node), node.lineno)


def _attribute_offences(name: str, line: int) -> Iterator[tuple[int, str]]:
    module, _, last = name.rpartition(".")
    if module in ("np.random", "numpy.random") and last not in GENERATORS:
        yield line, f"{name}: the global generator; take an rng as an argument"
    if name in RUN_CODE_FROM_FILES:
        yield line, f"{name}: runs code from a file"


def _import_offences(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[int, str]]:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    for module in modules:
        if module.partition(".")[0] in BANNED_IMPORTS:
            yield node.lineno, f"{module}: runs code from a file"
        if module == "random" or module.startswith("random."):
            yield node.lineno, "random: the global generator; take an rng as an argument"


def test_nothing_that_the_house_does_without(package: list[Module]) -> None:
    # `testing` modules hold the contracts of protocols as test classes.
    of_tests = ("assert", "raise AssertionError", "raise NotImplementedError")
    found = [
        f"{module.path}:{line}: {reason}"
        for module in package
        for line, reason in offences(module.tree, in_cli=module.floor == "cli")
        if not (module.path.name == "testing.py" and reason.startswith(of_tests))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("sr = 16000", "rate_hz"),
        ("def load(path, sr): ...", "rate_hz"),
        ("def fit(features, y): ...", "full word"),
        ("S = 1", "full word"),
        ("np.random.seed(0)", "global generator"),
        ("np.random.shuffle(rows)", "global generator"),
        ("import random", "global generator"),
        ("print('hello')", "only cli/ prints"),
        ("import shelve", "runs code"),
        ("model = pickle.load(file)", "runs code"),
        ("rows = np.load(path, allow_pickle=True)", "runs code"),
        ("model = joblib.load(path)", "runs code"),
        ("assert rows", "EarmarkError"),
        ("try:\n    pass\nexcept:\n    pass", "bare except"),
        ("raise ValueError('no')", "users catch EarmarkError"),
        ("raise NotImplementedError", "users catch EarmarkError"),
    ],
)
def test_this_test_sees_each_of_them(code: str, reason: str) -> None:
    assert [reason in found for _, found in offences(ast.parse(code), in_cli=False)] == [True]


@pytest.mark.parametrize(
    "code",
    [
        "rng = np.random.default_rng(0)",
        "def draw(rng: np.random.Generator): ...",
        "raise DataError('no clips')",
        "raise",
        "raise error",
        "def __getattr__(name):\n    raise AttributeError(name)",
        "y_label = 'accuracy'",
        "@field_validator('n_fft')\ndef check(cls, value):\n    raise ValueError('no')",
    ],
)
def test_this_test_lets_good_code_be(code: str) -> None:
    assert list(offences(ast.parse(code), in_cli=False)) == []


def test_the_command_line_may_print() -> None:
    assert list(offences(ast.parse("print('done')"), in_cli=True)) == []
