"""Areas of targets without each group, and paired tests of models on targets; see `evaluation.detection`."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.randomness import named_generator
from earmark.evaluation.compare import Comparison, compare_paired, holm, sign_flip_tests
from earmark.evaluation.detection import area_of, ranks, swap_contributions
from earmark.evaluation.intervals import student_limits
from earmark.evaluation.sums import mean_defined
from earmark.experiments.curves import LEVEL, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.experiments.by_target import TargetFindings
    from earmark.experiments.plan import Size

    Floats = NDArray[np.float64]

Cells = dict[tuple[str, str], "tuple[Floats, NDArray[np.bool_]] | None"]

METHOD = "sign-flip test over groups; jackknife over groups, Student t"


def left_out_areas(
    findings: TargetFindings, model: str, targets: Sequence[str], size: Size, known: Cells | None = None
) -> Floats:
    """Return the mean ROC-AUC over targets without each group that has a part in it, (n_groups,); else NaN.

    Args:
        findings: The results.
        model: What the plan calls it.
        targets: One or all.
        size: As the plan asks for it.
        known: Cells that were computed before, of the same model and size.

    Raises:
        StoreError: A file of probabilities is damaged.
    """
    shape = len(targets), len(findings.folds), findings.n_groups
    cells: Cells = {} if known is None else known
    table, touched = np.full(shape, np.nan), np.zeros(findings.n_groups, dtype=np.bool_)
    for row, target in enumerate(targets):
        for column, fold in enumerate(findings.folds):
            if (target, fold) not in cells:
                cells[target, fold] = _cell_without(findings, model, target, size, fold)
            found = cells[target, fold]
            if found is not None:
                table[row, column] = found[0]
                touched |= found[1]
    means = mean_defined(np.moveaxis(table, 1, 2))  # over folds: (n_targets, n_groups)
    return np.where(touched, mean_defined(means.T), np.nan)


def _cell_without(
    findings: TargetFindings, model: str, target: str, size: Size, fold: str
) -> tuple[Floats, NDArray[np.bool_]] | None:
    """Return the area without each group, seeds averaged, and which groups have a part in it, (n_groups,) each."""
    if (target, fold) not in findings.cells:
        return None
    cell = findings.cells[target, fold][0]
    areas = [area_of(cell, scores) for scores in findings.scores(model, target, size, fold)]
    known = [area for area in areas if area is not None]
    if not known:
        return None
    values = np.full(findings.n_groups, np.mean([area.value for area in known]))
    values[known[0].groups] = np.mean([area.left_out for area in known], axis=0)
    touched = np.zeros(findings.n_groups, dtype=np.bool_)
    touched[known[0].groups] = True
    return values, touched


def pairs_at(findings: TargetFindings, size: Size) -> dict[str, list[Pair]]:
    """Return the paired comparisons of all models at one size, by target and, under "", for the mean over targets.

    A target is compared where both models have all its trials, the mean where they have those of every target.
    Holm's correction is for all pairs of models on that target.

    Raises:
        StoreError: A file of probabilities is damaged.
    """
    places = ("", *findings.targets)
    able = {place: [model for model in findings.models if _is_whole(findings, model, place, size)] for place in places}
    compared = _by_groups(findings, size, able) if findings.metric == "roc_auc" else _by_folds(findings, size, able)
    found = {}
    for place, comparisons in compared.items():
        corrected = holm({"\n".join(names): one.p_value for names, one in comparisons.items()})
        n_train = findings.n_train(place, size) or 0
        found[place] = [Pair(n_train, *names, one, corrected["\n".join(names)]) for names, one in comparisons.items()]
    return found


Comparisons = dict[tuple[str, str], Comparison]


def _is_whole(findings: TargetFindings, model: str, place: str, size: Size) -> bool:
    point = findings.point(model, place, size)
    return point is not None and point.is_complete


def _by_groups(findings: TargetFindings, size: Size, able: dict[str, list[str]]) -> dict[str, Comparisons]:
    """Compare by ROC-AUC, the outputs swapped for whole groups."""
    ranked = _all_ranks(findings, size)
    models = [model for model in findings.models if any(model in names for names in able.values())]
    names = [(a, b) for a, b in combinations(models, 2)]
    added = {
        (target, pair): _contributions(findings, ranked, pair, target) for target in findings.targets for pair in names
    }
    known: dict[str, Cells] = {model: {} for model in models}
    found = {}
    for place, here in able.items():
        targets = findings.targets if place == "" else (place,)
        mine = [pair for pair in names if pair[0] in here and pair[1] in here]
        if mine:
            parts = np.stack([np.mean([added[target, pair] for target in targets], axis=0) for pair in mine], axis=1)
            left_out = {model: left_out_areas(findings, model, targets, size, known[model]) for model in here}
            rng = named_generator(int(findings.journal.plan["seed"]), "comparison of targets", str(size))
            p_values = sign_flip_tests(parts, rng)
            areas = {model: findings.point(model, place, size) for model in here}
            values = {model: 0.0 if point is None else point.value for model, point in areas.items()}
            found[place] = dict(
                _ordered(pair, values, left_out, float(p)) for pair, p in zip(mine, p_values, strict=True)
            )
    return found


def _ordered(
    pair: tuple[str, str], values: dict[str, float], left_out: dict[str, Floats], p_value: float
) -> tuple[tuple[str, str], Comparison]:
    """Return the comparison with the better model first."""
    a, b = pair if values[pair[0]] >= values[pair[1]] else pair[::-1]
    difference, without = values[a] - values[b], left_out[a] - left_out[b]
    known = without[np.isfinite(without)]
    low, high = student_limits(difference, known, level=LEVEL, scale="raw", n_clips=None)
    return (a, b), Comparison(difference, low, high, p_value, len(known), METHOD, LEVEL)


def _all_ranks(findings: TargetFindings, size: Size) -> dict[tuple[str, str, str], list[Floats]]:
    return {
        (model, target, fold): [ranks(cell, scores) for scores in findings.scores(model, target, size, fold)]
        for (target, fold), (cell, _) in findings.cells.items()
        for model in findings.models
    }


def _contributions(
    findings: TargetFindings,
    ranked: dict[tuple[str, str, str], list[Floats]],
    pair: tuple[str, str],
    target: str,
) -> Floats:
    """Return what each group adds to the difference on a target, mean over folds and seeds, (n_groups,)."""
    of_folds = []
    for fold in findings.folds:
        seeds = [ranked.get((model, target, fold), []) for model in pair]
        if not all(seeds) or findings.cells[target, fold][0].n_independent == 0:
            continue
        n_seeds = max(len(seeds[0]), len(seeds[1]))  # zero-shot has one result for all seeds
        parts = [
            swap_contributions(
                findings.cells[target, fold][0],
                seeds[0][seed % len(seeds[0])],
                seeds[1][seed % len(seeds[1])],
                findings.n_groups,
            )
            for seed in range(n_seeds)
        ]
        of_folds.append(np.mean(parts, axis=0))
    return np.asarray(np.mean(of_folds, axis=0)) if of_folds else np.zeros(findings.n_groups)


def _by_folds(findings: TargetFindings, size: Size, able: dict[str, list[str]]) -> dict[str, Comparisons]:
    """Compare by another metric, which exists per test set only: fold by fold."""
    sign = 1 if findings.kind.higher_is_better else -1
    found: dict[str, Comparisons] = {}
    for place, here in able.items():
        rows = slice(None) if place == "" else slice(findings.targets.index(place), findings.targets.index(place) + 1)
        means = {model: mean_defined(findings.values(model, size)[rows].T) for model in here}  # (n_folds,)
        for a, b in combinations(here, 2):
            both = np.isfinite(means[a]) & np.isfinite(means[b])
            if both.sum() < 2:
                continue
            first, second = (a, b) if sign * (means[a][both].mean() - means[b][both].mean()) >= 0 else (b, a)
            rng = named_generator(int(findings.journal.plan["seed"]), "comparison of targets", str(size), place, a, b)
            folds = np.array(findings.folds)[both]
            compared = compare_paired(means[first][both], means[second][both], folds, rng, level=LEVEL)
            found.setdefault(place, {})[first, second] = compared
    return found
