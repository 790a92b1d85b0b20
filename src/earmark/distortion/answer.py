"""Put the report together from what was measured and what the graphs said of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.report import DistortionReport, Segment, Timeline, TypeAnswer
from earmark.distortion.segments import stretches, sure_seconds
from earmark.distortion.sentences import other_sentences, sentences_of
from earmark.distortion.severity import KINDS
from earmark.distortion.verdict import judge, mean_severity
from earmark.distortion.view import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.heard import Heard
    from earmark.distortion.report import Assessable, Finding
    from earmark.distortion.severity import Kind


@dataclass(frozen=True, eq=False)
class Scored:
    """What the graphs said of the blocks with sound.

    Attributes:
        blocks: int (n,), which blocks of the file they are.
        probabilities: float32 (n, 5), calibrated.
        severities: float32 (n, 5), 0 to 1.
        seconds: float32 (n_seconds, 5), for all seconds of the file; NaN in blocks without sound.
        thresholds: From which probability a block counts, for each type.
    """

    blocks: NDArray[np.intp]
    probabilities: NDArray[np.float32]
    severities: NDArray[np.float32]
    seconds: NDArray[np.float32]
    thresholds: tuple[float, ...]


@dataclass(frozen=True)
class _Told:
    """The answer for one type with everything that belongs to it."""

    answer: TypeAnswer
    segments: tuple[Segment, ...] = ()
    evidence: tuple[Finding, ...] = ()


def put_together(
    heard: Heard, scored: Scored | None, assessable: dict[Kind, Assessable], path: str | None
) -> DistortionReport:
    """Return the report of one file; `scored` is None if nothing could be assessed."""
    told = {kind: _tell(kind, heard, scored) if assessable[kind].ok and scored else UNTOLD for kind in KINDS}
    answers = {kind: told[kind].answer for kind in KINDS}
    found = tuple(
        sorted((kind for kind in KINDS if answers[kind].present), key=lambda kind: -(answers[kind].severity or 0.0))
    )
    worst = answers[found[0]] if found else None
    certain = [each.probability for each in answers.values() if each.probability is not None]
    confidence = None
    if certain:
        confidence = worst.probability if worst else round(1 - max(certain), 4)
    evidence = [finding for kind in found for finding in told[kind].evidence]
    if certain:
        evidence += other_sentences(found, View(heard, np.ones(len(heard.times_s), dtype=np.bool_), 0.0, 0.0))
    fold_down_loss_db = heard.fold_down_loss_db
    return DistortionReport(
        path=path,
        has_distortion=bool(found) if certain else None,
        distortion_type=found[0] if found else None,
        severity=(worst.severity or 0.0) if worst else 0.0,
        confidence=confidence,
        types=answers,
        segments=tuple(sorted((each for kind in KINDS for each in told[kind].segments), key=lambda each: each.start_s)),
        evidence=tuple(evidence),
        assessable=assessable,
        timeline=_timeline(heard, scored, assessable),
        fold_down_loss_db=None if fold_down_loss_db is None else round(fold_down_loss_db, 2),
        duration_s=heard.duration_s,
        rate_hz=heard.rate_hz,
        n_channels=heard.n_channels,
        measures=heard.measures(),
    )


UNTOLD = _Told(TypeAnswer(None, None, present=False))


def _tell(kind: Kind, heard: Heard, scored: Scored) -> _Told:
    """Return the answer for one type that is assessable."""
    column = KINDS.index(kind)
    spans_s = heard.blocks_s[scored.blocks]
    verdict = judge(scored.probabilities[:, column], spans_s[:, 1] - spans_s[:, 0], scored.thresholds[column])
    probability = round(verdict.probability, 4)
    if not verdict.present:
        return _Told(TypeAnswer(probability, 0.0, present=False))
    certain = scored.seconds[:, column]
    seconds = sure_seconds(certain, heard.times_s)
    if not seconds.any():  # no second alone, but the blocks together: all that sounds in them
        seconds = np.isin(heard.block_of, scored.blocks[verdict.first : verdict.last + 1])
        certain = np.full_like(certain, verdict.probability)
    lengths_s = heard.times_s[:, 1] - heard.times_s[:, 0]
    severities = np.zeros(len(heard.blocks_s), dtype=np.float32)
    severities[scored.blocks] = scored.severities[:, column]
    by_second = severities[heard.block_of]
    severity = round(mean_severity(by_second[seconds], lengths_s[seconds]), 4)
    segments = tuple(
        Segment(
            start_s=round(float(heard.times_s[begin, 0]), 3),
            end_s=round(float(heard.times_s[end - 1, 1]), 3),
            type=kind,
            probability=round(float(np.nanmean(certain[begin:end])), 4),
            severity=round(mean_severity(by_second[begin:end], lengths_s[begin:end]), 4),
        )
        for begin, end in stretches(seconds)
    )
    evidence = sentences_of(kind, View(heard, seconds, severity, verdict.probability))
    return _Told(TypeAnswer(probability, severity, present=True), segments, evidence)


def _timeline(heard: Heard, scored: Scored | None, assessable: dict[Kind, Assessable]) -> Timeline:
    times_s = tuple((round(begin, 3), round(end, 3)) for begin, end in heard.times_s.tolist())
    blank = (None,) * len(times_s)
    if scored is None:
        return Timeline(times_s, dict.fromkeys(KINDS, blank))
    columns = np.round(scored.seconds.T.astype(np.float64), 4).tolist()
    told = zip(KINDS, columns, strict=True)
    return Timeline(
        times_s,
        {kind: tuple(map(_known, column)) if assessable[kind].ok else blank for kind, column in told},
    )


def _known(probability: float) -> float | None:
    return None if math.isnan(probability) else probability
