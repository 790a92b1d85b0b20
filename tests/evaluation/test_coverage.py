"""How often nominal 95 % intervals cover the truth: the study behind `intervals.MANY_GROUPS`.

The table in `earmark.evaluation.intervals` is printed by: python tests/evaluation/test_coverage.py
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.randomness import named_generator
from earmark.evaluation.intervals import Interval, bootstrap_interval, jackknife_interval, percentile_interval
from earmark.evaluation.metrics import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACCURACY = Metric("accuracy")


@dataclass(frozen=True)
class World:
    """Speakers whose own accuracies are beta-distributed around a mean."""

    n_groups: int
    accuracy: float
    concentration: float
    unequal: bool = False

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.str_]]:
        sizes = np.full(self.n_groups, 100)
        if self.unequal:
            sizes = np.maximum(5, rng.lognormal(0, 0.8, self.n_groups) * 100).astype(np.int64)
        rates = rng.beta(self.accuracy * self.concentration, (1 - self.accuracy) * self.concentration, self.n_groups)
        rows = np.repeat(np.arange(self.n_groups), sizes)
        right = rng.random(len(rows)) < rates[rows]
        targets = np.tile(np.array([1, 0], dtype=np.float32), (len(rows), 1))
        return targets, np.stack([right, ~right], axis=1).astype(np.float32), rows.astype(np.str_)


def coverage(world: World, method: str, n_trials: int, seed: int = 0) -> tuple[float, float]:
    """Return the share of intervals that hold the true accuracy, and their mean width."""
    n_covered, width = 0, 0.0
    for trial in range(n_trials):
        rng = named_generator(seed, world.n_groups, str(world), trial)
        targets, probabilities, groups = world.draw(rng)
        interval: Interval
        if method == "percentile":
            interval = percentile_interval(ACCURACY, targets, probabilities, groups, rng, n_resamples=400)
        elif method == "jackknife":
            interval = jackknife_interval(ACCURACY, targets, probabilities, groups)
        else:
            interval = bootstrap_interval(ACCURACY, targets, probabilities, groups, rng, n_resamples=400)
        n_covered += interval.low <= world.accuracy <= interval.high
        width += interval.high - interval.low
    return n_covered / n_trials, width / n_trials


@pytest.mark.parametrize(("accuracy", "concentration"), [(0.6, 15.0), (0.95, 30.0)])
@pytest.mark.parametrize("n_groups", [6, 12])
def test_chosen_interval_covers_nearly_as_often_as_it_says_with_few_groups(
    n_groups: int, accuracy: float, concentration: float
) -> None:
    covered, _ = coverage(World(n_groups, accuracy, concentration), "chosen", 300)
    assert covered >= 0.92


def test_percentile_interval_of_six_groups_is_too_narrow() -> None:
    world = World(6, 0.95, 30.0)
    assert coverage(world, "percentile", 300)[0] < 0.90 < coverage(world, "jackknife", 300)[0]


def main() -> None:
    """Print the table of coverages."""
    write = sys.stdout.write
    write("groups  accuracy  sizes    jackknife t       percentile\n")
    for unequal in (False, True):
        for accuracy, concentration in ((0.6, 15.0), (0.9, 20.0), (0.975, 40.0)):
            for n_groups in (3, 6, 12, 20, 35, 60, 100, 200):
                world = World(n_groups, accuracy, concentration, unequal)
                parts = [coverage(world, method, 1000) for method in ("jackknife", "percentile")]
                cells = "   ".join(f"{covered:.3f} ({width:.3f})" for covered, width in parts)
                write(f"{n_groups:6}  {accuracy:8}  {'unequal' if unequal else 'equal  '}  {cells}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
