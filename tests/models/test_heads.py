"""Heads of frozen encoders keep the contract and cost milliseconds."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from earmark.core.errors import ConfigError, ModelError
from earmark.encoders.session import OnnxGraph
from earmark.models.heads import Head
from earmark.models.testing import ClassifierContract, example_problem

if TYPE_CHECKING:
    from earmark.data.dataset import Task
    from earmark.models.base import Classifier

CHECKS = [name for name in dir(ClassifierContract) if name.startswith("check_")]
KINDS: tuple[Literal["logistic", "mlp"], ...] = ("logistic", "mlp")


class LinearContract(ClassifierContract):
    def build(self, task: Task) -> Classifier:
        return Head(task)


class PerceptronContract(ClassifierContract):
    def build(self, task: Task) -> Classifier:
        return Head(task, kind="mlp", hidden=8)


@pytest.mark.parametrize("contract", [LinearContract, PerceptronContract])
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("task", ["one", "many"])
def test_head_keeps_the_contract(contract: type[ClassifierContract], check: str, task: Task) -> None:
    assert getattr(contract(), check)(task) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_label_has_one_column(kind: Literal["logistic", "mlp"]) -> None:
    features, targets = example_problem("many")
    head = Head("many", kind=kind)
    head.fit(features, targets[:, :1], np.random.default_rng(0))
    rows = features.reshape(len(features), -1)
    assert head.scores(features).shape == (len(features), 1)
    assert np.abs(OnnxGraph(head.to_onnx())(rows) - head.scores(features)).max() < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_two_clips_of_each_class_are_enough(kind: Literal["logistic", "mlp"], rng: np.random.Generator) -> None:
    centres = rng.normal(size=(2, 1024))
    answers = np.array([0, 1, 0, 1])
    features = (centres[answers] + 0.5 * rng.normal(size=(4, 1024))).astype(np.float32)
    head = Head("one", kind=kind)
    head.fit(features, np.eye(2, dtype=np.float32)[answers], rng)
    new = (centres[answers] + 0.5 * rng.normal(size=(4, 1024))).astype(np.float32)
    assert head.scores(new).argmax(axis=1).tolist() == answers.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fitted_head_crosses_to_another_process(kind: Literal["logistic", "mlp"]) -> None:
    features, targets = example_problem("one")
    head = Head("one", kind=kind)
    head.fit(features, targets, np.random.default_rng(0))
    assert np.array_equal(pickle.loads(pickle.dumps(head)).scores(features), head.scores(features))  # noqa: S301


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "forest"}, 'found kind "forest", expected one of logistic, mlp'),
        ({"C": 0}, "found C 0, expected a number above 0"),
        ({"C": "much"}, "found C 'much', expected a number"),
        ({"kind": "mlp", "hidden": -1}, "found hidden -1"),
        ({"max_iterations": float("nan")}, "found max_iterations nan"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Head("one", **options)


def test_a_missing_class_is_refused() -> None:
    features, targets = example_problem("one")
    targets[:, 1] = 0
    with pytest.raises(ModelError, match=r"classes at columns \[1\] have no example"):
        Head("one").fit(features, targets, np.random.default_rng(0))
