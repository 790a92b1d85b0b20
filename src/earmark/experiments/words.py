"""What an experiment found, in sentences: who wins, by how much, how sure that is, and what was tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.evaluation.report import NOTHING, format_difference, format_interval, format_p_value
from earmark.experiments.curves import smallest_p

if TYPE_CHECKING:
    from earmark.evaluation.learning import LearningCurve
    from earmark.experiments.curves import Findings, Pair
    from earmark.experiments.journal import Journal

SURE = 0.05
EACH_ALONE = (
    " Each clip is a group of its own here: if several were cut from one recording, name the recordings with group_by "
    "(--group-by), or the numbers promise too much for new recordings."
)


def verdict(findings: Findings) -> str:
    """Return which model is best at the largest complete size, with its interval."""
    best = findings.best
    if best is None:
        n = len(findings.entries)
        if not findings.n_missing:
            title = _title(findings)
            return (
                f"{title[:1].upper()}{title[1:]} is undefined on every test set: no fold tests clips with a label and "
                "clips without it. Choose another metric, or folds of more groups."
            )
        return f"No training size is complete yet: {n - findings.n_missing} of {n} trials are done."
    curve, index = best
    value = format_interval(curve.means[index], curve.lows[index], curve.highs[index])
    word = "alone" if len(findings.models) == 1 else f"best of {len(findings.models)} models"
    limits = ", with its 95 % interval over folds" if curve.lows[index] is not None else ""
    return f"{curve.model} is {word} at {curve.sizes[index]:,} training clips: {_title(findings)} {value}{limits}."


def sentences(findings: Findings) -> list[str]:
    """Return what was found: the verdict, the other models, the split."""
    texts = (verdict(findings), *against_others(findings), leaders(findings), split_in_words(findings.journal))
    return [text for text in texts if text]


def table_of_sizes(findings: Findings) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of training size by model, as text."""
    curves = {curve.model: curve for curve in findings.curves}
    rows = [
        [f"{size:,}", *(_cell(findings, curves.get(model), model, size) for model in findings.models)]
        for size in findings.sizes.values()
    ]
    return ["training clips", *findings.models], rows


def against_others(findings: Findings) -> list[str]:
    """Return how the best model compares with each other one at the same size, and what the p-values can tell."""
    if findings.best is None:
        return []
    curve, index = findings.best
    n_train = curve.sizes[index]
    pairs = [pair for pair in findings.pairs if pair.n_train == n_train]
    mine = [pair for pair in pairs if curve.model in (pair.model_a, pair.model_b)]
    return [_against(pair, curve.model) for pair in mine] + limits_of_test(pairs)


def leaders(findings: Findings) -> str:
    """Return who leads at the smaller sizes, where that is another model; else an empty text."""
    if findings.best is None:
        return ""
    winner = findings.best[0].model
    sign = 1 if findings.kind.higher_is_better else -1
    others: dict[str, list[str]] = {}
    for n_train in findings.sizes.values():
        points = {
            curve.model: sign * curve.means[curve.sizes.index(n_train)]
            for curve in findings.curves
            if n_train in curve.sizes
        }
        leader = max(points, key=lambda model: points[model], default=winner)
        if leader != winner:
            others.setdefault(leader, []).append(f"{n_train:,}")
    if not others:
        return f"{winner} leads at every size." if len(findings.sizes) > 1 and len(findings.models) > 1 else ""
    parts = [f"{leader} leads at {listed(sizes)} clips" for leader, sizes in others.items()]
    return f"With fewer clips the order differs: {listed(parts)}."


def split_in_words(journal: Journal) -> str:
    """Return what was tested on what, and whether a group crossed the split."""
    n_groups = len(set(journal.dataset.groups.tolist()))
    n_folds = len(journal.folds)
    spec = str(journal.plan["folds"])
    what = {
        "leave-one-group-out": f"Each of the {n_folds} folds tests one group that its models never heard",
        "given": f"The split is the one that came with the data, {n_folds} fold{'s' if n_folds > 1 else ''}",
    }.get(spec, f"{n_groups:,} groups are divided into {n_folds} fold{'s' if n_folds > 1 else ''} ({spec})")
    if journal.leaks:
        return (
            f"{what}. {len(journal.leaks)} groups stand on both sides of it, so the numbers promise too much for new "
            f"groups. The reason given for this: {journal.plan['allow_shared_groups']}"
        )
    alone = EACH_ALONE if n_groups == len(journal.dataset.clips) else ""
    return f"{what}; no group is in the training and the test clips of one fold.{alone}"


def difference_in_words(pair: Pair) -> tuple[str, str, str]:
    """Return difference with interval, p-value and corrected p-value as text."""
    comparison = pair.comparison
    difference = format_difference(comparison.difference, comparison.low, comparison.high)
    return difference, p_text(comparison.p_value), p_text(pair.p_holm)


def _title(findings: Findings) -> str:
    return findings.kind.title.lower() if findings.metric != "roc_auc" else "ROC-AUC"


def _cell(findings: Findings, curve: LearningCurve | None, model: str, size: int) -> str:
    if curve is None or size not in curve.sizes:
        return NOTHING
    at = curve.sizes.index(size)
    done, n = findings.folds_done(model, size)
    part = "" if done == n else f" ({done} of {n} folds)"
    return format_interval(curve.means[at], curve.lows[at], curve.highs[at]) + part


def _against(pair: Pair, winner: str) -> str:
    turned = pair.model_b == winner
    comparison = pair.comparison
    other = pair.model_a if turned else pair.model_b
    low, high = (-comparison.high, -comparison.low) if turned else (comparison.low, comparison.high)
    value = -comparison.difference if turned else comparison.difference
    n_more = f", Holm-corrected {p_text(pair.p_holm)}" if pair.p_holm != comparison.p_value else ""
    sure = "" if pair.p_holm < SURE or low > 0 or high < 0 else "; not certain, the interval includes 0"
    return (
        f"Against {other}: {format_difference(value, low, high)}, {format_p_value(comparison.p_value)}{n_more}{sure}."
    )


def limits_of_test(pairs: list[Pair]) -> list[str]:
    """Say where there are too few groups for any p-value to become small, however clear the difference."""
    if not pairs:
        return []
    n_groups = min(pair.comparison.n_groups for pair in pairs)
    least = smallest_p(n_groups)
    if least is None or least * len(pairs) < SURE:
        return []
    corrected = f", or {min(1.0, least * len(pairs)):.3f} after correction for {len(pairs)} pairs" if pairs[1:] else ""
    text = (
        f"With {n_groups} independent groups no p-value can be below {least:.3f}{corrected}, however large the "
        "difference: the intervals say more here."
    )
    return [text]


def p_text(value: float) -> str:
    """Return a p-value with three decimals."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def listed(words: list[str]) -> str:
    """Return words as a list in a sentence."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
