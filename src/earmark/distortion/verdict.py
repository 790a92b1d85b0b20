"""From blocks of ten seconds to one answer for the file. Everything that decides stands here.

A fault may fill the file or a part of it, so every run of blocks that follow on each other is a candidate. Each block
has a margin for each type: the log odds of its calibrated probability minus those of the type's threshold. A run
speaks for the type by

    mean margin of the run (by duration) - STRICTNESS * ln(duration of the file / duration of the run)

and the best run is the answer of the file. The mean over a long run is steady, so the whole file needs no more than
the threshold. A single block of a long file is one of many that could have come out high by chance: as with
Bonferroni's correction, its odds have to be as many times higher as there are such stretches in the file. So a file of
one block is judged by its threshold alone, ten seconds of clipping in four minutes need 24 times the odds (3.2), and
files of more than an hour are no stricter than one of an hour. Log odds count up to +-8: no block is surer than 3000
to 1.

A type is present if its best run reaches 0; `has_distortion` means that any type is. Severity does not decide that:
the probability is already that of a fault of 0.15 or more, and a mild one is told as mild.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.distortion.severity import TRACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

STRICTNESS = 1.0
LONGEST_S = 3600.0
LARGEST_MARGIN = 8.0
ALL_RUNS_TO = 16  # longer runs are tried in steps of a fifth: nobody hears whether a fault lasts 40 or 42 blocks


@dataclass(frozen=True)
class Verdict:
    """What the blocks of a file say together about one type.

    Attributes:
        probability: Of the whole file: that of the best run after its strictness.
        present: Whether it reaches the threshold.
        first: First block of the best run.
        last: Last block of the best run.
    """

    probability: float
    present: bool
    first: int
    last: int


def judge(probabilities: NDArray[np.float32], durations_s: NDArray[np.float64], threshold: float) -> Verdict:
    """Return the verdict on one type.

    Args:
        probabilities: float32 (n_blocks,), calibrated, of the blocks that can be assessed, in order; at least one.
        durations_s: float64 (n_blocks,), above 0.
        threshold: From which probability a single block counts.
    """
    level = float(log_odds(np.array([threshold]))[0])
    odds = np.clip(log_odds(probabilities), -LARGEST_MARGIN, LARGEST_MARGIN)
    if len(odds) == 1:
        return Verdict(float(probabilities[0]), bool(probabilities[0] >= threshold), 0, 0)
    weighted = np.concatenate([[0.0], np.cumsum(odds * durations_s)])
    passed_s = np.concatenate([[0.0], np.cumsum(durations_s)])
    best, first, last = -math.inf, 0, 0
    for n_blocks in run_lengths(len(odds)):
        runs_s = passed_s[n_blocks:] - passed_s[:-n_blocks]
        means = (weighted[n_blocks:] - weighted[:-n_blocks]) / runs_s
        strictness = STRICTNESS * np.log(np.maximum(1.0, min(passed_s[-1], LONGEST_S) / runs_s))
        place = int(np.argmax(means - strictness))
        if (score := float((means - strictness)[place])) >= best:
            best, first, last = score, place, place + n_blocks - 1
    return Verdict(1 / (1 + math.exp(-best)), bool(best >= level), first, last)


def run_lengths(n_blocks: int) -> Iterator[int]:
    """Yield the lengths of the runs to try, in blocks: all short ones, then in steps of a fifth, and the whole."""
    length = 1
    while length < n_blocks:
        yield length
        length = length + 1 if length < ALL_RUNS_TO else length + length // 5
    yield n_blocks


def log_odds(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return ln(p / (1 - p)), finite."""
    safe = np.clip(probabilities.astype(np.float64), 1e-9, 1 - 1e-9)
    return np.asarray(np.log(safe) - np.log1p(-safe))


def mean_severity(severities: NDArray[np.float32], lengths_s: NDArray[np.float64]) -> float:
    """Return the severity of a file for a present type: the mean over the seconds in which it is heard.

    A minute of heavy clipping in an hour of clean music is heavy clipping; how much of the file it is, its segments
    tell. Never below 0.15, since a fault that is present is no trace.

    Args:
        severities: float32 (n_seconds,), 0 to 1, of the blocks that those seconds lie in.
        lengths_s: float64 (n_seconds,), above 0.
    """
    return float(np.clip(np.average(severities.astype(np.float64), weights=lengths_s), TRACE, 1))
