"""Areas of targets, their intervals and tests.

The table in `earmark.evaluation.detection` is printed by: python tests/evaluation/test_detection.py
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import DataError
from earmark.core.randomness import named_generator
from earmark.evaluation.compare import sign_flip_tests
from earmark.evaluation.detection import Cell, area_interval, area_of, group_interval, ranks, swap_contributions
from earmark.evaluation.intervals import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Folds of few recordings: models of different folds differ by `luck`, recordings by `spread`."""

    n_folds: int
    n_groups: int
    apart: float
    luck: float
    spread: float

    def draw(self, rng: np.random.Generator) -> list[tuple[Cell, Floats]]:
        found = []
        for _ in range(self.n_folds):
            groups = np.repeat(np.arange(2 * self.n_groups), rng.integers(1, 3, 2 * self.n_groups))
            positive = groups < self.n_groups
            recordings = self.spread * rng.normal(size=2 * self.n_groups)
            own = np.sqrt(1 - self.spread**2) * rng.normal(size=len(groups))
            scores = recordings[groups] + own + (self.apart + self.luck * rng.normal()) * positive
            found.append((Cell(positive, groups.astype(np.int64)), scores))
        return found

    @property
    def truth(self) -> float:
        from scipy.special import ndtr

        lucks = self.luck * np.random.default_rng(0).normal(size=200_000)
        return float(ndtr((self.apart + lucks) / np.sqrt(2)).mean())


WORLDS = ((0.8, 0.5, 0.5), (1.8, 0.5, 0.5), (1.8, 0.0, 0.5), (3.0, 0.4, 0.5), (3.0, 0.0, 0.7), (4.0, 0.0, 0.3))


def coverage(world: World, n_trials: int) -> tuple[float, float]:
    """Return the share of intervals over folds and of jackknife intervals over groups that hold the truth."""
    hits, truth = np.zeros(2), world.truth
    for trial in range(n_trials):
        cells = world.draw(named_generator(0, str(world), trial))
        areas = [area for cell, scores in cells if (area := area_of(cell, scores))]
        values = np.array([[area.value for area in areas]])
        over_folds = area_interval(values, n_independent=sum(cell.n_independent for cell, _ in cells))
        assert over_folds is not None
        left_out = np.concatenate([values.mean() + (a.left_out - a.value) / len(areas) for a in areas])
        plain = group_interval(float(values.mean()), left_out, n_independent=10**9)  # as good as without the floor
        for place, interval in enumerate((over_folds, plain)):
            hits[place] += interval.low <= truth <= interval.high
    covered = hits / n_trials
    return float(covered[0]), float(covered[1])


def cell_of(n_clips: int = 40, n_groups: int = 20, seed: int = 0) -> tuple[Cell, NDArray[np.bool_], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    groups, positive = rng.integers(0, n_groups, n_clips), rng.random(n_clips) < 0.4
    return Cell(positive, groups), positive, groups


def area(positive: NDArray[np.bool_], scores: Floats) -> float:
    """Count pairs one by one."""
    above = scores[positive][:, None] - scores[~positive][None, :]
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def test_an_area_and_every_left_out_one_count_pairs_with_ties_as_halves() -> None:
    cell, positive, groups = cell_of()
    scores = np.random.default_rng(1).integers(0, 6, 40).astype(np.float64)
    found = area_of(cell, scores)
    assert found is not None
    assert found.value == pytest.approx(area(positive, scores))
    for group, value in zip(found.groups, found.left_out, strict=True):
        kept = groups != group
        assert value == pytest.approx(area(positive[kept], scores[kept]))


def test_an_area_without_clips_on_one_side_is_none_and_without_its_only_group_undefined() -> None:
    cell = Cell(np.array([True, True]), np.array([0, 1]))
    assert area_of(cell, np.array([0.1, 0.2])) is None
    assert cell.n_independent == 0
    one = area_of(Cell(np.array([True, False, False]), np.array([0, 1, 2])), np.array([0.9, 0.1, 0.2]))
    assert one is not None
    assert np.isnan(one.left_out[0])
    assert one.left_out[1:].tolist() == [1.0, 1.0]


def test_contributions_give_the_difference_for_every_swap_of_groups() -> None:
    cell, positive, groups = cell_of()
    rng = np.random.default_rng(2)
    first, second = ranks(cell, rng.normal(size=40) + positive), ranks(cell, rng.integers(0, 4, 40) + 1.0 * positive)
    parts = swap_contributions(cell, first, second, 20)
    for _ in range(10):
        signs = rng.integers(0, 2, 20) * 2 - 1
        swapped = signs[groups] < 0
        expected = area(positive, np.where(swapped, second, first)) - area(positive, np.where(swapped, first, second))
        assert signs @ parts == pytest.approx(expected)


def test_ranks_do_not_care_for_the_scale_of_scores() -> None:
    cell, *_ = cell_of()
    scores = np.random.default_rng(3).normal(size=40)
    assert ranks(cell, scores).tolist() == ranks(cell, np.exp(scores) / 1000).tolist()
    assert ranks(cell, np.zeros(40)).tolist() == [0.5] * 40


def test_targets_are_averaged_over_folds_before_they_are_averaged() -> None:
    values = np.array([[0.9, 0.7], [0.6, np.nan]])
    interval = area_interval(values, n_independent=40)
    assert interval is not None
    assert interval.estimate == pytest.approx((0.8 + 0.6) / 2)
    assert interval.low < 0.7 < interval.high
    assert (interval.n_groups, interval.method) == (2, "Student t over folds")


def test_perfect_folds_are_no_certainty() -> None:
    interval = area_interval(np.ones((1, 5)), n_independent=60)
    assert interval is not None
    assert 0.8 < interval.low < 0.95
    assert interval.high == 1.0
    more = area_interval(np.ones((10, 5)), n_independent=600)
    assert more is not None
    assert more.low > interval.low


def test_one_fold_has_no_interval_over_folds_but_one_over_groups() -> None:
    assert area_interval(np.array([[0.9]]), n_independent=20) is None
    interval = group_interval(0.9, np.array([0.88, 0.91, 0.9, np.nan]), n_independent=20)
    assert isinstance(interval, Interval)
    assert interval.n_groups == 3
    assert interval.low < 0.9 < interval.high
    with pytest.raises(DataError, match="1 groups, expected at least 2; test on more recordings"):
        group_interval(0.9, np.array([0.9, np.nan]), n_independent=2)


def test_losses_may_be_above_one() -> None:
    interval = area_interval(np.array([[0.5, 1.5, 2.0]]), n_independent=20, scale="loss")
    assert interval is not None
    assert interval.high > 2


def test_arrays_that_do_not_fit_are_refused() -> None:
    cell, *_ = cell_of()
    with pytest.raises(DataError, match=r"expected \(n_clips,\) each"):
        Cell(np.ones(3, dtype=np.bool_), np.zeros(2, dtype=np.int64))
    with pytest.raises(DataError, match=r"scores: shape \(3,\), expected \(40,\)"):
        area_of(cell, np.zeros(3))
    with pytest.raises(DataError, match="one finite score per test clip"):
        ranks(cell, np.full(40, np.nan))
    with pytest.raises(DataError, match="with a value for every target"):
        area_interval(np.array([[0.5, 0.6], [np.nan, np.nan]]), n_independent=3)


@pytest.mark.parametrize("setting", [WORLDS[1], WORLDS[3]])
def test_intervals_over_folds_cover_where_those_over_groups_do_not(setting: tuple[float, float, float]) -> None:
    over_folds, over_groups = coverage(World(5, 7, *setting), 150)
    assert over_folds >= 0.94
    assert over_groups < over_folds


def test_equal_models_are_seldom_found_different() -> None:
    n_found = 0
    for trial in range(200):
        rng = np.random.default_rng(trial)
        cell, positive, groups = cell_of(60, 15, trial)
        shared = rng.normal(size=15)[groups] + positive
        scores = [shared + rng.normal(size=60), 5 * (shared + rng.normal(size=60))]
        parts = swap_contributions(cell, ranks(cell, scores[0]), ranks(cell, scores[1]), 15)
        n_found += sign_flip_tests(parts[:, None], rng)[0] < 0.05
    assert 1 <= n_found <= 20


def main() -> None:
    """Print the lowest and highest coverage over worlds."""
    sys.stdout.write("folds  groups   over folds      over groups\n")
    for n_folds, n_groups in ((3, 7), (5, 2), (5, 7), (10, 7)):
        both = np.array([coverage(World(n_folds, n_groups, *world), 1000) for world in WORLDS])
        cells = "   ".join(f"{low:.3f} - {high:.3f}" for low, high in zip(both.min(0), both.max(0), strict=True))
        sys.stdout.write(f"{n_folds:5}  {n_groups:6}   {cells}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
