"""From a design to answers: trained on some sources, calibrated on others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import DataError
from earmark.distortion.corpus.manifest import CorpusRow
from earmark.distortion.frontend import measures
from earmark.distortion.material import CorpusMaterial
from earmark.distortion.severity import KINDS
from earmark.distortion.training import LEAST_THRESHOLD, MOST_THRESHOLD, calibrate_design, train_design
from earmark.models.base import FitContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.features.base import NativeFrontend

SPREAD = 0.5  # of margins: a fault moves them by 1


class Noting:
    """A design whose margins are its first five features, which keeps what it was fitted on."""

    name = "noting"

    def __init__(self) -> None:
        self.rows: NDArray[np.float32] | None = None
        self.groups: list[str] = []
        self.drawn = 0.0
        self.context: FitContext | None = None

    @property
    def frontend(self) -> NativeFrontend:
        return measures()

    def fit(
        self,
        features: NDArray[np.float32],
        presence: NDArray[np.float32],
        severity: NDArray[np.float32],
        groups: NDArray[np.str_],
        rng: np.random.Generator,
        context: FitContext,
    ) -> None:
        assert presence.shape == severity.shape == (len(features), 5)
        self.rows, self.groups, self.context = features, groups.tolist(), context
        self.drawn = float(rng.random())

    def predict(self, features: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return features[:, :5], np.clip(features[:, 5:10], 0, 1)

    def to_onnx(self) -> bytes:
        raise NotImplementedError


def draw(n_clips: int = 1200, *, share: float = 0.4, offset: float = 0.0, seed: int = 0) -> CorpusMaterial:
    """Return clips of three splits; a fault raises the margin from `offset` by 1."""
    rng = np.random.default_rng(seed)
    presence = (rng.random((n_clips, 5)) < share).astype(np.float32)
    margins = offset + presence + rng.normal(0, SPREAD, presence.shape)
    nothing: dict[str, float | None] = dict.fromkeys(KINDS)
    rows = tuple(
        CorpusRow(
            id=str(number),
            split=("train", "validation", "calibrate", "calibrate")[number % 4],
            part="single",
            source="made",
            track=f"song {number}",
            kind="recorded",
            lossless=True,
            start_s=0.0,
            duration_s=10.0,
            rate_hz=44_100,
            n_channels=2,
            variant="",
            span=None,
            effects=(),
            presence=nothing,
            severity=nothing,
            steps=(),
        )
        for number in range(n_clips)
    )
    presence[::11, 4] = np.nan
    severity = (0.5 * presence).astype(np.float32)
    return CorpusMaterial(rows, np.concatenate([margins, severity], axis=1).astype(np.float32), presence, severity)


def test_it_learns_from_two_parts_and_calibrates_on_the_third() -> None:
    material, design, context = draw(), Noting(), FitContext()
    trained = train_design(design, material, context=context)
    learnt = material.of("train", "validation")
    assert design.rows is not None
    np.testing.assert_array_equal(design.rows, learnt.features)
    assert design.groups == learnt.groups.tolist()
    assert design.context is context
    assert trained.design is design
    alone = calibrate_design(Noting(), material.of("calibrate"))
    assert trained.calibration == alone.calibration
    assert trained.thresholds == alone.thresholds


def test_the_seed_decides_what_is_random() -> None:
    drawn = []
    for seed in (0, 0, 1):
        design = Noting()
        train_design(design, draw(), seed=seed)
        drawn.append(design.drawn)
    assert drawn[0] == drawn[1] != drawn[2]


def test_probabilities_hold_for_clips_of_other_sources() -> None:
    # Logits of such clips are (margin - 0.5 - offset) / SPREAD**2 + log odds of the share.
    trained = calibrate_design(Noting(), draw(6000, offset=-3.0))
    assert trained.calibration.fitted
    assert trained.calibration.scales == pytest.approx([1 / SPREAD**2] * 5, rel=0.15)
    middle = np.array(trained.calibration.offsets) + np.array(trained.calibration.scales) * -2.5
    assert middle == pytest.approx([np.log(0.4 / 0.6)] * 5, abs=0.2)
    answers = trained.answer(draw(6000, offset=-3.0, seed=1))
    for low in np.arange(0.1, 0.9, 0.2):
        chosen = (answers.probabilities >= low) & (answers.probabilities < low + 0.2) & answers.asked
        assert answers.there[chosen].mean() == pytest.approx(answers.probabilities[chosen].mean(), abs=0.05)


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_thresholds_let_through_the_share_that_is_asked_for(share: float) -> None:
    material = draw(3000)
    trained = calibrate_design(Noting(), material, false_alarms=share)
    answers = trained.answer(material)
    for column, threshold in enumerate(trained.thresholds):
        without = answers.asked[:, column] & ~answers.there[:, column]
        let_through = float((answers.probabilities[without, column] >= threshold).mean())
        assert LEAST_THRESHOLD < threshold < MOST_THRESHOLD
        assert let_through == pytest.approx(share, abs=1.5 / without.sum())


def test_thresholds_are_neither_low_nor_out_of_reach() -> None:
    apart = draw(1200)
    features = apart.features.copy()
    features[:, :5] = 20 * np.nan_to_num(apart.presence)
    sure = calibrate_design(Noting(), CorpusMaterial(apart.rows, features, apart.presence, apart.severity))
    assert sure.thresholds == (LEAST_THRESHOLD,) * 5
    wrong = features.copy()
    wrong[np.flatnonzero(apart.presence[:, 0] == 0)[:20], 0] = 200  # 20 clips are surely taken for faults
    misled = calibrate_design(Noting(), CorpusMaterial(apart.rows, wrong, apart.presence, apart.severity))
    assert LEAST_THRESHOLD < misled.thresholds[0] <= MOST_THRESHOLD


def test_answers_stand_beside_the_truth() -> None:
    material = draw()
    trained = calibrate_design(Noting(), material)
    answers = trained.answer(material)
    assert answers.rows is material.rows
    np.testing.assert_array_equal(answers.presence, material.presence)
    np.testing.assert_array_equal(answers.severity, material.severity)
    np.testing.assert_array_equal(answers.probabilities, trained.calibration(material.features[:, :5]))
    np.testing.assert_array_equal(answers.thresholds, trained.thresholds)
    np.testing.assert_array_equal(answers.estimates, np.clip(material.features[:, 5:10], 0, 1))


def test_too_few_clips_with_or_without_a_type_are_refused() -> None:
    material = draw()
    presence = material.presence.copy()
    presence[:, 2] = np.arange(len(presence)) < 49
    few = CorpusMaterial(material.rows, material.features, presence, material.severity)
    with pytest.raises(DataError, match="found 49 clips with noise and 1151 without, expected 50 or more of each"):
        calibrate_design(Noting(), few)
    presence[:, 2] = np.arange(len(presence)) >= 49
    with pytest.raises(DataError, match="found 1151 clips with noise and 49 without"):
        calibrate_design(Noting(), few)
    presence[:, 2] = np.nan
    with pytest.raises(DataError, match="found 0 clips with noise and 0 without"):
        calibrate_design(Noting(), few)


def test_a_corpus_without_one_of_the_parts_is_refused() -> None:
    material = draw(40)
    with pytest.raises(DataError, match="found no clips for train and validation"):
        train_design(Noting(), material.of("calibrate"))
    with pytest.raises(DataError, match="found no clips for calibrate"):
        train_design(Noting(), material.of("train"))
