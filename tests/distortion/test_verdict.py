"""The rule from blocks to a file: what is present, and what is one chance block among many."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from earmark.distortion.verdict import ALL_RUNS_TO, LARGEST_MARGIN, Verdict, judge, log_odds, mean_severity, run_lengths


def verdict(*probabilities: float, threshold: float = 0.5, last_s: float = 10.0) -> Verdict:
    durations_s = np.full(len(probabilities), 10.0)
    durations_s[-1] = last_s
    return judge(np.array(probabilities, dtype=np.float32), durations_s, threshold)


def test_one_block_is_judged_by_its_threshold_alone() -> None:
    found = verdict(0.75, threshold=0.75)
    assert found == Verdict(0.75, present=True, first=0, last=0)
    assert not verdict(0.79, threshold=0.8).present


def test_a_fault_all_through_a_file_needs_no_more_than_the_threshold() -> None:
    found = verdict(*[0.6] * 24, threshold=0.55)
    assert found.present
    assert (found.first, found.last) == (0, 23)
    assert found.probability == pytest.approx(0.6)


def test_one_chance_block_does_not_flag_a_long_file() -> None:
    assert verdict(0.6, 0.01).present is False
    assert verdict(*[0.01] * 12, 0.9, *[0.01] * 11).present is False


def test_a_sure_block_flags_a_long_file_and_is_the_run() -> None:
    found = verdict(*[0.01] * 12, 0.995, *[0.01] * 11)
    assert found.present
    assert (found.first, found.last) == (12, 12)
    # 24 times the odds of 1 are needed; 199 are there
    assert found.probability == pytest.approx(199 / 24 / (1 + 199 / 24), rel=1e-3)


def test_blocks_that_follow_on_each_other_need_less_each_than_one_alone() -> None:
    assert not verdict(*[0.05] * 20, 0.93, *[0.05] * 3).present
    together = verdict(*[0.05] * 20, 0.93, 0.93, 0.93, 0.05)
    assert together.present
    assert (together.first, together.last) == (20, 22)
    apart = verdict(0.93, *[0.05] * 10, 0.93, *[0.05] * 10, 0.93, 0.05)
    assert not apart.present


def test_a_short_last_block_counts_for_as_long_as_it_lasts() -> None:
    assert verdict(0.4, 0.85, last_s=10.0).present
    assert not verdict(0.4, 0.85, last_s=1.0).present


def test_a_file_of_a_day_is_no_stricter_than_one_of_an_hour() -> None:
    hour, day = verdict(*[0.01] * 359, 0.999), verdict(*[0.01] * 8639, 0.999)
    assert hour.probability == pytest.approx(day.probability, rel=1e-6)
    assert verdict(*[0.01] * 8639, 0.9999).present


def test_no_block_outvotes_a_thousand_others() -> None:
    assert verdict(1.0, *[0.01] * 1000).probability < 0.95
    assert log_odds(np.array([0.99966465]))[0] == pytest.approx(LARGEST_MARGIN, abs=1e-3)


def test_certain_probabilities_stay_finite() -> None:
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
    assert verdict(1.0, 1.0, threshold=1.0).present is False
    assert verdict(0.0, 0.0, threshold=0.0).present


def test_false_alarms_do_not_grow_with_the_length_of_a_file(rng: np.random.Generator) -> None:
    # Blocks that flag 2 of 100 alone, each by itself: the tail of the logistic distribution.
    margins = np.log(0.02 / 0.98) + rng.logistic(size=(400, 60))
    flagged = [
        np.mean([verdict(*row[:n_blocks]).present for row in 1 / (1 + np.exp(-margins))]) for n_blocks in (1, 6, 60)
    ]
    assert max(flagged) < 0.06


@pytest.mark.parametrize("n_blocks", [1, 2, 16, 17, 40, 8640])
def test_runs_of_all_lengths_are_tried_and_the_whole(n_blocks: int) -> None:
    lengths = list(run_lengths(n_blocks))
    assert lengths[: min(n_blocks, ALL_RUNS_TO)] == list(range(1, min(n_blocks, ALL_RUNS_TO) + 1))
    assert lengths[-1] == n_blocks
    assert all(longer > shorter for shorter, longer in itertools.pairwise(lengths))
    assert len(lengths) < 60


def test_severity_is_that_of_the_affected_seconds_and_never_a_trace() -> None:
    assert mean_severity(np.array([0.9, 0.3], np.float32), np.array([1.0, 3.0])) == pytest.approx(0.45)
    assert mean_severity(np.array([0.02], np.float32), np.array([1.0])) == 0.15
