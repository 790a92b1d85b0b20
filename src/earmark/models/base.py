"""The contracts of models: a classifier learns from features, a recipe names a frontend and a classifier.

Targets are float32 (n_rows, n_classes) with ones and zeros for both tasks; in task "one" each row holds one 1.
Scores are float32 (n_rows, n_classes) on the classifier's own scale, `score_kind`; `calibrate` makes them probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from earmark.features.base import Frontend

ScoreKind = Literal["logit", "probability"]


class Classifier(Protocol):
    """Learns to score classes from features. Its constructor only stores."""

    @property
    def score_kind(self) -> ScoreKind:
        """Whether `scores` are probabilities or real-valued margins."""
        ...

    def fit(self, features: NDArray[np.float32], targets: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Learn from features (n_rows, *shape) and targets (n_rows, n_classes).

        Raises:
            ModelError: A class has no example.
        """
        ...

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n_rows, n_classes), higher is likelier.

        Raises:
            ModelError: It was not fitted.
        """
        ...

    def to_onnx(self) -> bytes:
        """Return the ONNX graph: input `features` float32 (n, *shape), output `scores` float32 (n, n_classes).

        Raises:
            ModelError: It was not fitted.
        """
        ...


@dataclass(frozen=True)
class Recipe:
    """A named way to make a classifier: a frontend, a classifier, and the options each takes.

    Attributes:
        name: The name in the table of recipes and on the command line.
        summary: One line for people.
        frontend: Builds the frontend from `frontend_options`; "module:function" strings load at use.
        classifier: Builds an untrained classifier from `classifier_options`; likewise.
        frontend_options: Defaults; every key may be overridden, no other key is taken.
        classifier_options: Defaults; likewise.
        grid: Values that grid search tries, by classifier option.
        zero_shot: True if it scores without training.
    """

    name: str
    summary: str
    frontend: Callable[..., Frontend] | str
    classifier: Callable[..., Classifier] | str
    frontend_options: dict[str, Any] = field(default_factory=dict)
    classifier_options: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    zero_shot: bool = False
