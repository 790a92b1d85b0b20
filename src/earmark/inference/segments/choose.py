"""Which detections a person should listen to: the best, the doubtful, any, or some of every score.

The choice depends on the detections and the seed alone, not on the order in which files are named, and a label's
choice does not depend on the other labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from earmark.core.errors import ConfigError, DataError, did_you_mean
from earmark.core.randomness import named_generator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from earmark.inference.events import Event, FileEvents

    Chooser = Callable[[list["Detection"], "Choice", np.random.Generator], list["Detection"]]


class Detection(NamedTuple):
    """An event with the recording that it is in."""

    recording: str
    event: Event


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What to choose of each label.

    Attributes:
        select: Name in `CHOOSERS`.
        most: At most so many of each label.
        min_confidence: Least probability.
        max_confidence: Greatest probability.
        labels: Only these; () is all.
        around: The probability that is most doubtful, for "uncertain".
        n_bands: Parts of equal width between the least and the greatest probability, for "bands".
        seed: For "random" and "bands".

    Raises:
        ConfigError: A name is not known or a number is out of range.
    """

    select: str = "top"
    most: int = 100
    min_confidence: float = 0.0
    max_confidence: float = 1.0
    labels: tuple[str, ...] = ()
    around: float = 0.5
    n_bands: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.select not in CHOOSERS:
            raise ConfigError(f'select: "{self.select}" is not known{did_you_mean(self.select, CHOOSERS)}')
        if self.most < 1 or self.n_bands < 1:
            raise ConfigError(f"found most={self.most} and n_bands={self.n_bands}, expected at least 1 of each")
        if not 0 <= self.min_confidence <= self.max_confidence <= 1:
            raise ConfigError(
                f"found confidence from {self.min_confidence} to {self.max_confidence}, expected 0 <= from <= to <= 1"
            )


def choose(files: Sequence[FileEvents], choice: Choice) -> dict[str, list[Detection]]:
    """Return the chosen detections by label, labels in order, the first choice first.

    Raises:
        ConfigError: A label that was asked for is in none of the detections.
        DataError: Nothing is left to choose from.
    """
    by_label: dict[str, dict[Detection, None]] = {}
    for file in files:
        for event in file.events:
            by_label.setdefault(event.label, {})[Detection(file.path, event)] = None  # named twice, it counts once
    for label in choice.labels:
        if label not in by_label:
            raise ConfigError(f'label "{label}" was not detected{did_you_mean(label, by_label)}')
    chosen = {label: _choose_label(label, by_label[label], choice) for label in choice.labels or sorted(by_label)}
    chosen = {label: detections for label, detections in sorted(chosen.items()) if detections}
    if not chosen:
        raise DataError(
            f"none of {sum(map(len, by_label.values())):,} detections has a probability from {choice.min_confidence:g} "
            f"to {choice.max_confidence:g}"
        )
    return chosen


def _choose_label(label: str, detections: dict[Detection, None], choice: Choice) -> list[Detection]:
    fitting = sorted(
        (found for found in detections if choice.min_confidence <= found.event.probability <= choice.max_confidence),
        key=lambda found: (found.recording, found.event.start_s, found.event.end_s),
    )
    rng = named_generator(choice.seed, "segments", choice.select, label)
    return CHOOSERS[choice.select](fitting, choice, rng)[: choice.most]


def _top(detections: list[Detection], _choice: Choice, _rng: np.random.Generator) -> list[Detection]:
    return sorted(detections, key=lambda found: -found.event.probability)


def _uncertain(detections: list[Detection], choice: Choice, _rng: np.random.Generator) -> list[Detection]:
    return sorted(detections, key=lambda found: abs(found.event.probability - choice.around))


def _random(detections: list[Detection], _choice: Choice, rng: np.random.Generator) -> list[Detection]:
    return [detections[position] for position in rng.permutation(len(detections))]


def _bands(detections: list[Detection], choice: Choice, rng: np.random.Generator) -> list[Detection]:
    """Return one of each band in turn, so that what a poor band lacks comes from the others."""
    bands: list[list[Detection]] = [[] for _ in range(choice.n_bands)]
    for found in _random(detections, choice, rng):
        bands[_band(found.event.probability, choice)].append(found)
    longest = max(map(len, bands))
    return [band[turn] for turn in range(longest) for band in reversed(bands) if turn < len(band)]


def _band(probability: float, choice: Choice) -> int:
    width = choice.max_confidence - choice.min_confidence
    share = (probability - choice.min_confidence) / width if width else 0.0
    return min(choice.n_bands - 1, int(share * choice.n_bands))


CHOOSERS: dict[str, Chooser] = {"top": _top, "uncertain": _uncertain, "random": _random, "bands": _bands}
