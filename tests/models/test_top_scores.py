"""The histogram of the top probability: ten bins, read back only where they are today's."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.models import load_bundle
from earmark.models.top_scores import EDGES, METRIC, N_BINS, bin_of, reference_counts, top_histogram


def test_each_clip_counts_once_by_its_likeliest_label(rng: np.random.Generator) -> None:
    probabilities = rng.dirichlet([0.3] * 4, size=500).astype(np.float32)
    found = top_histogram(probabilities)
    expected = [0] * N_BINS
    for top in probabilities.max(axis=1):
        expected[bin_of(float(top))] += 1
    assert found["counts"] == expected
    assert sum(expected) == 500


@pytest.mark.parametrize(("probability", "number"), [(0.0, 0), (0.01, 0), (0.011, 1), (0.95, 6), (0.9991, 9), (1.0, 9)])
def test_an_edge_belongs_below(probability: float, number: int) -> None:
    assert bin_of(probability) == number


def test_a_histogram_is_read_back() -> None:
    found = top_histogram(np.array([[0.3, 0.7], [0.97, 0.03]], dtype=np.float32))
    assert reference_counts({METRIC: found}) == (0, 0, 0, 0, 1, 0, 0, 1, 0, 0)


@pytest.mark.parametrize(
    "part",
    [
        None,
        [1, 2],
        {"edges": [0.5], "counts": [1, 2]},
        {"edges": list(EDGES)},
        {"edges": list(EDGES), "counts": [1] * 9},
        {"edges": list(EDGES), "counts": [0] * 10},
        {"edges": list(EDGES), "counts": [-1, *[1] * 9]},
        {"edges": list(EDGES), "counts": ["1", *[1] * 9]},
    ],
)
def test_anything_else_counts_as_none(part: object) -> None:
    assert reference_counts({METRIC: part}) is None


@pytest.mark.parametrize("name", ["digits", "distortion"])
def test_shipped_bundles_were_made_before_and_load_without(name: str) -> None:
    assert reference_counts(load_bundle(name).spec.metrics) is None
