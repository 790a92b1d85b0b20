"""What an experiment on targets found, in sentences: which model is best at which size, and how many clips it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.evaluation.report import NOTHING, format_interval
from earmark.experiments.by_target import MEAN
from earmark.experiments.target_pictures import hardest_first, mean_title, size_name
from earmark.experiments.words import SURE, limits_of_test, listed, p_text, split_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from earmark.experiments.by_target import Point, TargetFindings
    from earmark.experiments.curves import Pair
    from earmark.experiments.forecasts import Need
    from earmark.experiments.plan import Size

Pairs = dict["Size", dict[str, list["Pair"]]]
MOST_NAMED = 6


def verdict(findings: TargetFindings, pairs: Mapping[Size, Mapping[str, Sequence[Pair]]]) -> str:
    """Return which model is best on the mean over targets at the largest complete size, and which are as good."""
    size = findings.best_size
    point = None if size is None else findings.best_on(MEAN, size)
    if size is None or point is None:
        return _nothing_yet(findings)
    limits = f" (95 % interval {_behind(point)})" if point.low is not None else ""
    value = format_interval(point.value, point.low, point.high)
    apart = _not_apart(point.model, pairs.get(size, {}).get(MEAN, ()))
    return f"{_leads(findings, point)}: {mean_title(findings)}, {value}{limits}{apart}."


def sentences(
    findings: TargetFindings, pairs: Mapping[Size, Mapping[str, Sequence[Pair]]], needed: Sequence[Need]
) -> list[str]:
    """Return what was found: the verdict, the other sizes, the hardest target, the forecast, the split."""
    at_best = pairs.get(findings.best_size, {}) if findings.best_size is not None else {}
    texts = [
        verdict(findings, pairs),
        *other_sizes(findings, pairs),
        *each_alone(findings, pairs),
        hardest(findings),
        *how_many(findings, needed),
        *limits_of_test(list(at_best.get(MEAN, ()))),
        split_in_words(findings.journal),
    ]
    return [text for text in texts if text]


def other_sizes(findings: TargetFindings, pairs: Mapping[Size, Mapping[str, Sequence[Pair]]]) -> list[str]:
    """Return who is best at each smaller size, and from whom that model cannot be told apart."""
    texts = []
    for size in findings.sizes:
        point = findings.best_on(MEAN, size)
        if point is None or size == findings.best_size:
            continue
        apart = _not_apart(point.model, pairs.get(size, {}).get(MEAN, ()))
        value = format_interval(point.value, point.low, point.high)
        where = "Without any training clip" if size == 0 else _at(size, point.n_train).capitalize()
        texts.append(f"{where} {point.model} {_among(findings, size)}: {value}{apart}.")
    return texts


def _among(findings: TargetFindings, size: Size) -> str:
    """Return among which models one is best on the mean: those without some target's results have no part in it."""
    able = [model for model in findings.models if findings.has_trials(model, size)]
    whole = [model for model in able if findings.point(model, MEAN, size)]
    if len(whole) < len(able):
        answer = "answers" if size == 0 else "has results"
        alone = f"is the only one of {len(able)} models that {answer} on all targets"
        rest = f"is best of the {len(whole)} models, of {len(able)}, that have results on all targets"
        return alone if len(whole) == 1 else rest
    if size == 0:
        return f"is best of the {len(able)} models that can answer" if len(able) > 1 else "alone can answer"
    return "is best"


def each_alone(findings: TargetFindings, pairs: Mapping[Size, Mapping[str, Sequence[Pair]]]) -> list[str]:
    """Return who is best on each target at its own largest complete size, where no size has a mean over targets."""
    if findings.best_size is not None:
        return []
    texts = []
    for target in findings.targets:
        size = findings.largest_complete(target)
        point = None if size is None else findings.best_on(target, size)
        if size is not None and point is not None:
            apart = _not_apart(point.model, pairs.get(size, {}).get(target, ()))
            value = format_interval(point.value, point.low, point.high)
            texts.append(f"{target}: {_leads(findings, point)}, {value}{apart}.")
    return texts[:MOST_NAMED]


def hardest(findings: TargetFindings) -> str:
    """Return which target is hardest and which easiest at the largest complete size; empty for a single target."""
    size = findings.best_size
    order = hardest_first(findings)
    if size is None or len(order) < 2:
        return ""
    first, last = findings.best_on(order[0], size), findings.best_on(order[-1], size)
    if first is None or last is None:
        return ""
    if f"{first.value:.3f}" == f"{last.value:.3f}":
        return ""
    low, high = (f"{point.model} {format_interval(point.value, point.low, point.high)}" for point in (first, last))
    return f"{order[0]} is the hardest target (best: {low}), {order[-1]} the easiest ({high})."


def how_many(findings: TargetFindings, needed: Sequence[Need]) -> list[str]:
    """Return how many clips the models need for the goal on the mean over targets, the most frugal first."""
    mine = [need for need in needed if need.target == MEAN and need.forecast.verdict != "unknown"]
    if not mine:
        return []
    goal = mine[0].forecast.goal
    order = {"reached": 0, "expected": 1, "beyond": 2, "levels_off": 3}
    mine.sort(key=lambda need: (order[need.forecast.verdict], need.forecast.n_clips or 0))
    parts = [f"{need.model}: {need.forecast}" for need in mine[:MOST_NAMED]]
    rest = f"; {len(mine) - MOST_NAMED} more in the table" if len(mine) > MOST_NAMED else ""
    return [f"How many clips for a {findings.kind.title} of {goal:g} on average? {'; '.join(parts)}{rest}."]


def table_of_sizes(findings: TargetFindings) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of model by training size on the mean over targets, as text."""
    rows = [[model, *(_cell(findings, model, size) for size in findings.sizes)] for model in findings.models]
    return ["model", *(size_name(size) for size in findings.sizes)], rows


def table_of_targets(
    findings: TargetFindings, pairs: Mapping[Size, Mapping[str, Sequence[Pair]]]
) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of the best model of each target, the hardest first.

    All at the largest complete size; where there is none, each at its own.
    """
    columns = ["target", "training clips", "best model", findings.kind.title, "cannot be told apart"]
    rows = []
    for target in hardest_first(findings):
        size = findings.best_size if findings.best_size is not None else findings.largest_complete(target)
        point = None if size is None else findings.best_on(target, size)
        if size is not None and point is not None:
            others = as_good(point.model, pairs.get(size, {}).get(target, ()))
            value = format_interval(point.value, point.low, point.high)
            rows.append([target, size_name(size), point.model, value, ", ".join(others) or NOTHING])
    return columns, rows


def table_of_means(needed: Sequence[Need]) -> list[list[str]]:
    """Return rows of model and answer on the mean over targets."""
    return [[need.model, str(need.forecast)] for need in needed if need.target == MEAN]


def as_good(best: str, pairs: Sequence[Pair]) -> list[str]:
    """Return the models that cannot be told apart from the best one: Holm-corrected p of at least 0.05."""
    mine = [pair for pair in pairs if best in (pair.model_a, pair.model_b) and pair.p_holm >= SURE]
    return [pair.model_b if pair.model_a == best else pair.model_a for pair in mine]


def _not_apart(best: str, pairs: Sequence[Pair]) -> str:
    others = as_good(best, pairs)
    if not others:
        beaten = {pair.model_b for pair in pairs if pair.model_a == best}
        return f", ahead of {'all others' if len(beaten) > 1 else beaten.pop()} on these clips" if beaten else ""
    if len(others) > MOST_NAMED:
        return f"; it cannot be told apart from {len(others)} others"
    if len(others) > 1:
        return f"; it cannot be told apart from {listed(others)}"
    p_value = next(pair.p_holm for pair in pairs if {best, others[0]} == {pair.model_a, pair.model_b})
    return f"; it cannot be told apart from {others[0]} (Holm-corrected p = {p_text(p_value)})"


def _leads(findings: TargetFindings, point: Point) -> str:
    """Return that a model is best, of how many, and at which size."""
    asked = [model for model in findings.models if findings.has_trials(model, point.size, point.target)]
    if point.size == 0 and len(asked) == 1:
        return f"{point.model} alone can answer {_at(0, 0)}"
    word = "alone" if len(asked) == 1 else f"best of {len(asked)} models"
    return f"{point.model} is {word} {_at(point.size, point.n_train)}"


def _at(size: Size, n_train: int) -> str:
    if size == 0:
        return "without training (zero-shot)"
    return f"at all training clips (about {n_train:,})" if size == "all" else f"at {n_train:,} training clips"


def _behind(point: Point) -> str:
    return f"over {point.n_folds} folds" if "folds" in point.method else "over groups of the one fold"


def _cell(findings: TargetFindings, model: str, size: Size) -> str:
    point = findings.point(model, MEAN, size)
    if point is not None:
        return format_interval(point.value, point.low, point.high)
    if not findings.has_trials(model, size):
        return NOTHING
    n_all = len(findings.journal.plan["targets"])
    return f"{NOTHING} ({n_all - len(findings.missing_targets(model, size))} of {n_all} targets)"


def _nothing_yet(findings: TargetFindings) -> str:
    if findings.n_missing:
        n = len(findings.entries)
        return f"No training size is complete on all targets yet: {n - findings.n_missing} of {n} trials are done."
    if any(findings.points(target) for target in findings.targets):
        return "No training size has every target, so there is no mean over targets; see each target below."
    return (
        f"{findings.kind.title} is undefined on every test set: no fold tests clips with a target and clips without. "
        "Choose another metric, or folds of more groups."
    )
