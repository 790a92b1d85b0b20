"""Nothing heavy is loaded before it is needed: the command line answers at once, a bundle runs without its trainers."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.house.conftest import Module

# Import these inside the functions that need them, on every floor.
LATE = {"av", "datasets", "espeakng_loader", "huggingface_hub", "joblib", "librosa", "livekit", "matplotlib", "onnx"}
LATE |= {"onnxruntime", "pandas", "requests", "scipy", "skl2onnx", "sklearn", "torch", "transformers"}
# Not even the parts of a command that is not run may cost time.
NOT_AT_START = LATE | {"numpy", "soundfile", "soxr"}
NOT_TO_RUN_A_BUNDLE = {
    "sklearn",
    "torch",
    "skl2onnx",
    "matplotlib",
    "pandas",
    "earmark.training",
    "earmark.experiments",
}


def loaded_by(code: str) -> set[str]:
    """Return the names of all modules that a fresh process has loaded after running code."""
    out = subprocess.run(
        [sys.executable, "-c", f"{code}; import json, sys; print(json.dumps(list(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    names: list[str] = json.loads(out.stdout)
    return set(names)


def need(module: str) -> None:
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.skip(f"{module} does not exist yet")


def test_the_command_line_starts_without_anything_heavy() -> None:
    need("earmark.cli.main")
    assert loaded_by("import earmark.cli.main") & NOT_AT_START == set()


def test_help_names_every_group() -> None:
    need("earmark.cli.main")
    command = [sys.executable, "-c", "from earmark.cli.main import main; main()", "--help"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(group in out for group in ("demo", "train", "evaluate", "predict", "data", "experiment", "bundle"))


def test_running_a_bundle_loads_nothing_that_trains_one() -> None:
    need("earmark.inference")
    loaded = loaded_by("import earmark.inference")
    assert loaded & NOT_TO_RUN_A_BUNDLE == set()


def test_heavy_packages_are_imported_where_they_are_used(package: list[Module]) -> None:
    early = [
        f"{module.path}:{node.lineno}: imports {name} for everybody; move it into the functions that need it"
        for module in package
        for node in at_import(module.tree)
        for name in names_imported(node)
        if name in LATE
    ]
    assert not early, "\n".join(early)


def at_import(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements that run when a module is imported, but for those only type checkers read."""
    found: list[ast.stmt] = []
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node)
            waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
            waiting += [child for handler in getattr(node, "handlers", []) for child in handler.body]
    return found


def names_imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    return [(node.module or "").partition(".")[0]] if isinstance(node, ast.ImportFrom) else []


@pytest.mark.parametrize(
    ("code", "early"),
    [
        ("import scipy.signal", ["scipy"]),
        ("try:\n    from av import open\nexcept ImportError:\n    pass", ["av"]),
        ("if TYPE_CHECKING:\n    import torch", []),
        ("def late():\n    import torch", []),
        ("class Late:\n    def run(self):\n        import torch", []),
    ],
)
def test_this_test_tells_early_from_late(code: str, early: list[str]) -> None:
    assert [name for node in at_import(ast.parse(code)) for name in names_imported(node)] == early
