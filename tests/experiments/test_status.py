from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from earmark.experiments.results import Done
from earmark.experiments.status import estimate_left_s
from earmark.experiments.trial import Trial


def trial(definition: str, size: int) -> Trial:
    return Trial("m", size, size, "f", 0, definition, "f", "d", "s")


def done(definition: str, size: int, seconds: float) -> Done:
    facts: dict[str, Any] = {"fit_s": seconds, "score_s": 0.0}
    return Done(trial(definition, size), facts, Path("none"))


KNOWN = [done("forest", 10, 1.0), done("forest", 10, 3.0), done("forest", 100, 8.0), done("svm", 10, 0.4)]


@pytest.mark.parametrize(
    ("missing", "left_s"),
    [
        ([trial("forest", 10)], 2.0),
        ([trial("forest", 1000)], 4.0),
        ([trial("new", 10)], 3.1),
        ([trial("forest", 10), trial("forest", 100)], 5.0),
        ([], 0.0),
    ],
)
def test_time_left_comes_from_the_likest_trials(missing: list[Trial], left_s: float) -> None:
    assert estimate_left_s(missing, KNOWN, 2) == pytest.approx(left_s)


def test_time_left_is_not_known_before_the_first_result() -> None:
    assert estimate_left_s([trial("svm", 10)], [], 2) is None
