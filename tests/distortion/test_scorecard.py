"""Figures of the scorecard against numbers that were worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import DataError
from earmark.distortion import scorecard as module
from earmark.distortion.corpus.manifest import CorpusRow
from earmark.distortion.scorecard import Answers, Figure, figure, recall_by_effect, scorecard, thresholds_at
from earmark.distortion.severity import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

NAN = float("nan")
# (part, effect, true severity by type, estimate by type where the model finds it); each clip is a track
Made = tuple[str, str, "Mapping[str, float]", "Mapping[str, float]"]


def row_of(name: str, part: str, effects: tuple[str, ...], track: str) -> CorpusRow:
    nothing: dict[str, float | None] = dict.fromkeys(KINDS)
    return CorpusRow(
        id=name,
        split="test",
        part=part,
        source="made",
        track=track,
        kind="recorded",
        lossless=True,
        start_s=0.0,
        duration_s=10.0,
        rate_hz=44_100,
        n_channels=2,
        variant="",
        span=None,
        effects=effects,
        presence=nothing,
        severity=nothing,
        steps=(),
    )


def answers_of(*clips: Made, threshold: float = 0.5) -> Answers:
    """Return answers that find a type with probability 0.9 and a bit more for larger estimates, others with 0.1."""
    severity, told = (
        np.array([[values.get(kind, 0.0) for kind in KINDS] for values in column], dtype=np.float32)
        for column in ([clip[2] for clip in clips], [clip[3] for clip in clips])
    )
    presence = np.where(np.isnan(severity) | ((severity > 0) & (severity < 0.15)), NAN, severity > 0)
    rows = []
    for number, (part, effect, _, _) in enumerate(clips):
        rows.append(row_of(f"clip {number}", part, tuple(effect.split()), f"track {number}"))
    return Answers(
        rows=rows,
        presence=presence.astype(np.float32),
        severity=severity,
        probabilities=np.where(told > 0, 0.9 + 0.05 * told, 0.1).astype(np.float32),
        thresholds=np.full(len(KINDS), threshold),
        estimates=told,
    )


def figures(answers: Answers) -> dict[str, Figure]:
    return {each.name: each for each in scorecard(answers)}


def of_types(part: str, *found: bool) -> list[Made]:
    """Return a clip of each type with severity 0.5, found as said and told as 0.4."""
    return [
        (part, "white", {kind: 0.5}, {kind: 0.4} if is_found else {})
        for kind, is_found in zip(KINDS, found, strict=True)
    ]


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "N_RESAMPLES", 12)


CLEAN: list[Made] = [("clean", "", {}, {}), ("hard", "", {}, {})]


def test_without_an_error_every_figure_is_perfect() -> None:
    two: Made = ("two", "a b", {"noise": 0.5, "phase": 0.5}, {"noise": 0.5, "phase": 0.5})
    found = figures(answers_of(*of_types("grid", *[True] * 5), *of_types("single", *[True] * 5), *CLEAN, two))
    perfect = [name for name in found if "MAE" not in name and "alarms" not in name]
    assert {found[name].value for name in perfect} == {1.0}
    assert len(perfect) == 3 * 2 + 2 * 5 + 2
    assert found["false alarms clean"].value == found["false alarms hard"].value == 0
    assert found["binary F1 on grid"].n_clips == found["binary F1 on grid"].n_tracks == 7


def test_binary_f1_weighs_types_alike_and_clean_as_much_as_all_of_them() -> None:
    clips = of_types("grid", True, True, True, True, False) + of_types("grid", True, True, True, True, False)
    clips += [("clean", "", {}, {"noise": 0.2}), ("clean", "", {}, {}), ("hard", "", {}, {}), ("hard", "", {}, {})]
    # Hits 4/5; false alarms: half of the ordinary clean ones, which are half of the clean ones: 1/4.
    assert figures(answers_of(*clips))["binary F1 on grid"].value == pytest.approx(2 * 0.8 / (0.8 + 0.25 + 1))
    # More clips of a type that is found, and of clean ones without false alarms, change nothing.
    more = [*clips, *([clips[0]] * 20), *([("hard", "", {}, {})] * 20)]
    assert figures(answers_of(*more))["binary F1 on grid"].value == pytest.approx(2 * 0.8 / (0.8 + 0.25 + 1))


def test_binary_f1_is_0_where_nothing_is_found() -> None:
    assert figures(answers_of(*of_types("grid", *[False] * 5), *CLEAN))["binary F1 on grid"].value == 0


def test_macro_f1_is_the_mean_over_clean_and_five_types() -> None:
    clips = [*of_types("single", True, True, True, True, False), *CLEAN]
    clips[0] = ("single", "white", {"clipping": 0.5}, {"clipping": 0.3, "noise": 0.4})  # noise is the surer answer
    # Clean: 1 hit, claimed 1 + 1 (phase, missed): 2/3. Clipping 0. Noise: 1 hit, claimed 2: 2/3. Phase 0.
    expected = (2 / 3 + 0 + 1 + 2 / 3 + 1 + 0) / 6
    assert figures(answers_of(*clips))["macro-F1 off grid"].value == pytest.approx(expected)
    more = [*clips, *([clips[1]] * 9)]
    assert figures(answers_of(*more))["macro-F1 off grid"].value == pytest.approx(expected)


def test_recall_counts_from_severity_0_3_on_by_type() -> None:
    clips: list[Made] = [
        ("single", "x", {"noise": 0.3}, {"noise": 0.3}),
        ("grid", "x", {"noise": 0.9}, {}),
        ("grid", "x", {"noise": 0.8}, {"phase": 0.3}),
        ("single", "x", {"noise": 0.29}, {}),
        ("two", "x y", {"noise": 0.9, "phase": 0.9}, {}),
    ]
    found = figures(answers_of(*clips, *CLEAN))
    assert found["recall noise from 0.3, all effects"].value == pytest.approx(1 / 3)
    assert found["recall noise from 0.3, all effects"].n_clips == 3
    assert "recall phase from 0.3, all effects" not in found


def test_false_alarms_are_of_clips_without_a_fault_ordinary_and_hard_apart() -> None:
    clips: list[Made] = [
        ("clean", "", {}, {"noise": 0.2, "phase": 0.2}),
        ("clean", "", {}, {}),
        ("clean", "", {"compression": 0.5}, {"compression": 0.5}),  # a lossy track: not clean
        ("hard", "", {"compression": 0.1}, {"compression": 0.2}),  # a trace is held against nobody
        ("hard", "", {}, {}),
        ("hard", "", {}, {"phase": 0.2}),
    ]
    found = figures(answers_of(*clips))
    assert (found["false alarms clean"].value, found["false alarms clean"].n_clips) == (0.5, 2)
    assert found["false alarms hard"].value == pytest.approx(1 / 3)


def test_what_is_not_asked_counts_neither_for_nor_against() -> None:
    clips: list[Made] = [
        ("grid", "x", {"noise": 0.5, "phase": NAN, "compression": NAN}, {"noise": 0.5, "phase": 0.9}),
        ("two", "x y", {"noise": 0.5, "clipping": 0.1}, {"noise": 0.5, "clipping": 0.5}),
        *CLEAN,
    ]
    answers = answers_of(*clips)
    assert answers.asked[0].tolist() == [True, False, True, True, False]
    assert answers.found[0].tolist() == [False, False, True, False, False]
    found = figures(answers)
    assert found["macro-F1 on grid"].value == pytest.approx(2 / 6)  # clean and noise; no clip of four types
    assert found["severity MAE on grid, all types"].value == 0
    assert "two at once all effects, exact match" not in found  # a trace in it: not all is asked


def test_severity_is_what_is_reported_on_the_grid_and_estimated_off_it() -> None:
    clips: list[Made] = [
        ("grid", "x", {"noise": 0.5}, {"noise": 0.4, "phase": 0.2}),
        ("grid", "x", {"clipping": 0.6}, {}),
        ("single", "delay", {"phase": 0.5}, {"phase": 0.2}),
        ("single", "x", {"phase": 0.5}, {"phase": 0.6}),
        *CLEAN,
    ]
    answers = answers_of(*clips)
    found = figures(answers)
    per_clip = [(0.1 + 0.2) / 5, 0.6 / 5, 0, 0]
    assert found["severity MAE on grid, all types"].value == pytest.approx(np.mean(per_clip), abs=1e-6)
    assert found["severity MAE phase off grid"].value == pytest.approx(0.3, abs=1e-6)
    assert found["severity MAE phase all effects"].value == pytest.approx(0.2, abs=1e-6)
    unsure = replace(answers, probabilities=np.full_like(answers.probabilities, 0.1))
    assert figures(unsure)["severity MAE phase all effects"].value == pytest.approx(0.2, abs=1e-6)
    assert figures(unsure)["severity MAE on grid, all types"].value == pytest.approx((0.1 + 0.12) / 4, abs=1e-6)


def test_two_at_once_by_micro_f1_and_exact_match() -> None:
    both = {"noise": 0.5, "phase": 0.5}
    clips: list[Made] = [
        ("two", "a b", both, both),
        ("two", "a b", both, {"noise": 0.5}),
        ("two", "a b", both, both | {"frequency": 0.5}),
    ]
    found = figures(answers_of(*clips))
    on_grid = figures(answers_of(*(("grid-two", *clip[1:]) for clip in clips)))
    assert on_grid["two at once on grid, exact match"].value == pytest.approx(1 / 3)
    assert found["two at once all effects, micro-F1"].value == pytest.approx(2 * 5 / (6 + 6))
    assert found["two at once all effects, exact match"].value == pytest.approx(1 / 3)
    assert list(found) == ["two at once all effects, micro-F1", "two at once all effects, exact match"]
    with pytest.raises(DataError, match="12 of 12 resamples hold no clip"):
        figures(answers_of(("two", "a b", {}, {})))


def test_recall_by_effect_of_any_type_or_the_right_one() -> None:
    clips: list[Made] = [
        ("single", "white", {"noise": 0.5}, {"noise": 0.5}),
        ("single", "white", {"noise": 0.5}, {"phase": 0.5}),
        ("single", "white", {"noise": 0.1}, {}),  # a trace
        ("single", "delay", {"phase": 0.5}, {}),
        ("single", "clicks", {"noise": 0.1}, {}),
        ("grid", "mp3", {"compression": 0.5}, {}),
        ("two", "white delay", {"noise": 0.5}, {}),
    ]
    answers = answers_of(*clips)
    any_type = {each.name: each.value for each in recall_by_effect(answers)}
    assert any_type == {"white": 1, "delay": 0}
    right_type = {each.name: each.value for each in recall_by_effect(answers, of_right_type=True)}
    assert right_type == {"white": 0.5, "delay": 0}


def test_intervals_contain_the_value_and_narrow_with_more_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "N_RESAMPLES", 400)
    rng = np.random.default_rng(0)

    def clips(n_clips: int) -> list[Made]:
        hits = rng.permutation(n_clips) < 0.7 * n_clips
        return [("single", "x", {"noise": 0.5}, {"noise": 0.5} if hit else {}) for hit in hits]

    few, many = (
        figures(answers_of(*clips(n_clips), *CLEAN))["recall noise from 0.3, all effects"] for n_clips in (20, 200)
    )
    for found in (few, many):
        assert found.value == pytest.approx(0.7)
        assert found.low < found.value < found.high
    # About 1.96 * sqrt(0.7 * 0.3 / n) to both sides.
    assert few.high - few.low == pytest.approx(0.40, abs=0.1)
    assert many.high - many.low == pytest.approx(0.127, abs=0.03)
    for each in scorecard(answers_of(*of_types("grid", True, True, False, True, True), *CLEAN)):
        assert each.low <= each.value <= each.high


def test_clips_of_one_track_err_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "N_RESAMPLES", 400)
    clips: list[Made] = [("single", "x", {"noise": 0.5}, {"noise": 0.5} if number < 20 else {}) for number in range(40)]
    apart = answers_of(*clips)
    together = replace(apart, rows=[replace(row, track=f"{number // 10}") for number, row in enumerate(apart.rows)])
    wide, narrow = (figures(each)["recall noise from 0.3, all effects"] for each in (together, apart))
    assert (wide.n_clips, wide.n_tracks, narrow.n_tracks) == (40, 4, 40)
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_equal_answers_have_equal_intervals() -> None:
    answers = answers_of(*of_types("single", True, False, True, True, True), *CLEAN)
    assert scorecard(answers) == scorecard(answers)
    chosen = np.ones(len(answers.rows), dtype=np.bool_)
    one = figure("x", answers.rows, chosen, lambda weights: float(weights[0]))
    assert one.value == 1
    assert one.low == 0


def test_thresholds_can_be_moved_to_any_share_of_false_alarms() -> None:
    rng = np.random.default_rng(1)
    fault: Made = ("single", "x", {"noise": 0.5}, {})
    clips = CLEAN * 100 + [fault] * 50
    answers = answers_of(*clips)
    probabilities = rng.uniform(0.01, 0.99, answers.probabilities.shape).astype(np.float32)
    probabilities[-50:] = 0.999  # clips with faults do not count
    start = np.array([0.3, 0.5, 0.5, 0.8, 0.5])
    answers = replace(answers, probabilities=probabilities, thresholds=start)
    for share in (0.05, 0.2):
        moved = thresholds_at(answers, share)
        flagged = np.any(replace(answers, thresholds=moved).found[answers.is_clean], axis=1)
        assert flagged.mean() == pytest.approx(share, abs=0.006)
        steps = np.log(moved / (1 - moved)) - np.log(start / (1 - start))
        np.testing.assert_allclose(steps, steps[0], atol=1e-6)


def test_certain_probabilities_have_finite_margins() -> None:
    answers = answers_of(("grid", "x", {"noise": 0.5}, {"noise": 0.5}), *CLEAN)
    sure = replace(answers, probabilities=np.where(answers.probabilities > 0.5, 1, 0).astype(np.float32))
    assert np.isfinite(sure.margins).all()
    assert figures(sure)["macro-F1 on grid"].value == pytest.approx(2 / 6)


def test_thresholds_need_clean_clips() -> None:
    answers = answers_of(("single", "pink", {"noise": 0.5}, {"noise": 0.4}))
    with pytest.raises(DataError, match="found no clean clip"):
        thresholds_at(answers, 0.05)
