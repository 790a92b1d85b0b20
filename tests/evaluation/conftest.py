"""Simulated test sets with a known difficulty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Evaluation:
    """Targets and probabilities (n_clips, n_classes), groups (n_clips,)."""

    targets: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    groups: NDArray[np.str_]

    @property
    def right(self) -> NDArray[np.float64]:
        decided = self.probabilities.argmax(axis=1) == self.targets.argmax(axis=1)
        return np.asarray(decided, dtype=np.float64)


Simulate = Callable[..., Evaluation]


@pytest.fixture
def one() -> Simulate:
    """Return a maker of task "one" test sets: `one(n_clips, n_classes, strength, n_groups=6, seed=0)`."""

    def make(n_clips: int, n_classes: int, strength: float, n_groups: int = 6, seed: int = 0) -> Evaluation:
        rng = np.random.default_rng(seed)
        targets = np.eye(n_classes, dtype=np.float32)[np.arange(n_clips) % n_classes]
        rows = rng.permutation(np.arange(n_clips) % n_groups)
        levels = strength + rng.normal(size=n_groups)[rows, None] * 0.3
        odds = np.exp(np.random.default_rng(99).normal(size=(n_clips, n_classes)) + levels * targets)
        return Evaluation(
            targets,
            (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32),
            np.char.add("speaker", rows.astype(str)),
        )

    return make


@pytest.fixture
def many() -> Simulate:
    """Return a maker of task "many" test sets: `many(n_clips, n_classes, strength, n_groups=6, seed=0)`."""

    def make(n_clips: int, n_classes: int, strength: float, n_groups: int = 6, seed: int = 0) -> Evaluation:
        rng = np.random.default_rng(seed)
        targets = (rng.random((n_clips, n_classes)) < 0.4).astype(np.float32)
        scores = rng.normal(size=(n_clips, n_classes)) + strength * (targets - 0.5)
        groups = np.char.add("site", (np.arange(n_clips) % n_groups).astype(str))
        return Evaluation(targets, (1 / (1 + np.exp(-scores))).astype(np.float32), groups)

    return make
