"""The Python files of the house, parsed once. A test goes through all of them and reports every offence at once."""

from __future__ import annotations

import ast
import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "earmark"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A parsed Python file.

    Attributes:
        path: Where it lies, from the root of the repository.
        name: Its dotted name, such as "earmark.audio.read"; for files outside the package their path.
        floor: The sub-package it belongs to, such as "audio"; "" for `earmark` itself and outside the package.
        text: Its source.
    """

    path: Path
    name: str
    floor: str
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    @property
    def is_door(self) -> bool:
        return self.path.name == "__init__.py"

    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


@functools.cache
def read_module(path: Path) -> Module:
    inside = PACKAGE in path.parents
    parts = path.relative_to(PACKAGE.parent if inside else ROOT).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return Module(
        path=path.relative_to(ROOT),
        name=".".join(parts),
        floor=parts[1] if inside and len(parts) > 1 else "",
        text=path.read_text(encoding="utf-8"),
    )


def modules_under(*folders: Path) -> list[Module]:
    return [read_module(path) for folder in folders for path in sorted(folder.rglob("*.py"))]


@pytest.fixture(scope="session")
def package() -> list[Module]:
    """Every module of earmark."""
    return modules_under(PACKAGE)


@pytest.fixture(scope="session")
def everything(package: list[Module]) -> list[Module]:
    """Every Python file of the repository."""
    return package + modules_under(*(ROOT / name for name in ("tests", "benchmarks", "scripts")))


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Every file that git tracks, from the root of the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git made this checkout
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout: nothing is tracked")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]
