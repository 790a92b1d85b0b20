from __future__ import annotations

import pytest

from earmark.core.errors import ConfigError, DataError
from earmark.inference.events import Event, FileEvents
from earmark.inference.segments import CHOOSERS, Choice, choose

FILES = [
    FileEvents(f"{number % 3}.wav", 999.0, 8000, 1, (Event(float(number), number + 1.0, label, number / 100),))
    for number in range(100)
    for label in ("dog", "cat")
]


def chosen(**options: object) -> list[float]:
    found = choose(FILES, Choice(labels=("dog",), **options))  # type: ignore[arg-type]
    return [detection.event.probability for detection in found["dog"]]


def test_top_are_the_most_probable() -> None:
    assert chosen(select="top", most=3) == [0.99, 0.98, 0.97]


def test_uncertain_are_nearest_to_the_doubtful_probability() -> None:
    assert sorted(chosen(select="uncertain", most=3)) == [0.49, 0.5, 0.51]
    assert chosen(select="uncertain", most=1, around=0.2) == [0.2]


def test_random_follows_the_seed_and_nothing_else() -> None:
    first = chosen(select="random", most=10, seed=1)
    assert first == chosen(select="random", most=10, seed=1)
    assert first != chosen(select="random", most=10, seed=2)
    assert len(set(first)) == 10
    backwards = choose([*reversed(FILES), *FILES], Choice(select="random", most=10, seed=1))
    assert [detection.event.probability for detection in backwards["dog"]] == first
    assert set(backwards) == {"dog", "cat"}


def test_bands_take_from_each_in_turn() -> None:
    found = chosen(select="bands", most=10, n_bands=5, seed=3)
    assert [int(probability * 5) for probability in found] == [4, 3, 2, 1, 0, 4, 3, 2, 1, 0]


def test_what_a_poor_band_lacks_comes_from_the_others() -> None:
    events = tuple(Event(float(n), n + 1.0, "dog", p) for n, p in enumerate([0.95, 0.1, 0.11, 0.12, 0.13]))
    found = choose([FileEvents("a.wav", 9.0, 8000, 1, events)], Choice(select="bands", most=4, n_bands=10))
    assert found["dog"][0].event.probability == 0.95
    assert len(found["dog"]) == 4


def test_bands_lie_between_the_limits() -> None:
    found = chosen(select="bands", most=4, n_bands=4, min_confidence=0.2, max_confidence=0.6)
    assert [0.2 <= p <= 0.6 for p in found] == [True] * 4
    assert [min(3, int(round((p - 0.2) * 10, 6))) for p in found] == [3, 2, 1, 0]
    assert chosen(select="bands", min_confidence=0.5, max_confidence=0.5) == [0.5]


@pytest.mark.parametrize("select", CHOOSERS)
def test_limits_hold_for_every_choice(select: str) -> None:
    found = chosen(select=select, most=7, min_confidence=0.3, max_confidence=0.4)
    assert len(set(found)) == 7
    assert all(0.3 <= probability <= 0.4 for probability in found)


def test_a_detection_that_is_named_twice_counts_once() -> None:
    assert len(choose([*FILES, *FILES], Choice())["cat"]) == 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"select": "best"}, 'select: "best" is not known'),
        ({"most": 0}, "expected at least 1 of each"),
        ({"min_confidence": 0.6, "max_confidence": 0.5}, r"expected 0 <= from <= to <= 1"),
        ({"labels": ("dogs",)}, 'label "dogs" was not detected; did you mean "dog"'),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose(FILES, Choice(**options))  # type: ignore[arg-type]


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(DataError, match=r"none of 200 detections has a probability from 0\.999 to 1"):
        choose(FILES, Choice(min_confidence=0.999))
