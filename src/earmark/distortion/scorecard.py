"""How well faults are found: every figure with its interval over tracks. Pure: answers and truth in, numbers out.

What is not asked (a trace of a fault, a stereo fault in mono, a codec below 32 kHz) counts neither for nor against.
Classes weigh alike in F1: clean sound as much as all faults together for the binary one, clean sound and each of the
five types as much as each other for the macro one. Clean means ordinary and hard clean alike often.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError
from earmark.core.randomness import named_generator
from earmark.distortion.corpus.faults import GRID_EFFECTS
from earmark.distortion.severity import KINDS
from earmark.evaluation.intervals import percentiles, resampled_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from earmark.distortion.corpus.manifest import CorpusRow

    Weights = NDArray[np.float64]
    Metric = Callable[[Weights], float]

N_RESAMPLES = 500
LEVEL = 0.95
PLAIN = 0.3  # from this severity on every fault should be found


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval over tracks, and how many clips and tracks it rests on."""

    name: str
    value: float
    low: float
    high: float
    n_clips: int
    n_tracks: int


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model said of clips, beside the truth.

    Attributes:
        rows: The clips.
        presence: float32 (n_clips, 5), NaN where not asked.
        severity: float32 (n_clips, 5), NaN where not known.
        probabilities: float32 (n_clips, 5), calibrated.
        thresholds: float64 (5,): the probability from which a type counts as found.
        estimates: float32 (n_clips, 5), estimated severity.
    """

    rows: Sequence[CorpusRow]
    presence: NDArray[np.float32]
    severity: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    thresholds: NDArray[np.float64]
    estimates: NDArray[np.float32]

    @cached_property
    def asked(self) -> NDArray[np.bool_]:
        """Where there is a question (n_clips, 5)."""
        return np.isfinite(self.presence)

    @cached_property
    def there(self) -> NDArray[np.bool_]:
        """Where a fault is (n_clips, 5)."""
        there: NDArray[np.bool_] = self.presence == 1
        return there

    @cached_property
    def found(self) -> NDArray[np.bool_]:
        """Where a fault was found, of those that are asked for (n_clips, 5)."""
        found: NDArray[np.bool_] = (self.probabilities >= self.thresholds) & self.asked
        return found

    @cached_property
    def margins(self) -> NDArray[np.float64]:
        """How far each probability is above its threshold, in logits (n_clips, 5)."""
        return _logit(self.probabilities) - _logit(np.asarray(self.thresholds))

    @cached_property
    def is_clean(self) -> NDArray[np.bool_]:
        """Clips in which no type is present (n_clips,)."""
        clean: NDArray[np.bool_] = ~np.any(self.there, axis=1) & self.part("clean", "hard")
        return clean

    def part(self, *names: str) -> NDArray[np.bool_]:
        """Return which clips are examples of these parts."""
        return np.array([row.part in names for row in self.rows])


def scorecard(answers: Answers) -> list[Figure]:
    """Return all figures of the distortion validator on a set of clips.

    "On grid" are the grid's faults, "off grid" the same effects at any strength, "all effects" all others as well.
    """
    grid, single = answers.part("grid"), answers.part("single")
    near = single & np.array([GRID_EFFECTS.issuperset(row.effects) for row in answers.rows])
    rows: list[tuple[str, NDArray[np.bool_], Metric]] = []
    for where, part in (("on grid", grid), ("off grid", near), ("all effects", single)):
        chosen = _with_faults(answers, part) | answers.is_clean
        rows.append((f"binary F1 {where}", chosen, partial(_binary_f1, answers, chosen)))
        rows.append((f"macro-F1 {where}", chosen, partial(_macro_f1, answers, chosen)))
    for where, part in (("off grid", grid | near), ("all effects", grid | single)):
        for column, kind in enumerate(KINDS):
            plain = part & answers.there[:, column] & (answers.severity[:, column] >= PLAIN)
            rows.append((f"recall {kind} from 0.3, {where}", plain, _mean_of(answers.found[:, column], plain)))
    for name in ("clean", "hard"):
        clean = answers.is_clean & answers.part(name)
        rows.append((f"false alarms {name}", clean, _mean_of(np.any(answers.found, axis=1), clean)))
    codec = KINDS.index("compression")
    coded = answers.part("clean") & answers.there[:, codec]
    rows.append(("compression found in coded music", coded, _mean_of(answers.found[:, codec], coded)))
    rows += _severities(answers, grid, {"off grid": near, "all effects": single})
    exact = np.all(answers.found == answers.there, axis=1)
    for where, name in (("on grid", "grid-two"), ("all effects", "two")):
        two = answers.part(name) & answers.asked.all(axis=1)
        rows.append((f"two at once {where}, micro-F1", two, partial(_micro_f1, answers, two)))
        rows.append((f"two at once {where}, exact match", two, _mean_of(exact, two)))
    return [figure(name, answers.rows, chosen, metric) for name, chosen, metric in rows if chosen.any()]


def recall_by_effect(answers: Answers, *, of_right_type: bool = False) -> list[Figure]:
    """Return the share of clips with one fault in which any type (or the right one) was found, by effect."""
    figures = []
    effects = sorted({row.effects[0] for row in answers.rows if len(row.effects) == 1 and row.part == "single"})
    hit = np.any(answers.found & answers.there if of_right_type else answers.found, axis=1)
    for effect in effects:
        chosen = np.array([row.effects == (effect,) and row.part == "single" for row in answers.rows])
        chosen &= answers.there.any(axis=1)
        if chosen.any():
            figures.append(figure(effect, answers.rows, chosen, _mean_of(hit, chosen)))
    return figures


def thresholds_at(answers: Answers, false_alarms: float) -> NDArray[np.float64]:
    """Return the thresholds, all moved by one step in logits, at which this share of clean clips is flagged.

    Placed on the very clips that are tested: it compares designs, and promises nothing.

    Raises:
        DataError: There is no clean clip.
    """
    if not answers.is_clean.any():
        raise DataError("thresholds: found no clean clip, expected some to count false alarms on")
    highest = np.where(answers.asked, answers.margins, -np.inf).max(axis=1)[answers.is_clean]
    step = float(np.quantile(highest, 1 - false_alarms))
    shifted = _logit(np.asarray(answers.thresholds)) + step + 1e-9
    moved: NDArray[np.float64] = 1 / (1 + np.exp(-shifted))
    return moved


def figure(name: str, rows: Sequence[CorpusRow], chosen: NDArray[np.bool_], metric: Metric) -> Figure:
    """Return a metric of weighted clips with percentiles of the bootstrap over the tracks of the chosen ones."""
    tracks, track_of = np.unique([row.track for row in rows], return_inverse=True)
    used = np.unique(track_of[chosen])
    value = metric(np.ones(len(rows)))
    rng = named_generator(0, "scorecard", name)
    values = []
    for drawn in resampled_weights(len(used), N_RESAMPLES, rng):
        for weights in drawn:
            of_track = np.zeros(len(tracks))
            of_track[used] = weights
            values.append(metric(of_track[track_of]))
    low, high = percentiles(np.array(values), LEVEL)
    return Figure(name, value, min(low, value), max(high, value), int(chosen.sum()), len(used))


def _severities(
    answers: Answers, grid: NDArray[np.bool_], others: dict[str, NDArray[np.bool_]]
) -> list[tuple[str, NDArray[np.bool_], Metric]]:
    """Return the mean absolute errors: on the grid of what is reported, clean clips and other types counting as 0."""
    told = np.where(answers.found, answers.estimates, 0.0)
    error = np.where(answers.asked, np.abs(told - np.nan_to_num(answers.severity)), np.nan)
    on_grid = _with_faults(answers, grid) | answers.is_clean
    with np.errstate(invalid="ignore"):
        overall = np.nanmean(error, axis=1)
    rows = [("severity MAE on grid, all types", on_grid, _mean_of(overall, on_grid))]
    off = np.abs(answers.estimates - np.nan_to_num(answers.severity))
    for where, part in others.items():
        for column, kind in enumerate(KINDS):
            chosen = part & answers.there[:, column]
            rows.append((f"severity MAE {kind} {where}", chosen, _mean_of(off[:, column], chosen)))
    return rows


def _with_faults(answers: Answers, part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    chosen: NDArray[np.bool_] = part & answers.there.any(axis=1)
    return chosen


def _mean_of(values: NDArray[Any], chosen: NDArray[np.bool_]) -> Metric:
    numbers = np.nan_to_num(values.astype(np.float64))

    def mean(weights: Weights) -> float:
        total = float(weights[chosen].sum())
        return float((weights * numbers)[chosen].sum() / total) if total else float("nan")

    return mean


def _clean_weights(answers: Answers, chosen: NDArray[np.bool_], weights: Weights) -> Weights:
    """Return weights of the clean clips: ordinary and hard ones half each, 1 in all."""
    result = np.zeros(len(weights))
    for part in ("clean", "hard"):
        which = chosen & answers.is_clean & answers.part(part)
        total = weights[which].sum()
        if total:
            result[which] = weights[which] / total
    return result / result.sum() if result.any() else result


def _type_weights(answers: Answers, chosen: NDArray[np.bool_], weights: Weights) -> list[Weights]:
    """Return weights of the clips of each type, 1 in all for each."""
    result = []
    for column in range(len(KINDS)):
        which = chosen & answers.there[:, column] & ~answers.is_clean
        total = weights[which].sum()
        result.append(np.where(which, weights, 0.0) / total if total else np.zeros(len(weights)))
    return result


def _binary_f1(answers: Answers, chosen: NDArray[np.bool_], weights: Weights) -> float:
    flagged = answers.found.any(axis=1)
    damaged = np.sum(_type_weights(answers, chosen, weights), axis=0)
    damaged = damaged / damaged.sum() if damaged.any() else damaged
    clean = _clean_weights(answers, chosen, weights)
    hits, alarms = float(damaged[flagged].sum()), float(clean[flagged].sum())
    return 2 * hits / (hits + alarms + 1) if hits + alarms else 0.0


def _macro_f1(answers: Answers, chosen: NDArray[np.bool_], weights: Weights) -> float:
    """Return the mean F1 over clean and the five types; the answer is the type furthest above its threshold."""
    best = np.where(answers.found, answers.margins, -np.inf)
    said = np.where(answers.found.any(axis=1), best.argmax(axis=1), len(KINDS))
    classes = [*_type_weights(answers, chosen, weights), _clean_weights(answers, chosen, weights)]
    total = np.sum(classes, axis=0)
    scores = []
    for number, of_class in enumerate(classes):
        hits, claimed = float(of_class[said == number].sum()), float(total[said == number].sum())
        scores.append(2 * hits / (claimed + float(of_class.sum())) if hits else 0.0)
    return float(np.mean(scores))


def _micro_f1(answers: Answers, chosen: NDArray[np.bool_], weights: Weights) -> float:
    hits = (answers.found & answers.there).sum(axis=1)
    size = answers.found.sum(axis=1) + answers.there.sum(axis=1)
    total = float((weights * size)[chosen].sum())
    return float(2 * (weights * hits)[chosen].sum() / total) if total else float("nan")


def _logit(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    safe = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-7, 1 - 1e-7)
    logits: NDArray[np.float64] = np.log(safe / (1 - safe))
    return logits
