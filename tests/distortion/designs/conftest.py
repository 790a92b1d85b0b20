"""Pictures of faults that are easy to tell, and the recipes of distortion in the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.distortion.designs.recipes import register
from earmark.models import table

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_KINDS = 5


@dataclass(frozen=True)
class Rows:
    features: NDArray[np.float32]
    presence: NDArray[np.float32]
    severity: NDArray[np.float32]
    groups: NDArray[np.str_]


@pytest.fixture(autouse=True)
def _recipes_of_distortion(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, entries in (("RECIPES", table.RECIPES), ("FRONTENDS", table.FRONTENDS)):
        monkeypatch.setattr(f"earmark.models.recipes.{name}", entries)
    register()


def draw_rows(n_rows: int = 48, shape: tuple[int, ...] = (2, 16, 21), *, seed: int = 3) -> Rows:
    """Return rows in which every kind raises a place of its own by its severity."""
    rng = np.random.default_rng(seed)
    presence = (rng.random((n_rows, N_KINDS)) < 0.4).astype(np.float32)
    severity = np.where(presence > 0, rng.uniform(0.2, 1, presence.shape), 0).astype(np.float32)
    features = rng.normal(-60, 4, (n_rows, *shape)).astype(np.float32)
    marks = 40 * severity
    if len(shape) == 3:
        features[:, 0, 2 : 2 + 3 * N_KINDS : 3] += marks[:, :, np.newaxis]
        features[..., -1] = 1
    else:
        features[:, :N_KINDS] += marks
    groups = np.array([f"track {row % 8}" for row in range(n_rows)])
    return Rows(features, presence, severity, groups)


@pytest.fixture
def pictures() -> Rows:
    return draw_rows()


@pytest.fixture
def vectors() -> Rows:
    return draw_rows(160, (12,))
