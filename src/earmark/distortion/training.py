"""Train a design on a corpus, calibrate it on sources that it never saw, and answer for clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import DataError
from earmark.core.randomness import named_generator
from earmark.distortion.scorecard import Answers
from earmark.distortion.severity import KINDS
from earmark.models.base import FitContext
from earmark.models.calibrate import Calibration, choose_thresholds, fit_calibration

if TYPE_CHECKING:
    from earmark.distortion.designs.base import Design
    from earmark.distortion.material import CorpusMaterial

TRAINED_ON = ("train", "validation")
FALSE_ALARMS = 0.005  # of the clips of other sources without a type, by type
LEAST_THRESHOLD, MOST_THRESHOLD = 0.3, 0.97
FEWEST_CALIBRATED = 50


@dataclass(frozen=True, eq=False)
class TrainedDesign:
    """A fitted design with what makes its margins answers.

    Attributes:
        design: Fitted.
        calibration: From margins to probabilities, by type.
        thresholds: The probability from which a type counts as found (5,).
    """

    design: Design
    calibration: Calibration
    thresholds: tuple[float, ...]

    def answer(self, material: CorpusMaterial) -> Answers:
        """Return what it says of clips, beside the truth."""
        margins, estimates = self.design.predict(material.features)
        return Answers(
            rows=material.rows,
            presence=material.presence,
            severity=material.severity,
            probabilities=self.calibration(margins),
            thresholds=np.array(self.thresholds),
            estimates=estimates,
        )


def train_design(
    design: Design, material: CorpusMaterial, *, seed: int = 0, context: FitContext | None = None
) -> TrainedDesign:
    """Fit a design on the training part of a corpus and calibrate it on its calibration part.

    Raises:
        DataError: The corpus lacks one of the parts, or has too few clips with or without a type.
        ModelError: The design cannot learn from it.
    """
    learnt = material.of(*TRAINED_ON)
    rng = named_generator(seed, "design", design.name)
    design.fit(learnt.features, learnt.presence, learnt.severity, learnt.groups, rng, context or FitContext())
    return calibrate_design(design, material.of("calibrate"))


def calibrate_design(design: Design, material: CorpusMaterial, *, false_alarms: float = FALSE_ALARMS) -> TrainedDesign:
    """Return a fitted design with probabilities and thresholds that hold for clips of other sources.

    The threshold of a type lets through this share of the clips without it; it is at least 0.3, so that a type that
    is told apart without error does not count as found where it is unlikely.

    Raises:
        DataError: Fewer than 50 clips with a type or without it.
    """
    margins, _ = design.predict(material.features)
    scales, offsets, thresholds = [], [], []
    for column, kind in enumerate(KINDS):
        known = np.isfinite(material.presence[:, column])
        there = material.presence[known, column] == 1
        if min(there.sum(), (~there).sum()) < FEWEST_CALIBRATED:
            raise DataError(
                f"calibration: found {there.sum()} clips with {kind} and {(~there).sum()} without, expected "
                f"{FEWEST_CALIBRATED} or more of each"
            )
        one = margins[known][:, [column]]
        fitted = fit_calibration(one, there[:, None].astype(np.float32), "many", "margin")
        scales.append(fitted.scales[0])
        offsets.append(fitted.offsets[0])
        limits = choose_thresholds(
            there[:, None].astype(np.float32), fitted(one), rule="false_alarms", goal=false_alarms
        )
        thresholds.append(float(np.clip(limits[0], LEAST_THRESHOLD, MOST_THRESHOLD)))
    calibration = Calibration("many", "margin", tuple(scales), tuple(offsets), fitted=True)
    return TrainedDesign(design, calibration, tuple(thresholds))
