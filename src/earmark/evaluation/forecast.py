"""How many training clips does a model need? A learning curve fitted to what was measured, and its uncertainty.

The error of a classifier falls with the number of training clips like a power law towards a floor,
error(n) = a n^-b + c (Hestness et al. 2017, Deep Learning Scaling is Predictable, Empirically; Viering & Loog 2023, The
Shape of Learning Curves). It is fitted by least squares weighted for binomial noise, with a and c at least 0.

Uncertainty comes from the folds, whose training subsets and test groups differ: the curve is fitted again without each
fold, the limits of its value at every n are Student's t over these fits on the logit scale, and the limits of the
number of clips are where the limits of the curve reach the goal. Nothing is said beyond ten times the largest size
that was tried. In seven simulated worlds of five folds, nominal 95 % limits held the true number in 0.90 to 1.00 of
400 trials each, as printed by `python tests/evaluation/test_forecast.py`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from earmark.core.errors import DataError
from earmark.evaluation.checks import check_level
from earmark.evaluation.intervals import student_limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Verdict = Literal["reached", "expected", "beyond", "levels_off", "unknown"]

MOST_TIMES = 10  # how far beyond the largest size that was tried a curve is believed
LEAST_SIZES = 3  # parameters of the curve
EXPONENTS = np.geomspace(0.05, 2.0, 80)
N_STEPS = 400  # numbers of clips at which the limits are computed, evenly on a log axis
NEAREST = 5e-4  # `student_limits` bounds logits there where the number of test clips is not given


@dataclass(frozen=True)
class Forecast:
    """How many training clips a score needs.

    Attributes:
        goal: The score asked about.
        verdict: "reached" at a size that was tried; "expected" within ten times the largest one; "beyond" that; the
            curve "levels_off" below the goal; or "unknown" for too few sizes.
        n_clips: The answer where there is one ("reached", "expected").
        low: Lower limit of the number of clips; None where even the upper limit of the curve stays below the goal.
        high: Upper limit, None where it lies beyond ten times the largest size.
        largest: The largest size that was tried.
        limit: Ten times that.
        ceiling: Where the fitted curve ends, with limits; None without a fit.
        level: Probability that the limits should hold the truth.
    """

    goal: float
    verdict: Verdict
    n_clips: int | None
    low: int | None
    high: int | None
    largest: int
    limit: int
    ceiling: tuple[float, float | None, float | None] | None
    level: float = 0.95

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able dict."""
        return asdict(self)

    @property
    def short(self) -> str:
        """The answer for a cell of a table: ``75 [41, …]``, ``>320`` or ``never``."""
        if self.verdict == "unknown":
            return "?"
        if self.n_clips is None:
            return "never" if self.verdict == "levels_off" and not self._may_come else f">{self.limit:,}"
        if self.low is None:
            return f"{self.n_clips:,}"
        return f"{self.n_clips:,} [{self.low:,}, {'…' if self.high is None else f'{self.high:,}'}]"

    @property
    def _may_come(self) -> bool:
        """Whether the upper limit of the curve gets to the goal, be it beyond all that was tried."""
        highest = None if self.ceiling is None else self.ceiling[2]
        return self.low is not None or (highest is not None and highest >= self.goal)

    def __str__(self) -> str:
        """Return the answer in words, without the goal: ``about 75 clips [41, more than 320]``."""
        most = f"{self.limit:,}"
        if self.verdict == "unknown":
            return f"cannot be said: needs {LEAST_SIZES} training sizes"
        if self.verdict in ("reached", "expected"):
            about = "reached at" if self.verdict == "reached" else "about"
            if self.low is None and self.high is None:
                return f"{about} {self.n_clips:,} clips"
            low, high = self.low or 1, f"more than {most}" if self.high is None else f"{self.high:,}"
            return f"{about} {self.n_clips:,} clips [{low:,}, {high}]"
        if self.verdict == "beyond":
            least = f", at least {self.low:,}" if self.low is not None else ""
            return f"more than {most} clips ({MOST_TIMES} times what was tried){least}"
        ceiling, low_score, high_score = self.ceiling or (math.nan, None, None)
        limits = "" if low_score is None or high_score is None else f" [{low_score:.3f}, {high_score:.3f}]"
        end = f"levels off at {ceiling:.3f}{limits}"
        if self.low is not None:
            return f"perhaps never: {end}, at best {self.low:,} clips"
        return f"not within {most} clips, perhaps never: {end}" if self._may_come else f"not reached: {end}"


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """Fitted curves, error(n) = a n^-b + c; each parameter float64 (n_curves,)."""

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    c: NDArray[np.float64]

    def scores(self, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 1 - error of each curve at each size, float64 (n_curves, n_sizes), in [0, 1]."""
        errors = self.a[:, None] * sizes ** -self.b[:, None] + self.c[:, None]
        return np.asarray(1 - np.clip(errors, 0, 1))


def fit_power_law(sizes: NDArray[Any], scores: NDArray[Any]) -> PowerLaw:
    """Fit a curve to each row of scores.

    Args:
        sizes: (n_sizes,) training clips, at least 1 and all different.
        scores: (n_curves, n_sizes) in [0, 1].

    Raises:
        DataError: There are fewer than 3 sizes, or a value is out of range.
    """
    n_clips, values = _checked(sizes, scores)
    if len(n_clips) < LEAST_SIZES:
        raise DataError(
            f"sizes: {n_clips.tolist()}, expected at least {LEAST_SIZES} for a curve of {LEAST_SIZES} parameters"
        )
    errors = 1 - values  # (n_curves, n_sizes)
    # A rate near 0 or 1 scatters least. Weights of one curve only compare its sizes with each other.
    weights = 1 / np.maximum(errors * (1 - errors), 0.01)
    weights /= weights.sum(axis=1, keepdims=True)
    powers = n_clips ** -EXPONENTS[:, None]  # (n_exponents, n_sizes)
    mean_power, mean_error = weights @ powers.T, (weights * errors).sum(axis=1)[:, None]
    variance = weights @ (powers**2).T - mean_power**2
    slope = np.maximum(((weights * errors) @ powers.T - mean_power * mean_error) / variance, 0)
    floor = mean_error - slope * mean_power  # (n_curves, n_exponents)
    through_zero = ((weights * errors) @ powers.T) / (weights @ (powers**2).T)
    a = np.where(floor < 0, through_zero, slope)
    c = np.maximum(floor, 0)
    misses = errors[:, None, :] - a[..., None] * powers - c[..., None]
    best = (weights[:, None, :] * misses**2).sum(axis=2).argmin(axis=1)
    rows = np.arange(len(values))
    return PowerLaw(a[rows, best], EXPONENTS[best], c[rows, best])


def forecast(sizes: Sequence[int], scores: NDArray[Any], *, goal: float = 0.95, level: float = 0.95) -> Forecast:
    """Return how many training clips a score needs, by the curve fitted to what was measured.

    Args:
        sizes: (n_sizes,) training clips, rising, at least 1; zero-shot (0) is not on the curve.
        scores: (n_folds, n_sizes) in [0, 1], higher is better; seeds averaged.
        goal: The score asked about.
        level: Probability that the limits should hold the truth.

    Raises:
        DataError: Shapes do not fit, a value is out of range, or the goal is not between 0 and 1.
    """
    n_clips, values = _checked(np.asarray(sizes), scores)
    check_level(level)
    if not 0 < goal < 1:
        raise DataError(f"goal: {goal:g}, expected between 0 and 1, such as 0.95")
    means, largest = values.mean(axis=0), max(sizes)
    reached = _first_reached(sizes, means, goal)
    if len(sizes) < LEAST_SIZES:
        verdict: Verdict = "unknown" if reached is None else "reached"
        return Forecast(goal, verdict, reached, None, None, largest, MOST_TIMES * largest, None, level)
    steps = np.geomspace(min(sizes), MOST_TIMES * largest, N_STEPS)
    places = np.r_[steps, 1e12]  # the last stands for any number of clips
    curve = fit_power_law(n_clips, means[None]).scores(places)[0]
    lows, highs = _limits(n_clips, values, places, curve, level)
    low, high = _first_at(steps, highs[:-1], goal), _first_at(steps, lows[:-1], goal)
    at = _first_at(steps, curve[:-1], goal)
    has_limits = len(values) > 1
    ceiling = (float(curve[-1]), float(lows[-1]) if has_limits else None, float(highs[-1]) if has_limits else None)
    if reached is not None:
        verdict, at = "reached", reached
    elif at is not None:
        verdict = "expected"
    else:
        verdict = "beyond" if curve[-1] >= goal else "levels_off"
    if not has_limits:
        low = high = None
    elif at is not None:
        low, high = min(low or at, at), None if high is None else max(high, at)
    return Forecast(goal, verdict, at, low, high, largest, MOST_TIMES * largest, ceiling, level)


def _limits(
    sizes: NDArray[np.float64],
    values: NDArray[np.float64],
    places: NDArray[np.float64],
    curve: NDArray[np.float64],
    level: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the limits of the curve at each place, made monotone: more clips never lower a limit."""
    if len(values) < 2:
        return curve, curve
    left_out = (values.sum(axis=0) - values) / (len(values) - 1)
    curves = fit_power_law(sizes, left_out).scores(places)  # (n_folds, n_places)
    limits = [
        student_limits(float(curve[at]), curves[:, at], level=level, scale="rate", n_clips=None)
        for at in range(len(places))
    ]
    lows, highs = np.array(limits).T
    return np.maximum.accumulate(lows), np.maximum.accumulate(highs)


def _first_reached(sizes: Sequence[int], means: NDArray[np.float64], goal: float) -> int | None:
    """Return the smallest size from which on every measured mean is at least the goal."""
    below = np.flatnonzero(means < goal)
    first = 0 if below.size == 0 else int(below[-1]) + 1
    return int(sizes[first]) if first < len(sizes) else None


def _first_at(steps: NDArray[np.float64], scores: NDArray[np.float64], goal: float) -> int | None:
    enough = scores >= goal
    return math.ceil(steps[int(enough.argmax())] - 1e-9) if enough.any() else None


def _checked(sizes: NDArray[Any], scores: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n_clips, values = np.asarray(sizes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or values.shape[1:] != n_clips.shape or not values.size:
        raise DataError(f"scores: shape {values.shape}, expected (n_folds, {n_clips.size}), one column per size")
    if n_clips.min() < 1 or len(np.unique(n_clips)) < len(n_clips):
        raise DataError(f"sizes: {n_clips.tolist()}, expected different numbers from 1; leave zero-shot out")
    if not ((values >= 0) & (values <= 1)).all():
        raise DataError("scores: found one that is NaN or outside 0 to 1; leave out what is undefined")
    return n_clips, values
