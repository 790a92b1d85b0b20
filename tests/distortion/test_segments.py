"""Where a fault is heard."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.distortion.segments import stretches, sure_seconds


def seconds(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return which seconds are heard, "#" for sure, "." for not, "?" for one that cannot be told."""
    probabilities = np.array([{"#": 0.9, ".": 0.1, "?": np.nan}[letter] for letter in text], dtype=np.float32)
    starts = np.arange(len(text), dtype=np.float64)
    heard = sure_seconds(probabilities, np.stack([starts, starts + 1], axis=1))
    return "".join("#" if flag else "." for flag in heard), stretches(heard)


@pytest.mark.parametrize(
    ("told", "heard", "spans"),
    [
        ("..##..", "..##..", [(2, 4)]),
        ("#..#", "####", [(0, 4)]),
        ("#...#", "#...#", [(0, 1), (4, 5)]),
        ("#?#..", "###..", [(0, 3)]),
        ("...", "...", []),
        ("??", "..", []),
        ("", "", []),
    ],
)
def test_sure_seconds_make_segments_and_short_pauses_do_not_part_them(
    told: str, heard: str, spans: list[tuple[int, int]]
) -> None:
    assert seconds(told) == (heard, spans)


def test_a_half_is_sure() -> None:
    assert sure_seconds(np.array([0.5], dtype=np.float32), np.array([[0.0, 1.0]])).all()
