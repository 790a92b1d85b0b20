"""Every classical classifier keeps the contract; and what each does beyond it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ModelError
from earmark.encoders.session import OnnxGraph
from earmark.models.classical import LogisticRegression, RandomForest, SklearnClassifier, SupportVectorMachine
from earmark.models.testing import ClassifierContract, example_problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.data.dataset import Task
    from earmark.models.base import Classifier

    Problem = tuple[NDArray[np.float32], NDArray[np.float32]]

TASKS: tuple[Task, ...] = ("one", "many")
CHECKS = [name for name in dir(ClassifierContract) if name.startswith("check_")]


class ForestContract(ClassifierContract):
    def build(self, task: Task) -> Classifier:
        return RandomForest(task, n_trees=20)


class MachineContract(ClassifierContract):
    def build(self, task: Task) -> Classifier:
        return SupportVectorMachine(task, n_components=6)


class LinearMachineContract(ClassifierContract):
    def build(self, task: Task) -> Classifier:
        return SupportVectorMachine(task, kernel="linear")


class LogisticContract(ClassifierContract):
    def build(self, task: Task) -> Classifier:
        return LogisticRegression(task)


@pytest.mark.parametrize("contract", [ForestContract, MachineContract, LinearMachineContract, LogisticContract])
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("task", TASKS)
def test_classifier_keeps_the_contract(contract: type[ClassifierContract], check: str, task: Task) -> None:
    assert getattr(contract(), check)(task) is None


class LazyContract(ClassifierContract):
    """A classifier that breaks the contract: it answers before it has learnt."""

    def build(self, task: Task) -> Classifier:
        class Lazy(LogisticRegression):
            def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
                return np.zeros((len(features), 3), dtype=np.float32)

        return Lazy(task)


@pytest.mark.parametrize("check", ["check_unfitted_is_refused", "check_scores_rank_the_right_class"])
def test_contract_notices_a_classifier_that_breaks_it(check: str) -> None:
    with pytest.raises(AssertionError):
        getattr(LazyContract(), check)("one")


@pytest.mark.parametrize("build", [RandomForest, SupportVectorMachine, LogisticRegression])
def test_two_classes_have_two_opposite_columns(build: type[LogisticRegression]) -> None:
    features, targets = example_problem("one")
    pair = np.stack([targets[:, 0], 1 - targets[:, 0]], axis=1)
    classifier = build("one")
    classifier.fit(features, pair, np.random.default_rng(0))
    scores = classifier.scores(features)
    assert scores.shape == pair.shape
    assert ((scores[:, 0] > scores[:, 1]) == (pair[:, 0] == 1)).mean() > 0.8


def test_more_components_than_rows_or_numbers_are_cut_to_what_there_is() -> None:
    features, targets = example_problem("one")
    machine = SupportVectorMachine("one", n_components=500)
    machine.fit(features, targets, np.random.default_rng(0))
    assert machine.scores(features).shape == targets.shape


def test_a_single_class_is_refused() -> None:
    features, _ = example_problem("one")
    with pytest.raises(ModelError, match="found 1 class, expected at least 2"):
        LogisticRegression("one").fit(features, np.ones((len(features), 1), np.float32), np.random.default_rng(0))


def test_a_label_that_every_row_has_is_refused() -> None:
    features, targets = example_problem("many")
    targets[:, 1] = 1
    with pytest.raises(ModelError, match=r"every row has the labels at columns \[1\]"):
        LogisticRegression("many").fit(features, targets, np.random.default_rng(0))


@pytest.mark.parametrize("kind", [RandomForest, SupportVectorMachine, LogisticRegression])
def test_a_single_label_that_is_heard_or_not_has_one_column(
    kind: type[SklearnClassifier], many_of_four: Problem
) -> None:
    features, targets = many_of_four[0], many_of_four[1][:, :1]
    classifier = kind("many")
    classifier.fit(features, targets, np.random.default_rng(0))
    scores = classifier.scores(features)
    graph = OnnxGraph(classifier.to_onnx())
    assert scores.shape == targets.shape
    assert graph.output_shape == (None, 1)
    assert np.abs(graph(features) - scores).max() < 1e-4
    assert scores[targets == 1].mean() > scores[targets == 0].mean()
