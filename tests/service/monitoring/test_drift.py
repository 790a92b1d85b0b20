"""The stability index against its formula, and the window it is computed over."""

from __future__ import annotations

import math

import numpy as np
import pytest

from earmark.core.errors import DataError
from earmark.models.top_scores import N_BINS, bin_of
from earmark.service.monitoring.drift import FIRST, LEAST, WINDOW, Drift, stability_index, surer_ratio

SURE, UNSURE = 0.995, 0.3


def fill(drift: Drift, probability: float, number: int, *, known: bool = True) -> None:
    for _ in range(number):
        drift.add(probability, known=known)


def counts_of(probability: float, number: int) -> list[float]:
    counts = [0.0] * N_BINS
    counts[bin_of(probability)] = number
    return counts


def test_the_index_is_the_sum_that_the_formula_says() -> None:
    expected, actual = [999.5, 499.5], [499.5, 999.5]  # half an answer more makes two thirds and one third
    assert stability_index(expected, actual) == pytest.approx(2 * (2 / 3 - 1 / 3) * math.log(2))


def test_the_index_has_no_direction_and_no_scale() -> None:
    one, other = [5000.0, 3000.0, 2000.0], [1000.0, 4000.0, 5000.0]
    assert stability_index(one, other) == pytest.approx(stability_index(other, one))
    tenfold = stability_index([10 * count for count in one], other)
    assert tenfold == pytest.approx(stability_index(one, other), rel=1e-2)


def test_the_ratio_counts_pairs_of_answers(rng: np.random.Generator) -> None:
    one, other = rng.integers(0, N_BINS, 80), rng.integers(2, N_BINS, 50)
    pairs = [(later > earlier) + (later == earlier) / 2 for earlier in one for later in other]
    counts = [np.bincount(numbers, minlength=N_BINS).tolist() for numbers in (one, other)]
    assert surer_ratio(*counts) == pytest.approx(np.mean(pairs))
    assert surer_ratio(*counts) == pytest.approx(1 - surer_ratio(*counts[::-1]))


def test_an_empty_bin_gives_a_number() -> None:
    assert 1 < stability_index([1000, 0], [0, 1000]) < 100


@pytest.mark.parametrize(("one", "other"), [([1, 2], [1, 2, 3]), ([0, 0], [1, 2]), ([1, 2], [0, 0]), ([], [])])
def test_what_cannot_be_compared_is_refused(one: list[float], other: list[float]) -> None:
    for compare in (stability_index, surer_ratio):
        with pytest.raises(DataError, match="expected the same bins"):
            compare(one, other)


def test_chance_alone_stays_below_a_tenth(rng: np.random.Generator) -> None:
    """What the module says of its smallest window: seldom over 0.1 although all bins are used."""
    shares = rng.dirichlet([2.0] * N_BINS)
    found = [stability_index(*(rng.multinomial(n, shares).tolist() for n in (FIRST, LEAST))) for _ in range(300)]
    assert np.mean(found) == pytest.approx((N_BINS - 1) * (1 / FIRST + 1 / LEAST), rel=0.2)
    assert np.mean(np.array(found) > 0.1) < 0.1


def test_there_is_no_figure_before_there_are_enough_answers() -> None:
    drift = Drift(counts_of(SURE, 300))
    fill(drift, SURE, LEAST - 1)
    assert (drift.index, drift.surer_ratio, drift.unknown_ratio) == (None, None, None)
    fill(drift, SURE, 1)
    assert drift.index == pytest.approx(0.0, abs=1e-2)
    assert (drift.surer_ratio, drift.unknown_ratio) == (0.5, 0)
    assert (drift.source, drift.n_reference, drift.n_answers) == ("bundle", 300, LEAST)


def test_without_a_reference_the_first_answers_are_it() -> None:
    drift = Drift(None)
    fill(drift, SURE, FIRST)
    assert (drift.source, drift.n_reference, drift.n_answers) == ("first_answers", FIRST, 0)
    fill(drift, UNSURE, LEAST)
    assert (drift.n_reference, drift.n_answers) == (FIRST, LEAST)
    assert drift.index is not None
    assert drift.index > 1


def test_only_the_last_answers_count() -> None:
    drift = Drift(counts_of(SURE, 500))
    fill(drift, UNSURE, 3 * WINDOW, known=False)
    assert drift.index is not None
    assert drift.index > 1
    assert (drift.surer_ratio, drift.unknown_ratio) == (0, 1)
    fill(drift, SURE, WINDOW)
    assert drift.n_answers == WINDOW
    assert drift.index == pytest.approx(0.0, abs=1e-2)
    assert drift.unknown_ratio == 0
