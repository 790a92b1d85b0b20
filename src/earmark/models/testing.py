"""The contract of classifiers as a test class: subclass it, give it a way to build one, and run pytest.

Third parties use it too, for classifiers that they register.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import ModelError
from earmark.encoders.session import OnnxGraph
from earmark.models.calibrate import Calibration

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.data.dataset import Task
    from earmark.models.base import Classifier

_PARITY = 1e-4


def example_problem(task: Task, n_rows: int = 120) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a learnable problem: features float32 (n_rows, 4, 3) and targets float32 (n_rows, 3)."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(n_rows, 4, 3)).astype(np.float32)
    margins = features.reshape(n_rows, -1) @ rng.normal(size=(12, 3))
    targets = np.eye(3)[margins.argmax(axis=1)] if task == "one" else margins > 0
    return features, targets.astype(np.float32)


class ClassifierContract(ABC):
    """What every classifier must do; override `build`."""

    @abstractmethod
    def build(self, task: Task) -> Classifier:
        """Return a new, unfitted classifier."""

    def fitted(self, task: Task) -> tuple[Classifier, NDArray[np.float32], NDArray[np.float32]]:
        """Return a fitted classifier with the problem it was fitted on."""
        features, targets = example_problem(task)
        classifier = self.build(task)
        classifier.fit(features, targets, np.random.default_rng(0))
        return classifier, features, targets

    def check_scores_rank_the_right_class(self, task: Task) -> None:
        """Scores have one finite column per class and are higher where the class is present."""
        classifier, features, targets = self.fitted(task)
        scores = classifier.scores(features)
        _require(scores.shape == targets.shape and scores.dtype == np.float32, f"scores {scores.dtype} {scores.shape}")
        _require(bool(np.isfinite(scores).all()), "scores are not finite")
        for column in range(targets.shape[1]):
            present = targets[:, column] > 0
            difference = scores[present, column].mean() - scores[~present, column].mean()
            _require(difference > 0, f"class {column} scores lower where it is present")

    def check_graph_equals_the_classifier(self, task: Task) -> None:
        """The ONNX graph gives the same probabilities within 1e-4, one row at a time too."""
        classifier, features, targets = self.fitted(task)
        graph = OnnxGraph(classifier.to_onnx())
        rows = features.reshape(len(features), -1) if len(graph.input_shape) == 2 else features
        identity = Calibration.identity(task, classifier.score_kind, targets.shape[1])
        expected = identity(classifier.scores(features))
        _require(np.abs(identity(graph(rows)) - expected).max() < _PARITY, "the graph differs from the classifier")
        alone = identity(graph(rows[:1]))
        _require(np.abs(alone - expected[:1]).max() < _PARITY, "one row alone differs from the batch")

    def check_fit_is_repeatable(self, task: Task) -> None:
        """Equal generators give equal scores."""
        first, features, _ = self.fitted(task)
        second, _, _ = self.fitted(task)
        _require(np.array_equal(first.scores(features), second.scores(features)), "two equal fits differ")

    def check_unfitted_is_refused(self, task: Task) -> None:
        """Scoring and exporting before fitting raise ModelError."""
        features, _ = example_problem(task)
        for use in (lambda: self.build(task).scores(features), lambda: self.build(task).to_onnx()):
            try:
                use()
            except ModelError:
                continue
            _require(False, "an unfitted classifier answered")

    def check_class_without_example_is_refused(self, task: Task) -> None:
        """A class without an example raises ModelError instead of being scored by chance."""
        features, targets = example_problem(task)
        keep = targets[:, 2] == 0
        try:
            self.build(task).fit(features[keep], targets[keep], np.random.default_rng(0))
        except ModelError:
            return
        _require(False, "a class without an example was accepted")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)
