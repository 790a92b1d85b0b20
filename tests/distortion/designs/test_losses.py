"""What is unknown must not count, and what is known must."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from earmark.core.errors import ModelError
from earmark.distortion.designs.losses import MultiTaskObjective, check_finite, pack_targets

PRESENCE = np.array([[1, 0], [0, 1], [np.nan, 0], [1, np.nan], [0, 0]], dtype=np.float32)
SEVERITY = np.array([[0.8, 0], [0, 0.4], [0.1, 0], [np.nan, np.nan], [0, 0]], dtype=np.float32)
OUTPUTS = np.array([[2, -1, 0.6, 0.1]] * 5, dtype=np.float32)


def objective(**options: Any) -> MultiTaskObjective:
    return MultiTaskObjective(pack_targets(PRESENCE, SEVERITY), **{"severity_weight": 1.0, **options})


def loss_of(judge: MultiTaskObjective, outputs: Any, presence: Any = PRESENCE, severity: Any = SEVERITY) -> float:
    torch = pytest.importorskip("torch")
    targets = pack_targets(np.asarray(presence, dtype=np.float32), np.asarray(severity, dtype=np.float32))
    return float(judge.loss(torch.tensor(outputs), torch.from_numpy(targets)))


def test_targets_hold_values_and_what_is_known() -> None:
    there, known, severity, graded = np.split(pack_targets(PRESENCE, SEVERITY), 4, axis=1)
    assert there.dtype == np.float32
    np.testing.assert_array_equal(known, np.isfinite(PRESENCE))
    np.testing.assert_array_equal(graded, np.isfinite(SEVERITY))
    np.testing.assert_array_equal(there[known > 0], PRESENCE[known > 0])
    assert not there[known == 0].any()
    assert not severity[graded == 0].any()


@pytest.mark.parametrize(("row", "kind"), [(2, 0), (3, 1)])
def test_unknown_presence_costs_nothing_whatever_is_said(row: int, kind: int) -> None:
    judge, other = objective(), OUTPUTS.copy()
    other[row, kind] = 50
    assert loss_of(judge, other) == loss_of(judge, OUTPUTS)


@pytest.mark.parametrize(("row", "kind"), [(0, 0), (1, 0), (4, 1)])
def test_known_presence_costs(row: int, kind: int) -> None:
    judge, other = objective(), OUTPUTS.copy()
    other[row, kind] = -50 if PRESENCE[row, kind] else 50
    assert loss_of(judge, other) > loss_of(judge, OUTPUTS)


def test_unknown_severity_costs_nothing_and_known_does() -> None:
    judge, unknown, known = objective(), OUTPUTS.copy(), OUTPUTS.copy()
    unknown[3, 2:] = [0.0, 1.0]
    assert loss_of(judge, unknown) == loss_of(judge, OUTPUTS)
    known[0, 2] = 0.1
    assert loss_of(judge, known) > loss_of(judge, OUTPUTS)


def test_the_severity_of_a_trace_is_learned_though_its_presence_is_not() -> None:
    judge, other = objective(), OUTPUTS.copy()
    other[2, 2] = 0.9  # a trace of 0.1
    assert loss_of(judge, other) > loss_of(judge, OUTPUTS)


def test_no_gradient_flows_from_what_is_unknown() -> None:
    torch = pytest.importorskip("torch")
    outputs = torch.tensor(OUTPUTS, requires_grad=True)
    torch.autograd.backward(objective().loss(outputs, torch.from_numpy(pack_targets(PRESENCE, SEVERITY))))
    gradient = outputs.grad.numpy()
    known = np.concatenate([np.isfinite(PRESENCE), np.isfinite(SEVERITY)], axis=1)
    assert not gradient[~known].any()
    assert gradient[:, :2][known[:, :2]].all()


def test_errors_of_severity_count_by_their_size_and_less_where_nothing_is_there() -> None:
    judge = objective()
    nothing = np.full((1, 2), np.nan)
    there = [loss_of(judge, [[0.0, 0.0, said, 0.0]], nothing, [[0.5, np.nan]]) for said in (0.5, 0.55, 0.8)]
    assert there == [pytest.approx(0), pytest.approx(0.05**2 / 0.2), pytest.approx(0.3 - 0.05)]
    both = [[0.5, 0.0]]
    missed = loss_of(judge, [[0.0, 0.0, 0.2, 0.0]], nothing, both)
    invented = loss_of(judge, [[0.0, 0.0, 0.5, 0.3]], nothing, both)
    assert invented == pytest.approx(0.2 * missed)
    judge = objective(absent_weight=0.0)
    assert loss_of(judge, [[0.0, 0.0, 0.5, 0.3]], nothing, both) == 0


def test_rare_kinds_count_as_much_as_frequent_ones() -> None:
    presence = np.zeros((10, 1), dtype=np.float32)
    presence[:2] = 1
    unknown = np.full_like(presence, np.nan)
    judge = MultiTaskObjective(pack_targets(presence, unknown), severity_weight=1.0)
    uncertain = np.zeros((1, 2), dtype=np.float32)
    missed = loss_of(judge, uncertain, [[1]], [[np.nan]])
    assert missed == pytest.approx(4 * loss_of(judge, uncertain, [[0]], [[np.nan]]))
    even = MultiTaskObjective(pack_targets(presence, unknown), severity_weight=1.0, balanced=False)
    assert loss_of(even, uncertain, [[1]], [[np.nan]]) == loss_of(even, uncertain, [[0]], [[np.nan]])


def test_nothing_known_costs_nothing() -> None:
    assert loss_of(objective(), OUTPUTS[:1], [[np.nan, np.nan]], [[np.nan, np.nan]]) == 0


def test_figures_are_of_what_is_known() -> None:
    outputs = np.array([[5, -5, 0.7, 0.9], [-5, 5, 0.9, 0.5], [5, -5, 0.9, 0.9], [5, 5, 0.9, 0.9], [-5, -5, 0.9, 0.9]])
    found = objective().figures(outputs.astype(np.float32), pack_targets(PRESENCE, SEVERITY))
    assert found["validation_f1"] == 1
    assert found["validation_severity_error"] == pytest.approx((0.1 + 0.1 + 0.8) / 3, abs=1e-6)
    unknown = np.full_like(PRESENCE, np.nan)
    nothing = objective().figures(outputs.astype(np.float32), pack_targets(unknown, unknown))
    assert nothing == {"validation_f1": 0.0}


def test_features_that_are_not_finite_are_named_by_row() -> None:
    features = np.zeros((2500, 2), dtype=np.float32)
    check_finite(features)
    features[2100, 1] = np.inf
    with pytest.raises(ModelError, match="rows 2000 to 3000"):
        check_finite(features)
