"""Small learnable problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from numpy.typing import NDArray

Problem = tuple["NDArray[np.float32]", "NDArray[np.float32]"]


@pytest.fixture
def one_of_three(rng: np.random.Generator) -> Problem:
    """Return 150 rows of 12 numbers around three centres, and their targets."""
    answers = np.arange(150) % 3
    centres = rng.normal(size=(3, 12)) * 2
    features = (centres[answers] + rng.normal(size=(150, 12))).astype(np.float32)
    return features, np.eye(3, dtype=np.float32)[answers]


@pytest.fixture
def one_of_two(one_of_three: Problem) -> Problem:
    features, targets = one_of_three
    return features, np.stack([targets[:, 0], 1 - targets[:, 0]], axis=1)


@pytest.fixture
def many_of_four(rng: np.random.Generator) -> Problem:
    """Return 200 rows of which each may have any of four labels."""
    features = rng.normal(size=(200, 10)).astype(np.float32)
    return features, (features @ rng.normal(size=(10, 4)) > 0.5).astype(np.float32)
