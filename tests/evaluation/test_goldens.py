"""Every metric equals scikit-learn's, to rounding (values from scripts/make_metric_goldens.py)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.files import read_json
from earmark.evaluation.confusion import class_counts, confusion_matrix
from earmark.evaluation.curves import roc_curve
from earmark.evaluation.metrics import METRICS, Metric, summarize

if TYPE_CHECKING:
    from numpy.typing import NDArray

GOLDEN = read_json(Path(__file__).parents[1] / "golden" / "evaluation" / "metrics.json")


@pytest.fixture(params=GOLDEN["cases"], ids=lambda case: str(case["task"]))
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


def arrays(case: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array(case["targets"], dtype=np.float64), np.array(case["probabilities"])


@pytest.mark.parametrize("name", METRICS)
def test_metric_equals_scikit_learn(case: dict[str, Any], name: str) -> None:
    value = Metric(name, case["task"])(*arrays(case))
    assert value == pytest.approx(case["expected"][name], rel=2e-6 if name == "log_loss" else 1e-12)


def test_class_rows_equal_scikit_learn(case: dict[str, Any]) -> None:
    targets, probabilities = arrays(case)
    labels = [f"class {i}" for i in range(targets.shape[1])]
    summary = summarize(targets, probabilities, task=case["task"], labels=labels)
    for name, expected in case["classes"].items():
        assert [getattr(row, name) for row in summary.classes] == pytest.approx(expected, rel=1e-12)


def test_confusion_equals_scikit_learn(case: dict[str, Any]) -> None:
    count = confusion_matrix if case["task"] == "one" else class_counts
    assert count(*arrays(case)).tolist() == case["expected"]["confusion"]


def test_all_roc_points_of_scikit_learn_lie_on_the_curve(case: dict[str, Any]) -> None:
    targets, probabilities = arrays(case)
    curve = roc_curve(targets[:, 0], probabilities[:, 0])
    assert curve is not None
    x, y = (np.array(case["roc_of_class_0"][name]) for name in ("false_positive_rate", "true_positive_rate"))
    assert len(curve.x) < len(x)
    for point in zip(curve.x, curve.y, strict=True):
        assert np.hypot(x - point[0], y - point[1]).min() < 1e-12
    top = np.interp(x, curve.x, curve.y)  # of points with equal x, numpy takes the last: the top of a vertical step
    foot = np.interp(-x, -curve.x[::-1], curve.y[::-1])
    assert ((foot - 1e-12 <= y) & (y <= top + 1e-12)).all()
