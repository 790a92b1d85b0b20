"""Classifiers of flat features from scikit-learn, exported to ONNX with skl2onnx.

Task "one" fits one multi-class estimator; task "many" fits one estimator per class (one against the rest), and where
there is a single class (is it heard or not?) keeps the second of the two columns that a binary estimator gives.
With two classes in task "one" the margin m of the second class becomes the columns (-m, m), as skl2onnx exports it.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from earmark.core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.data.dataset import Task
    from earmark.models.base import ScoreKind

ClassWeight = Literal["balanced"] | None
ONNX_OPSET = 17  # the oldest that holds every operator used here, so that old runtimes load the graphs


@dataclass
class SklearnClassifier(ABC):
    """Common part: flatten, fit a scikit-learn pipeline, score, export."""

    task: Task = "one"
    _pipeline: Any = field(default=None, init=False, repr=False)
    _single: bool = field(default=False, init=False, repr=False)

    @property
    def score_kind(self) -> ScoreKind:
        """Margins, unless a subclass says otherwise."""
        return "margin"

    @abstractmethod
    def _steps(self, n_rows: int, dim: int, seed: int) -> list[Any]:
        """Return the unfitted estimators in order, the last one the classifier."""

    def fit(self, features: NDArray[np.float32], targets: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Learn from features (n_rows, *shape), flattened, and targets (n_rows, n_classes).

        Raises:
            ModelError: There are fewer than two classes, or a class has no example.
        """
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.pipeline import make_pipeline

        check_examples(targets, self.task)
        rows = _flat(features)
        *before, estimator = self._steps(rows.shape[0], rows.shape[1], int(rng.integers(2**31 - 1)))
        self._single = self.task == "many" and targets.shape[1] == 1
        if self.task == "many" and not self._single:
            estimator = OneVsRestClassifier(estimator)
        answers = targets.argmax(axis=1) if self.task == "one" else targets.astype(np.int64)
        answers = answers[:, 0] if self._single else answers
        self._pipeline = make_pipeline(*before, estimator).fit(rows, answers)

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n_rows, n_classes), higher is likelier.

        Raises:
            ModelError: It was not fitted.
        """
        pipeline = self._fitted()
        score = pipeline.predict_proba if self.score_kind == "probability" else pipeline.decision_function
        scores = np.asarray(score(_flat(features)), dtype=np.float32)
        both = np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores
        return both[:, 1:] if self._single else both

    def to_onnx(self) -> bytes:
        """Return the ONNX graph of the whole pipeline, input `features` (n_rows, dim), output `scores`.

        Raises:
            ModelError: It was not fitted.
        """
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType

        pipeline = self._fitted()
        estimator = pipeline.steps[-1][1]
        wanted = {"zipmap": False} | ({"raw_scores": True} if self.score_kind == "margin" else {})
        with warnings.catch_warnings():
            # skl2onnx 1.20 reads `SVC.probA_`, deprecated in scikit-learn 1.9; the numbers are checked at export.
            warnings.simplefilter("ignore", FutureWarning)
            model = to_onnx(
                pipeline,
                initial_types=[("features", FloatTensorType([None, pipeline.n_features_in_]))],
                options={id(estimator): wanted},
                target_opset=ONNX_OPSET,
            )
        return _scores_only(model, single=self._single)

    def _fitted(self) -> Any:
        if self._pipeline is None:
            raise ModelError(f"{type(self).__name__} was not fitted; call fit first")
        return self._pipeline


@dataclass
class RandomForest(SklearnClassifier):
    """Random forest (Breiman 2001) on unscaled features."""

    n_trees: int = 300
    max_depth: int | None = None
    min_leaf: int = 1
    class_weight: ClassWeight = "balanced"

    @property
    def score_kind(self) -> ScoreKind:
        """Shares of the trees' votes."""
        return "probability"

    def _steps(self, n_rows: int, dim: int, seed: int) -> list[Any]:  # noqa: ARG002
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            self.n_trees,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_leaf,
            class_weight=self.class_weight,
            random_state=seed,
        )
        return [forest]


@dataclass
class SupportVectorMachine(SklearnClassifier):
    """Support vector machine on standardised features; `n_components` above 0 keeps that many principal components."""

    C: float = 10.0
    gamma: float | Literal["scale", "auto"] = "scale"
    kernel: Literal["rbf", "linear"] = "rbf"
    n_components: int = 0
    class_weight: ClassWeight = "balanced"

    def _steps(self, n_rows: int, dim: int, seed: int) -> list[Any]:
        from sklearn.svm import SVC

        machine = SVC(C=self.C, gamma=self.gamma, kernel=self.kernel, class_weight=self.class_weight, cache_size=500)
        return [*_scaling(n_rows, dim, self.n_components, seed), machine]


@dataclass
class LogisticRegression(SklearnClassifier):
    """Logistic regression (L2) on standardised features; `n_components` as for the support vector machine."""

    C: float = 1.0
    n_components: int = 0
    class_weight: ClassWeight = "balanced"
    max_iterations: int = 2000

    def _steps(self, n_rows: int, dim: int, seed: int) -> list[Any]:
        from sklearn.linear_model import LogisticRegression as Logistic

        logistic = Logistic(C=self.C, class_weight=self.class_weight, max_iter=self.max_iterations, random_state=seed)
        return [*_scaling(n_rows, dim, self.n_components, seed), logistic]


def _scaling(n_rows: int, dim: int, n_components: int, seed: int) -> list[Any]:
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    if not n_components:
        return [StandardScaler()]
    return [StandardScaler(), PCA(min(n_components, dim, n_rows), random_state=seed)]


def _flat(features: NDArray[np.float32]) -> NDArray[np.float32]:
    return features.reshape(features.shape[0], -1)


def check_examples(targets: NDArray[np.float32], task: Task) -> None:
    """Raise ModelError unless targets (n_rows, n_classes) have classes to tell apart, each with an example."""
    if targets.shape[1] < (2 if task == "one" else 1):
        raise ModelError(f"training data: found {targets.shape[1]} class, expected at least 2; add examples of another")
    positives = targets.sum(axis=0)
    empty = np.flatnonzero(positives == 0)
    if empty.size:
        raise ModelError(
            f"training data: classes at columns {empty.tolist()} have no example; add clips or drop the labels"
        )
    full = np.flatnonzero(positives == targets.shape[0])
    if task == "many" and full.size:
        raise ModelError(f"training data: every row has the labels at columns {full.tolist()}; add clips without them")


def _scores_only(model: Any, *, single: bool) -> bytes:
    """Return the graph with the one output `scores`, without the class index that skl2onnx adds.

    `single` keeps the second of two columns only.
    """
    graph = model.graph
    name, final = graph.output[1].name, "both_scores" if single else "scores"
    for node in graph.node:
        node.output[:] = [final if output == name else output for output in node.output]
        node.input[:] = [final if value == name else value for value in node.input]
    kept = graph.output[1]
    kept.name = "scores"
    if single:
        from onnx import helper, numpy_helper

        graph.initializer.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "second_column"))
        graph.node.append(helper.make_node("Gather", [final, "second_column"], ["scores"], axis=1))
        kept.type.tensor_type.shape.dim[1].dim_value = 1
    del graph.output[:]
    graph.output.append(kept)
    content: bytes = model.SerializeToString()
    return content
