"""Named generators: reproducible by name, independent between names."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.randomness import child_seed, named_generator

names = st.lists(st.one_of(st.text("abc/é", max_size=5), st.integers(0, 99)), max_size=4)


@given(seed=st.integers(0, 2**40), path=names)
def test_equal_names_give_equal_streams(seed: int, path: list[str | int]) -> None:
    first, second = (named_generator(seed, *path).random(4) for _ in range(2))
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((0, "split"), (1, "split")),
        ((0, "split", 1), (0, "split", 11)),
        ((0, "split", 1, 1), (0, "split", 11)),
        ((0, "ab", "c"), (0, "a", "bc")),
        ((0,), (0, "")),
        ((1, "2"), (12,)),
    ],
)
def test_different_names_give_different_streams(left: tuple[int, str], right: tuple[int, str]) -> None:
    assert named_generator(*left).random(4).tolist() != named_generator(*right).random(4).tolist()


def test_neighbouring_names_are_uncorrelated() -> None:
    n_streams, n_draws = 40, 500
    draws = np.stack([named_generator(0, "trial", index).standard_normal(n_draws) for index in range(n_streams)])
    correlations = np.asarray(np.corrcoef(draws))[np.triu_indices(n_streams, k=1)] * np.sqrt(n_draws)
    # Of 780 values from N(0, 1) one beyond 5.5 comes about once in 30,000 tries; so does such a mean.
    assert np.abs(correlations).max() < 5.5
    assert abs(correlations.mean()) < 4.5 / np.sqrt(len(correlations))
    assert correlations.std() == pytest.approx(1.0, abs=0.1)


def test_a_stream_is_the_same_in_every_process() -> None:
    code = "from earmark.core.randomness import named_generator as n; print(n(7, 'augment', 3).integers(10**9, size=3))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == f"{named_generator(7, 'augment', 3).integers(10**9, size=3)}\n"


def test_drawing_from_one_stream_leaves_the_others_alone() -> None:
    expected = named_generator(0, "b").random()
    named_generator(0, "a").random(1000)
    np.random.default_rng().random(10)
    assert named_generator(0, "b").random() == expected


@given(seed=st.integers(0, 2**40), path=names)
def test_child_seeds_fit_into_31_bits_and_repeat(seed: int, path: list[str | int]) -> None:
    assert 0 <= child_seed(seed, *path) < 2**31
    assert child_seed(seed, *path) == child_seed(seed, *path)
    assert child_seed(seed, *path, "more") != child_seed(seed, *path)
