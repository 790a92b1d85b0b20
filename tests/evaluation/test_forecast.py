"""Forecasts on curves whose answer is known; `python tests/evaluation/test_forecast.py` prints their coverage."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import DataError
from earmark.core.randomness import named_generator
from earmark.evaluation.forecast import Forecast, fit_power_law, forecast

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZES = (4, 8, 16, 32)


@dataclass(frozen=True)
class World:
    """A true curve a n^-b + c, folds that are harder or easier, and luck at every point."""

    a: float
    b: float
    c: float
    sizes: tuple[int, ...] = SIZES
    noise: float = 0.03

    def error(self) -> NDArray[np.float64]:
        return np.asarray(self.a * np.asarray(self.sizes, dtype=np.float64) ** -self.b + self.c)

    def draw(self, rng: np.random.Generator, n_folds: int = 5) -> NDArray[np.float64]:
        mean = 1 - self.error()
        of_folds = 0.7 * rng.normal(size=(n_folds, 1)) + rng.normal(size=(n_folds, len(self.sizes)))
        return np.asarray(np.clip(mean + self.noise * of_folds * np.sqrt(mean * (1 - mean)) / 0.3, 0, 1))

    def truth(self, goal: float) -> float:
        return ((1 - goal - self.c) / self.a) ** (-1 / self.b) if self.c < 1 - goal else np.inf


WORLDS = (
    World(0.5, 0.6, 0.02),
    World(0.5, 0.6, 0.02, noise=0.01),
    World(0.6, 0.5, 0.0),
    World(0.45, 0.3, 0.0),
    World(0.4, 0.8, 0.08),
    World(0.5, 0.4, 0.0, sizes=(5, 10, 20, 50, 100, 300)),
    World(0.4, 1.0, 0.045, sizes=(5, 10, 20, 50, 100, 300)),
)


def holds(told: Forecast, truth: float) -> bool:
    """Return whether the limits hold the truth; a missing limit means beyond what is said."""
    low_holds = truth > told.limit if told.low is None else told.low - 1 <= truth
    return low_holds and (told.high is None or truth <= told.high + 1)


def coverage(world: World, n_trials: int, goal: float = 0.95) -> float:
    told = (forecast(world.sizes, world.draw(named_generator(1, str(world), at)), goal=goal) for at in range(n_trials))
    return sum(holds(one, world.truth(goal)) for one in told) / n_trials


@pytest.mark.parametrize("world", [WORLDS[0], WORLDS[4], WORLDS[6]])
def test_the_limits_hold_the_truth_nearly_as_often_as_they_say(world: World) -> None:
    assert coverage(world, 60) >= 0.88


def test_a_curve_without_noise_is_found_again() -> None:
    world = World(0.5, 0.6, 0.02)
    law = fit_power_law(np.array(SIZES), (1 - world.error())[None])
    assert (law.a[0], law.b[0], law.c[0]) == pytest.approx((0.5, 0.6, 0.02), abs=0.03)
    told = forecast(SIZES, np.tile(1 - world.error(), (5, 1)))
    assert told.verdict == "expected"
    assert told.n_clips == pytest.approx(world.truth(0.95), rel=0.1)
    assert str(told).startswith(f"about {told.n_clips} clips [")


def test_a_goal_that_was_measured_is_reached_at_the_first_size_from_which_on_it_holds() -> None:
    scores = np.array([[0.7, 0.96, 0.94, 0.96, 0.97], [0.72, 0.97, 0.95, 0.97, 0.98]])
    told = forecast((4, 8, 16, 32, 64), scores)
    assert (told.verdict, told.n_clips) == ("reached", 32)
    assert told.low is not None
    assert told.low <= 32
    assert str(told).startswith("reached at 32 clips [")
    assert told.short.startswith("32 [")


def test_a_curve_that_ends_below_the_goal_levels_off() -> None:
    world = World(0.4, 1.2, 0.2, noise=0.002)
    told = forecast(SIZES, world.draw(np.random.default_rng(0)))
    assert told.verdict == "levels_off"
    assert (told.n_clips, told.low, told.high) == (None, None, None)
    assert told.ceiling is not None
    assert told.ceiling[0] == pytest.approx(0.8, abs=0.03)
    assert str(told).startswith("not reached: levels off at 0.")
    assert told.short == "never"


def test_a_curve_that_may_end_below_the_goal_is_not_said_to() -> None:
    told = Forecast(0.95, "levels_off", None, 69, None, 32, 320, (0.936, 0.877, 0.982))
    assert str(told) == "perhaps never: levels off at 0.936 [0.877, 0.982], at best 69 clips"
    assert told.short == ">320"


def test_a_goal_that_the_upper_limit_reaches_later_is_not_called_out_of_reach() -> None:
    told = Forecast(0.95, "levels_off", None, None, None, 12, 120, (0.827, 0.705, 1.0))
    assert str(told) == "not within 120 clips, perhaps never: levels off at 0.827 [0.705, 1.000]"
    assert told.short == ">120"
    never = Forecast(0.95, "levels_off", None, None, None, 12, 120, (0.718, 0.567, 0.87))
    assert str(never) == "not reached: levels off at 0.718 [0.567, 0.870]"
    assert never.short == "never"


def test_nothing_is_said_beyond_ten_times_what_was_tried() -> None:
    world = World(0.45, 0.3, 0.0, noise=0.001)
    told = forecast(SIZES, world.draw(np.random.default_rng(3)))
    assert told.verdict in ("beyond", "levels_off")
    assert told.n_clips is None
    beyond = Forecast(0.95, "beyond", None, 200, None, 32, 320, (0.97, 0.9, 0.99))
    assert str(beyond) == "more than 320 clips (10 times what was tried), at least 200"
    assert (
        str(Forecast(0.95, "beyond", None, None, None, 32, 320, None))
        == "more than 320 clips (10 times what was tried)"
    )
    assert beyond.short == ">320"
    open_end = Forecast(0.95, "expected", 75, 41, None, 32, 320, (0.97, 0.9, 0.99))
    assert str(open_end) == "about 75 clips [41, more than 320]"
    assert open_end.short == "75 [41, …]"


def test_a_model_that_learns_nothing_levels_off_where_it_is() -> None:
    told = forecast(SIZES, np.array([[0.5, 0.51, 0.49, 0.5], [0.52, 0.5, 0.5, 0.51]]))
    assert told.verdict == "levels_off"
    assert told.ceiling is not None
    assert told.ceiling[0] == pytest.approx(0.5, abs=0.02)
    worse = forecast(SIZES, np.array([[0.9, 0.85, 0.8, 0.75]]))
    assert worse.verdict == "levels_off"


def test_one_fold_has_an_answer_without_limits() -> None:
    told = forecast(SIZES, (1 - World(0.5, 0.6, 0.02).error())[None])
    assert (told.verdict, told.low, told.high) == ("expected", None, None)
    assert str(told) == f"about {told.n_clips} clips"
    assert told.short == f"{told.n_clips}"
    level = forecast(SIZES, np.array([[0.7, 0.75, 0.76, 0.76]]))
    assert str(level).startswith("not reached: levels off at 0.7")
    assert "[" not in str(level)


def test_two_sizes_say_only_what_was_measured() -> None:
    assert forecast((4, 8), np.array([[0.7, 0.8]])).verdict == "unknown"
    assert str(forecast((4, 8), np.array([[0.7, 0.8]]))) == "cannot be said: needs 3 training sizes"
    assert forecast((4, 8), np.array([[0.7, 0.8]])).short == "?"
    reached = forecast((4, 8), np.array([[0.7, 0.96]]))
    assert str(reached) == "reached at 8 clips"


def test_a_forecast_is_json() -> None:
    told = forecast(SIZES, WORLDS[0].draw(np.random.default_rng(0)))
    assert json.loads(json.dumps(told.to_dict()))["limit"] == 320


def test_perfect_scores_are_reached_at_once() -> None:
    told = forecast(SIZES, np.ones((5, 4)))
    assert (told.verdict, told.n_clips, told.low, told.high) == ("reached", 4, 4, 4)


def test_garbage_is_refused() -> None:
    with pytest.raises(DataError, match=r"scores: shape \(4,\), expected \(n_folds, 4\)"):
        forecast(SIZES, np.ones(4))
    with pytest.raises(DataError, match="goal: 1, expected between 0 and 1"):
        forecast(SIZES, np.ones((2, 4)), goal=1)
    with pytest.raises(DataError, match="NaN or outside 0 to 1; leave out what is undefined"):
        forecast(SIZES, np.full((2, 4), np.nan))
    with pytest.raises(DataError, match="leave zero-shot out"):
        forecast((0, 4, 8, 16), np.ones((2, 4)))
    with pytest.raises(DataError, match="at least 3 for a curve of 3 parameters"):
        fit_power_law(np.array([4, 8]), np.ones((1, 2)))


def main() -> None:
    """Print how often the limits hold the truth."""
    for world in WORLDS:
        sys.stdout.write(f"{coverage(world, 400):.3f}  clips needed {world.truth(0.95):6.0f}  {world}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
