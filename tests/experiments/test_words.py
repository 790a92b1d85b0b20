from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.evaluation.compare import Comparison
from earmark.evaluation.learning import LearningCurve
from earmark.evaluation.metrics import METRICS
from earmark.experiments.curves import Pair
from earmark.experiments.words import against_others, leaders, split_in_words, verdict

if TYPE_CHECKING:
    from earmark.experiments.curves import Findings
    from earmark.experiments.journal import Journal


def curve(model: str, *means: float) -> LearningCurve:
    lows, highs = tuple(mean - 0.1 for mean in means), tuple(mean + 0.1 for mean in means)
    return LearningCurve(model, (10, 100, 1000)[: len(means)], means, lows, highs)


def pair(a: str, b: str, difference: float, p_value: float, p_holm: float, n_groups: int = 20) -> Pair:
    low, high = difference - 0.05, difference + 0.05
    return Pair(1000, a, b, Comparison(difference, low, high, p_value, n_groups, "test"), p_holm)


def findings(curves: tuple[LearningCurve, ...], pairs: tuple[Pair, ...] = (), metric: str = "accuracy") -> Findings:
    return cast(
        "Findings",
        SimpleNamespace(
            curves=curves,
            models=tuple(found.model for found in curves),
            sizes={10: 10, 100: 100, "all": 1000},
            best=(curves[0], len(curves[0].sizes) - 1),
            pairs=pairs,
            metric=metric,
            kind=METRICS[metric],
        ),
    )


def journal(spec: str, **changes: Any) -> Journal:
    clips = [Clip(str(index), Path("x"), ("a",), f"g{index // 2}") for index in range(12)]
    values: dict[str, Any] = {
        "plan": {"folds": spec, "allow_shared_groups": "it was so."},
        "folds": (("1", 4, 2), ("2", 4, 2)),
        "leaks": (),
        "dataset": Dataset.of("d", clips),
    }
    return cast("Journal", SimpleNamespace(**(values | changes)))


def test_the_verdict_names_winner_size_and_interval() -> None:
    one, other = curve("svm", 0.5, 0.6, 0.7), curve("forest", 0.4, 0.5, 0.6)
    expected = "at 1,000 training clips: accuracy 0.700 [0.600, 0.800], with its 95 % interval over folds."
    assert verdict(findings((one, other))) == f"svm is best of 2 models {expected}"
    assert verdict(findings((one,))).startswith("svm is alone at 1,000")


def test_a_sure_and_an_unsure_difference_read_differently() -> None:
    both = (curve("svm", 0.7, 0.7, 0.7), curve("forest", 0.6, 0.6, 0.6), curve("level", 0.1, 0.1, 0.1))
    pairs = (pair("svm", "forest", 0.02, 0.4, 0.4), pair("level", "svm", -0.6, 0.0001, 0.0003))
    sure, unsure = against_others(findings(both, pairs))[::-1]
    assert unsure == "Against forest: +0.020 [-0.030, +0.070], p = 0.400; not certain, the interval includes 0."
    assert sure == "Against level: +0.600 [+0.550, +0.650], p < 0.001, Holm-corrected < 0.001."


def test_the_limit_of_few_groups_is_told() -> None:
    both = (curve("svm", 0.7, 0.7, 0.7), curve("forest", 0.6, 0.6, 0.6))
    pairs = (pair("svm", "forest", 0.1, 0.03125, 0.09375, 6), pair("svm", "x", 0.1, 0.03125, 0.09375, 6))
    assert against_others(findings(both, pairs))[-1] == (
        "With 6 independent groups no p-value can be below 0.031, or 0.062 after correction for 2 pairs, however "
        "large the difference: the intervals say more here."
    )


def test_who_leads_with_fewer_clips_is_told() -> None:
    winner = curve("svm", 0.2, 0.4, 0.7)
    assert leaders(findings((winner, curve("forest", 0.3, 0.5, 0.6)))) == (
        "With fewer clips the order differs: forest leads at 10 and 100 clips."
    )
    assert leaders(findings((winner, curve("forest", 0.1, 0.1, 0.1)))) == "svm leads at every size."
    assert leaders(findings((winner,))) == ""


def test_losses_are_led_by_the_lowest() -> None:
    found = findings((curve("svm", 0.9, 0.5, 0.3), curve("forest", 0.8, 0.6, 0.4)), metric="log_loss")
    assert leaders(found) == "With fewer clips the order differs: forest leads at 10 clips."


def test_the_split_is_told_in_words() -> None:
    clean = "no group is in the training and the test clips of one fold."
    assert split_in_words(journal("leave-one-group-out")).endswith(clean)
    assert split_in_words(journal("grouped:2")) == f"6 groups are divided into 2 folds (grouped:2); {clean}"
    leaky = split_in_words(journal("given", leaks=("g1",), folds=(("test", 4, 2),)))
    assert leaky.startswith("The split is the one that came with the data, 1 fold. 1 groups stand on both sides")
    assert leaky.endswith("it was so.")


def test_clips_without_groups_are_not_promised_to_be_other_recordings() -> None:
    alone = Dataset.of("d", [Clip(str(index), Path("x"), ("a",), f"g{index}") for index in range(6)])
    told = split_in_words(journal("grouped:2", dataset=alone))
    assert "Each clip is a group of its own here: if several were cut from one recording, name the recordings" in told
    assert "--group-by" in told
