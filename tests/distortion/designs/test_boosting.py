"""Boosting on the measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest

from earmark.core.errors import ModelError
from earmark.distortion.designs.base import Design
from earmark.distortion.designs.boosting import MOST_MARGIN, MeasuresBoosting, with_gaps
from earmark.models.base import FitContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_MEASURES, N_KINDS = 8, 5


@dataclass(frozen=True)
class Measured:
    """Clips with (n_clips, 2 * N_MEASURES) and their truth: measure k tells kind k, the last is often not told."""

    features: NDArray[np.float32]
    presence: NDArray[np.float32]
    severity: NDArray[np.float32]

    @property
    def groups(self) -> NDArray[np.str_]:
        return np.array([str(row) for row in range(len(self.features))])


def draw(n_clips: int = 300, seed: int = 0) -> Measured:
    rng = np.random.default_rng(seed)
    presence = (rng.random((n_clips, N_KINDS)) < 0.4).astype(np.float32)
    severity = np.where(presence > 0, rng.uniform(0.2, 1, presence.shape), 0).astype(np.float32)
    values = rng.normal(0, 0.05, (n_clips, N_MEASURES)).astype(np.float32)
    values[:, :N_KINDS] += severity
    mask = np.ones_like(values)
    mask[:, N_KINDS - 1 :] = rng.random((n_clips, N_MEASURES - N_KINDS + 1)) < 0.7
    presence[::17, 0] = np.nan  # a trace
    presence[mask[:, N_KINDS - 1] == 0, N_KINDS - 1] = np.nan
    severity[mask[:, N_KINDS - 1] == 0, N_KINDS - 1] = np.nan
    return Measured(np.concatenate([values * mask, mask], axis=1), presence, severity)


def fit(measured: Measured, *, n_trees: int = 10, known: bool = True) -> MeasuresBoosting:
    design = MeasuresBoosting(n_trees=n_trees, learning_rate=0.4, n_leaves=7, feature_share=1.0)
    severity = measured.severity if known else np.full_like(measured.severity, np.nan)
    rng = np.random.default_rng(0)
    design.fit(measured.features, measured.presence, severity, measured.groups, rng, FitContext())
    return design


@pytest.fixture(scope="module")
def fitted() -> MeasuresBoosting:
    return fit(draw())


def outputs(design: MeasuresBoosting, features: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(design.to_onnx())
    assert [entry.name for entry in session.get_outputs()] == ["scores", "severity"]
    return [np.asarray(each) for each in session.run(None, {"features": features})]


def test_it_is_a_design_on_the_measures() -> None:
    design = MeasuresBoosting()
    assert isinstance(design, Design)
    assert (design.name, design.frontend.spec.name) == ("boosting", "measures")


def test_it_finds_what_is_there_and_how_much(fitted: MeasuresBoosting) -> None:
    other = draw(seed=1)
    margins, severity = fitted.predict(other.features)
    assert margins.dtype == severity.dtype == np.float32
    asked = np.isfinite(other.presence)
    assert np.mean((margins > 0)[asked] == (other.presence[asked] == 1)) > 0.97
    there = asked & (other.presence == 1)
    assert np.mean(np.abs(severity - other.severity)[there]) < 0.08
    assert severity.min() >= 0
    assert severity.max() <= 1
    assert np.abs(margins).max() <= MOST_MARGIN


def test_equal_generators_learn_the_same() -> None:
    measured = draw(120)
    first, second = (fit(measured, n_trees=3).predict(measured.features) for _ in range(2))
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_graph_gives_the_same_numbers(fitted: MeasuresBoosting) -> None:
    features = draw(seed=3).features
    garbage = features[:40].copy()
    garbage[:20, :N_MEASURES] = np.nan  # what lies behind a mask of 0 may be anything
    garbage[:20, N_MEASURES:] = 0
    garbage[20:, :N_MEASURES] = 1e6
    for rows in (features, garbage):
        for found, expected in zip(outputs(fitted, rows), fitted.predict(rows), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_graph_agrees_at_the_very_thresholds(fitted: MeasuresBoosting) -> None:
    rows = []
    for ensemble in [*fitted._presence, *fitted._severity]:
        for stage in ensemble.model._predictors:
            for node in stage[0].nodes:
                if not node["is_leaf"]:
                    row = draw(1, seed=4).features[0]
                    row[node["feature_idx"]] = node["num_threshold"]
                    row[N_MEASURES + node["feature_idx"]] = 1
                    rows.append(row)
    table = np.array(rows, dtype=np.float32)
    assert len(table) > 100
    for found, expected in zip(outputs(fitted, table), fitted.predict(table), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_ensembles_look_at_the_columns_that_tell_most() -> None:
    measured = draw(600)
    design = MeasuresBoosting(n_trees=10, learning_rate=0.4, n_leaves=7, n_columns=3, pilot_trees=5, pilot_clips=400)
    rng = np.random.default_rng(0)
    design.fit(measured.features, measured.presence, measured.severity, measured.groups, rng, FitContext())
    for kind, ensemble in enumerate([*design._presence, *design._severity]):
        assert ensemble.columns.size == 3
        assert kind % N_KINDS in ensemble.columns
    features = draw(40, seed=3).features
    for found, expected in zip(outputs(design, features), design.predict(features), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.shape == (40, N_KINDS)


def test_what_is_not_asked_teaches_nothing() -> None:
    measured = draw(200)
    mild = (measured.presence == 1) & (measured.severity < 0.6)
    unasked = np.where(mild, np.float32(np.nan), measured.presence)
    margins, _ = fit(Measured(measured.features, unasked, measured.severity), n_trees=5).predict(measured.features)
    assert np.mean(margins[mild & (measured.severity > 0.4)] > 0) > 0.8


def test_what_is_masked_tells_nothing(fitted: MeasuresBoosting) -> None:
    features = draw(seed=5).features
    masked = features.copy()
    masked[:, N_MEASURES:] = 0
    assert np.isnan(with_gaps(masked)).all()
    told = features[:, N_MEASURES:] == 1
    np.testing.assert_array_equal(with_gaps(features)[told], features[:, :N_MEASURES][told])
    margins, _ = fitted.predict(masked)
    assert np.ptp(margins, axis=0).max() == 0


def test_without_a_known_severity_none_is_told() -> None:
    design = fit(draw(120), n_trees=3, known=False)
    features = draw(seed=6).features
    margins, severity = design.predict(features)
    assert not severity.any()
    scores, told = outputs(design, features)
    np.testing.assert_allclose(scores, margins, atol=1e-4)
    assert not told.any()


def test_too_few_clips_of_a_type_are_refused() -> None:
    measured = draw(120)
    severity = measured.severity.copy()
    severity[:, 3] = np.where(np.cumsum(severity[:, 3] > 0) <= 5, severity[:, 3], 0)
    with pytest.raises(ModelError, match="found 5 clips with a severity of kind 3, expected 20"):
        fit(Measured(measured.features, measured.presence, severity), n_trees=1)
    everywhere = measured.presence.copy()
    everywhere[:, 2] = 1
    with pytest.raises(ModelError, match="kind 2 is in 120 rows and known not to be in 0"):
        fit(Measured(measured.features, everywhere, measured.severity))


def test_before_a_fit_there_is_no_answer() -> None:
    with pytest.raises(ModelError, match="boosting: was not fitted"):
        MeasuresBoosting().predict(draw(3).features)
    with pytest.raises(ModelError, match="boosting: was not fitted"):
        MeasuresBoosting().to_onnx()
