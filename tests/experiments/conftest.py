"""A small dataset of tones, a plan on it, recipes that misbehave and a toy encoder, all without worker processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from earmark.models import table

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.experiments import ExperimentConfig

RATE_HZ = 8000
LEVELS = {"loud": 0.5, "middle": 0.12, "quiet": 0.02}
GROUPS = ("ada", "ben", "cleo", "dan")
N_TAKES = 4

MakePlan = Callable[..., "ExperimentConfig"]

MODELS_SOURCE = """
import os
import numpy as np

from earmark.features.base import FrontendSpec
from earmark.models.base import Recipe
from earmark.models.classical import LogisticRegression
from earmark.models.table import FRONTENDS, RECIPES


class Dying(LogisticRegression):
    def fit(self, features, targets, rng):
        os._exit(3)


class Failing(LogisticRegression):
    def fit(self, features, targets, rng):
        raise RuntimeError("the model fell over")


class Slow(LogisticRegression):
    def fit(self, features, targets, rng):
        import time

        time.sleep(0.05)
        super().fit(features, targets, rng)


class Grumbling(LogisticRegression):
    def fit(self, features, targets, rng):
        import warnings

        for _ in range(3):
            warnings.warn("did not converge\\n at all", RuntimeWarning)
        super().fit(features, targets, rng)


CLASSES = ("Sonus magnus_Very Loud", "Sonus medius_Middle", "Silentium_", "Whistle")


class ToyEncoder:
    # knows how loud a window is: as a level, or as scores of four classes
    def __init__(self, output="embedding"):
        n_values = len(CLASSES) if output == "scores" else 1
        self.spec = FrontendSpec("toy", 8000, 0.5, 0.5, (n_values,), {"output": output})
        self.class_names = CLASSES

    def __call__(self, windows):
        level = np.sqrt(np.square(windows).mean(axis=1))
        if self.spec.config["output"] == "embedding":
            return level[:, None].astype(np.float32)
        near = [np.exp(-abs(np.log(level / goal))) for goal in (0.35, 0.08)]
        return np.stack([*near, 1e-5 * near[0], 0 * level], axis=1).astype(np.float32)


FRONTENDS.setdefault("toy", "odd_models:ToyEncoder")
RECIPES.setdefault(
    "toy",
    Recipe("toy", "", frontend="toy", classifier="earmark.models.classical:LogisticRegression", zero_shot=True),
)

for _kind in (Dying, Failing, Slow, Grumbling):
    _name = _kind.__name__.lower()
    RECIPES.setdefault(_name, Recipe(_name, "", frontend="level", classifier=f"odd_models:{_kind.__name__}"))
"""


def write_tones(folder: Path, groups: Sequence[str] = GROUPS) -> Path:
    """Write a tone per label, group and take, and a clips.csv; return the folder."""
    rng = np.random.default_rng(5)
    lines = ["path,label,group,fold,licence"]
    times_s = np.arange(RATE_HZ // 2) / RATE_HZ
    for group in groups:
        for label, level in LEVELS.items():
            for take in range(N_TAKES):
                name = f"{group}-{label}-{take}.wav"
                hum = np.sin(2 * np.pi * rng.uniform(200, 900) * times_s) * rng.uniform(0.4, 1.6)
                samples = level * hum + rng.normal(0, 0.02, times_s.size)
                soundfile.write(folder / name, np.clip(samples, -1, 1), RATE_HZ)
                lines.append(f"{name},{label},{group},{'test' if take == 0 else 'train'},CC0")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture(autouse=True)
def _own_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    table.recipe_names()  # reads the entry points, into the tables that stay
    monkeypatch.setattr(table, "RECIPES", dict(table.RECIPES))
    monkeypatch.setattr(table, "FRONTENDS", dict(table.FRONTENDS))


@pytest.fixture
def odd_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put a module of misbehaving recipes on the path, for worker processes too; return its name."""
    import sys

    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "odd_models.py").write_text(MODELS_SOURCE)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "odd_models", raising=False)
    return "odd_models"


@pytest.fixture
def make_plan(tones: Path, tmp_path: Path) -> MakePlan:
    """Return a function that makes a plan of four trials in this process, changed by its arguments."""
    from earmark.experiments import plan_of

    def build(models: Sequence[str | Mapping[str, Any]] = ("level",), **keys: Any) -> ExperimentConfig:
        defaults: dict[str, Any] = {
            "folds": "leave-one-group-out",
            "training_sizes": [6],
            "executor": "inline",
            "results": tmp_path / "results",
            "workers": 1,
        }
        return plan_of(str(tones), list(models), **(defaults | keys))

    return build
