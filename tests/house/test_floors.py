"""The tree is the journey of a sound: a floor may import only what lies below it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.house.conftest import Module

# Names on one line are siblings: they may not import each other. The list reaches further than the tree does today.
FLOORS: list[set[str]] = [
    {"core"},
    {"audio"},
    {"data"},
    {"features", "evaluation"},
    {"encoders"},
    {"models"},
    {"training"},
    {"experiments", "inference"},
    {"distortion", "library"},
    {"service"},
    {"cli"},
]
# What runs a bundle must not need what trains one, although training lies lower.
NEVER = {"inference": {"training", "experiments"}, "service": {"training", "experiments"}}
# "module:function" strings in tables are imports too, only later.
LAZY = re.compile(r"earmark\.(\w+)(\.\w+)*(:\w+)?")


def height(floor: str) -> int:
    return next(index for index, names in enumerate(FLOORS) if floor in names)


def imported_floors(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and floor of every import of the package, lazy strings included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Constant):
            for name in imported_names(node):
                first, floor, *_ = [*name.split("."), ""]
                if first == "earmark" and any(floor in names for names in FLOORS):
                    yield node.lineno, floor


def imported_names(node: ast.Import | ast.ImportFrom | ast.Constant) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(module="earmark"):
            return [f"earmark.{alias.name}" for alias in node.names]
        case ast.ImportFrom(module=str() as name):
            return [name]
        case ast.Constant(value=str() as text) if LAZY.fullmatch(text):
            return [text.partition(":")[0]]
    return []


def may_import(floor: str, other: str) -> bool:
    return floor == other or (height(other) < height(floor) and other not in NEVER.get(floor, set()))


def test_every_floor_has_its_place(package: list[Module]) -> None:
    homeless = {module.floor for module in package if module.floor} - set().union(*FLOORS)
    assert not homeless, f"give {homeless} a place in the list above"


def test_a_module_imports_only_from_the_floors_below_it(package: list[Module]) -> None:
    climbs = [
        f"{module.path}:{line}: {module.floor} imports {floor}"
        for module in package
        for line, floor in imported_floors(module.tree)
        if not module.floor or not may_import(module.floor, floor)  # the front door imports nothing at all
    ]
    assert not climbs, "\n".join(climbs)


def test_no_import_is_relative(package: list[Module]) -> None:
    relative = [
        f"{module.path}:{node.lineno}: write the full name of the module"
        for module in package
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative, "\n".join(relative)


@pytest.mark.parametrize(
    ("code", "floors"),
    [
        ("import earmark.audio.read", ["audio"]),
        ("from earmark.models import table", ["models"]),
        ("from earmark import data, __version__", ["data"]),
        ("def late():\n    from earmark.cli.main import app", ["cli"]),
        ('TABLE = {"svm": "earmark.models.classical:svm"}', ["models"]),
        ('"""earmark.cli is not imported by being mentioned."""', []),
        ("import earmarked.cli, numpy", []),
    ],
)
def test_this_test_sees_imports_of_every_shape(code: str, floors: list[str]) -> None:
    assert [floor for _, floor in imported_floors(ast.parse(code))] == floors


@pytest.mark.parametrize(
    ("floor", "other", "allowed"),
    [
        ("audio", "core", True),
        ("core", "audio", False),
        ("models", "features", True),
        ("features", "evaluation", False),
        ("evaluation", "features", False),
        ("experiments", "inference", False),
        ("inference", "models", True),
        ("inference", "training", False),
        ("service", "experiments", False),
        ("cli", "experiments", True),
        ("data", "data", True),
    ],
)
def test_this_test_knows_up_from_down(floor: str, other: str, *, allowed: bool) -> None:
    assert may_import(floor, other) is allowed
