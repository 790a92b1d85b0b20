"""The contracts of models: a classifier learns from features, a recipe names a frontend and a classifier.

Targets are float32 (n_rows, n_classes) of ones and zeros for both tasks; in task "one" each row holds one 1.
Scores are float32 (n_rows, n_classes) on the classifier's own scale, `score_kind`; `calibrate` makes probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from earmark.core.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from earmark.core.progress import Progress

ScoreKind = Literal["margin", "probability"]


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
        """Return the ONNX graph: input `features` float32, first axis n_rows; output `scores` (n_rows, n_classes).

        The input is (n_rows, dim) for classifiers of flat features, else (n_rows, *shape).

        Raises:
            ModelError: It was not fitted.
        """
        ...


@dataclass(frozen=True)
class FitContext:
    """What a network that trains for minutes is told beside its data.

    Attributes:
        groups: Group of each training row (n_rows,), so that its validation part shares no group with the rest.
        progress: Told of each epoch.
        checkpoint: File to resume from and to write to after each epoch; None keeps nothing.
        on_epoch: Called after each epoch with its number from 1 and its figures, such as loss and validation F1.
    """

    groups: NDArray[np.str_] | None = None
    progress: Progress = SILENT
    checkpoint: Path | None = None
    on_epoch: Callable[[int, dict[str, float]], None] | None = None


@runtime_checkable
class TakesContext(Protocol):
    """A classifier that wants to know more than features and targets; set before `fit`."""

    context: FitContext


@dataclass(frozen=True)
class Recipe:
    """A named way to make a classifier: a frontend, a classifier, and the options each takes.

    Attributes:
        name: The name in the table of recipes and on the command line.
        summary: One line for people.
        frontend: Its name in the table of frontends.
        classifier: Builds an untrained classifier from the task and options; "module:name" strings load at use.
        frontend_options: What differs from the frontend's own defaults.
        classifier_options: What differs from the classifier's own defaults.
        grid: Values that grid search tries, by classifier option.
        weights: Names of the pretrained weights that the frontend loads.
        zero_shot: True if it scores without training.
    """

    name: str
    summary: str
    frontend: str
    classifier: Callable[..., Classifier] | str
    frontend_options: dict[str, Any] = field(default_factory=dict)
    classifier_options: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    weights: tuple[str, ...] = ()
    zero_shot: bool = False
