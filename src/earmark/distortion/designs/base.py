"""The contract of designs, and a design behind the contract of classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from earmark.core.errors import ModelError
from earmark.models.base import FitContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.features.base import NativeFrontend
    from earmark.models.base import ScoreKind


@runtime_checkable
class Design(Protocol):
    """Learns presence and severity of several faults at once from rows of its frontend. The constructor only stores."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def frontend(self) -> NativeFrontend:
        """What makes its features."""
        ...

    def fit(
        self,
        features: NDArray[np.float32],
        presence: NDArray[np.float32],
        severity: NDArray[np.float32],
        groups: NDArray[np.str_],
        rng: np.random.Generator,
        context: FitContext,
    ) -> None:
        """Learn from rows.

        Args:
            features: float32 (n_rows, *shape); may be a map of a file.
            presence: float32 (n_rows, n_kinds) of ones and zeros; NaN where it is unknown or a trace: no loss.
            severity: float32 (n_rows, n_kinds), 0..1; NaN where it is unknown.
            groups: (n_rows,), the source track of each row.
            rng: Of everything random.
            context: Progress, checkpoint; its groups are not looked at.

        Raises:
            ModelError: A kind has no example, or none without it.
        """
        ...

    def predict(self, features: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return margins and severities 0..1, both float32 (n_rows, n_kinds). Raises ModelError: not fitted."""
        ...

    def to_onnx(self) -> bytes:
        """Return the graph: input `features`, outputs `scores` (margins) and `severity`. Raises ModelError."""
        ...


class PresenceClassifier:
    """A design as a classifier of clips with several labels, which knows of no severity.

    Args:
        design: Learns; the columns of its presence are the dataset's labels.

    Attributes:
        context: Set before `fit`: groups, progress, checkpoint.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self.context = FitContext()

    @property
    def score_kind(self) -> ScoreKind:
        """Margins."""
        return "margin"

    @property
    def options(self) -> Any:
        """The options of the design, which is their bearer itself where it keeps them by name."""
        return getattr(self.design, "options", self.design)

    @property
    def history(self) -> tuple[dict[str, float], ...]:
        """The figures of each epoch of the last fit of a network."""
        found: tuple[dict[str, float], ...] = getattr(self.design, "history", ())
        return found

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the last fit could not do."""
        found: tuple[str, ...] = getattr(self.design, "remarks", ())
        return found

    def fit(self, features: NDArray[np.float32], targets: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Learn from features (n_rows, *shape) and targets (n_rows, n_classes); see `Design.fit`.

        Raises:
            ModelError: A class has no example, or none without it.
        """
        groups = self.context.groups
        if groups is None:  # each row by itself: better than none to validate on
            groups = np.arange(len(targets)).astype(str)
        self.design.fit(features, targets, np.full_like(targets, np.nan), groups, rng, self.context)

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return margins float32 (n_rows, n_classes). Raises ModelError: it was not fitted."""
        return self.design.predict(features)[0]

    def to_onnx(self) -> bytes:
        """Return the design's graph, whose first output is `scores`. Raises ModelError: it was not fitted."""
        return self.design.to_onnx()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without whom to tell of the fit."""
        return {"design": self.design}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Come back with a context that tells nobody."""
        self.__dict__ |= state | {"context": FitContext()}


def check_rows(presence: NDArray[np.float32], severity: NDArray[np.float32]) -> None:
    """Raise ModelError unless every kind is known to be there in some row and not to be there in another."""
    if presence.ndim != 2 or presence.shape != severity.shape:
        raise ModelError(
            f"training data: found presence {presence.shape} and severity {severity.shape}, expected both "
            "(n_rows, n_kinds)"
        )
    for kind, column in enumerate(presence.T):
        there, absent = int((column == 1).sum()), int((column == 0).sum())
        if not (there and absent):
            raise ModelError(
                f"training data: kind {kind} is in {there} rows and known not to be in {absent}, expected both; add "
                "clips, or drop the label"
            )
