"""Perceptrons on the measures: ranks, masks, members side by side."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import ModelError
from earmark.distortion.designs import Design
from earmark.distortion.designs.losses import MultiTaskObjective, pack_targets
from earmark.distortion.designs.options import PerceptronOptions
from earmark.distortion.designs.perceptron import MeasuresPerceptron
from earmark.encoders.session import OnnxGraph
from earmark.models.base import FitContext
from tests.distortion.designs.conftest import draw_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.distortion.designs.conftest import Rows

torch = pytest.importorskip("torch")

N_MEASURES = 12


def with_masks(rows: Rows, told: NDArray[np.bool_] | None = None) -> Rows:
    """Return rows whose features are values and masks; values without a mask are 0."""
    mask = np.ones_like(rows.features) if told is None else told.astype(np.float32)
    features = np.concatenate([rows.features * mask, mask], axis=1)
    return type(rows)(features, rows.presence, rows.severity, rows.groups)


def perceptron(**options: Any) -> MeasuresPerceptron:
    usual: dict[str, Any] = {"epochs": 30, "batch": 16, "learning_rate": 0.01, "dropout": 0.0, "hidden": (32,)}
    return MeasuresPerceptron(PerceptronOptions(**{**usual, "min_validation": 8, **options}))


def fit(design: MeasuresPerceptron, rows: Rows) -> MeasuresPerceptron:
    parts = rows.features, rows.presence, rows.severity, rows.groups
    design.fit(*parts, np.random.default_rng(1), FitContext())
    return design


@pytest.fixture(scope="module")
def rows() -> Rows:
    mixed = draw_rows(320, (N_MEASURES,))
    mixed.features[:, 1] **= 3  # any scale will do: ranks stay
    mixed.features[:, -1] = 7.0
    told = np.ones(mixed.features.shape, dtype=bool)
    told[::3, 6:9] = False
    told[:, 9] = False
    return with_masks(mixed, told)


@pytest.fixture(scope="module")
def fitted(rows: Rows) -> MeasuresPerceptron:
    return fit(perceptron(), rows)


def test_it_keeps_the_contract_and_needs_a_fit(rows: Rows) -> None:
    design = MeasuresPerceptron()
    assert isinstance(design, Design)
    assert (design.name, design.frontend.spec.name) == ("perceptron", "measures")
    for use in (lambda: design.predict(rows.features), design.to_onnx):
        with pytest.raises(ModelError, match='design "perceptron" was not fitted'):
            use()


def test_it_learns_what_is_there_and_how_much(fitted: MeasuresPerceptron, rows: Rows) -> None:
    scores, severity = fitted.predict(rows.features)
    assert scores.dtype == severity.dtype == np.float32
    assert ((scores > 0) == (rows.presence > 0)).mean() > 0.95
    assert np.abs(severity - rows.severity)[rows.presence > 0].mean() < 0.12
    assert ((severity >= 0) & (severity <= 1)).all()
    assert {"validation_loss", "validation_f1"} <= fitted.history[-1].keys()


def test_its_graph_gives_the_same_numbers_also_for_garbage(fitted: MeasuresPerceptron, rows: Rows) -> None:
    content = fitted.to_onnx()
    garbage = rows.features[:60].copy()
    garbage[:20, :N_MEASURES] = np.nan  # what lies behind a mask of 0 may be anything
    garbage[:20, N_MEASURES:] = 0
    garbage[20:40, :N_MEASURES] = 1e30
    garbage[40:, :N_MEASURES] = -1e30
    for features in (rows.features, garbage):
        found = OnnxGraph(content).run(features, "scores", "severity")
        for one, other in zip(found, fitted.predict(features), strict=True):
            assert np.isfinite(one).all()
            np.testing.assert_allclose(one, other, atol=1e-4)


def test_its_weights_take_half_the_room(rows: Rows) -> None:
    design = fit(perceptron(epochs=1, hidden=(256, 128), n_members=2), rows)
    n_weights = sum(each.numel() for each in design._fitted().parameters())
    assert 2 * n_weights < len(design.to_onnx()) < 3 * n_weights + 20_000
    again: MeasuresPerceptron = pickle.loads(pickle.dumps(design))  # noqa: S301 - packed on this line
    np.testing.assert_allclose(again.predict(rows.features)[0], design.predict(rows.features)[0], atol=1e-6)


def test_a_measure_is_seen_by_its_rank(fitted: MeasuresPerceptron, rows: Rows) -> None:
    body: Any = fitted._fitted().body
    seen = body(torch.from_numpy(rows.features)).numpy()
    told = rows.features[:, N_MEASURES:] > 0
    ranks, masks = seen[:, :N_MEASURES], seen[:, N_MEASURES:]
    for column in (0, 1, 6):
        known = told[:, column]
        order = np.argsort(rows.features[known, column], kind="stable")
        assert (np.diff(ranks[known, column][order]) >= 0).all()
        assert abs(np.median(ranks[known, column])) < 0.1
        assert 1.5 < np.abs(ranks[known, column]).max() < 3
        assert not ranks[~known, column].any()
    assert masks.shape[1] == 2  # columns 6 to 8 tell the same, 9 is never told, the others always
    assert np.isfinite(seen).all()


def test_members_are_trained_by_themselves_and_answer_together(rows: Rows) -> None:
    design = fit(perceptron(epochs=2, n_members=3), rows)
    module, features = design._fitted(), torch.from_numpy(rows.features[:10])
    with torch.no_grad():
        together, each = module.eval()(features), module.train()(features)
    module.eval()
    assert each.shape == (30, 10)
    members = each.reshape(3, 10, 10)
    assert (members.std(dim=0) > 0).all()
    np.testing.assert_allclose(members.mean(dim=0).numpy(), together.numpy(), atol=1e-5)
    judge = MultiTaskObjective(pack_targets(rows.presence, rows.severity), severity_weight=1.0)
    targets = torch.from_numpy(pack_targets(rows.presence[:10], rows.severity[:10]))
    losses = [float(judge.loss(member, targets)) for member in members]
    assert float(judge.loss(each, targets)) == pytest.approx(np.mean(losses), rel=1e-5)


def test_equal_generators_learn_the_same(rows: Rows) -> None:
    first, second = (fit(perceptron(epochs=2), rows).predict(rows.features)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
