"""Heads: small classifiers of what a frozen encoder says, fitted in milliseconds.

Windows of sound cost an encoder tens of milliseconds each, once; after that every head is a matter of the embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from earmark.core.errors import ConfigError
from earmark.models.classical import ClassWeight, SklearnClassifier

if TYPE_CHECKING:
    from earmark.models.base import ScoreKind

HEADS = ("logistic", "mlp")


@dataclass
class Head(SklearnClassifier):
    """Logistic regression or a multi-layer perceptron with one hidden layer, on standardised embeddings.

    Both minimise their regularised loss to the end with L-BFGS, which needs no rows set aside to stop early: with
    four clips there are none.

    Attributes:
        kind: "logistic" (linear, margins) or "mlp" (one hidden layer, probabilities).
        C: Inverse of the strength of the L2 penalty, for both kinds. Lower is safer with few clips.
        hidden: Units of the hidden layer of "mlp".
        class_weight: "balanced" lets rare classes count as much as frequent ones; of "logistic" only.
        max_iterations: Steps of L-BFGS.

    Raises:
        ConfigError: The kind is not known, or a number is not above 0.
    """

    kind: Literal["logistic", "mlp"] = "logistic"
    C: float = 0.1
    hidden: int = 32
    class_weight: ClassWeight = "balanced"
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        if self.kind not in HEADS:
            raise ConfigError(f'head: found kind "{self.kind}", expected one of {", ".join(HEADS)}')
        for name in ("C", "hidden", "max_iterations"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not value > 0:
                raise ConfigError(f"head: found {name} {value!r}, expected a number above 0")

    @property
    def score_kind(self) -> ScoreKind:
        """Margins of the logistic regression, probabilities of the perceptron."""
        return "margin" if self.kind == "logistic" else "probability"

    def _steps(self, n_rows: int, dim: int, seed: int) -> list[Any]:  # noqa: ARG002
        from sklearn.linear_model import LogisticRegression
        from sklearn.neural_network import MLPClassifier
        from sklearn.preprocessing import StandardScaler

        if self.kind == "logistic":
            estimator: Any = LogisticRegression(
                C=self.C, class_weight=self.class_weight, max_iter=self.max_iterations, random_state=seed
            )
        else:
            estimator = MLPClassifier(
                (int(self.hidden),), solver="lbfgs", alpha=1 / self.C, max_iter=self.max_iterations, random_state=seed
            )
        return [StandardScaler(), estimator]
