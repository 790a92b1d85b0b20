"""Gradient boosting on the measures: one ensemble of trees for each type's presence and one for its severity.

Histogram boosting as in LightGBM (G. Ke et al., NeurIPS 2017), by scikit-learn. Trees take a measure that cannot be
told as missing and learn where such clips go. Each ensemble looks at the columns that a short run on some of the clips
gains most by: several times as fast as all of them, and no worse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import ModelError
from earmark.core.randomness import child_seed
from earmark.distortion.designs.base import check_rows
from earmark.distortion.designs.graph import two_headed
from earmark.distortion.designs.trees import Ensemble, fill_untold, gains_of, trees_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from earmark.features.base import NativeFrontend
    from earmark.models.base import FitContext

FEWEST_CLIPS = 20  # of a type, with and without it: fewer teach nothing
MOST_MARGIN = 15.0


@dataclass
class MeasuresBoosting:
    """Ten ensembles of trees on values and masks of the measures. Its constructor only stores.

    Attributes:
        n_trees: Trees of each ensemble.
        learning_rate: How much each tree adds.
        n_leaves: Most leaves of a tree.
        min_leaf: Fewest clips in a leaf.
        l2: Penalty of leaf values.
        feature_share: Share of the measures that each split looks at.
        n_columns: Most measures that an ensemble looks at; fewer than there are, and a short run chooses them.
        pilot_trees: Trees of the short run.
        pilot_clips: Most clips of the short run.
    """

    name = "boosting"
    n_trees: int = 300
    learning_rate: float = 0.05
    n_leaves: int = 15
    min_leaf: int = 8
    l2: float = 2.0
    feature_share: float = 0.25
    n_columns: int = 200
    pilot_trees: int = 80
    pilot_clips: int = 5000
    _presence: list[Ensemble] = field(default_factory=list, init=False, repr=False)
    _severity: list[Ensemble] = field(default_factory=list, init=False, repr=False)
    _dim: int = field(default=0, init=False, repr=False)

    @property
    def frontend(self) -> NativeFrontend:
        """The measures of a block."""
        from earmark.distortion.frontend import measures

        return measures()

    def fit(
        self,
        features: NDArray[np.float32],
        presence: NDArray[np.float32],
        severity: NDArray[np.float32],
        groups: NDArray[np.str_],
        rng: np.random.Generator,
        context: FitContext,
    ) -> None:
        """Learn from clips, as the protocol of designs says.

        Raises:
            ModelError: A type is in no clip or in all, or fewer than 20 clips have a severity of it.
        """
        del groups  # nothing is stopped early: no clips are held back
        check_rows(presence, severity)
        seed = int(rng.integers(2**31))
        values = with_gaps(features)
        n_kinds, self._dim = presence.shape[1], features.shape[1]
        context.progress.start("boosting", 2 * n_kinds)
        self._presence, self._severity = [], []
        for column in range(n_kinds):
            known = np.isfinite(presence[:, column])
            own = child_seed(seed, column, "presence")
            self._presence.append(self._fitted(self._classifier, values[known], presence[known, column] == 1, own))
            context.progress.advance()
        for column in range(n_kinds if np.isfinite(severity).any() else 0):
            rows = np.nan_to_num(severity[:, column]) > 0
            if rows.sum() < FEWEST_CLIPS:
                raise ModelError(f"boosting: found {rows.sum()} clips with a severity of kind {column}, expected 20")
            own = child_seed(seed, column, "severity")
            self._severity.append(self._fitted(self._regressor, values[rows], severity[rows, column], own))
            context.progress.advance()

    def predict(self, features: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return margins and severities, float32 (n_clips, 5) each.

        Raises:
            ModelError: It was not fitted.
        """
        if not self._presence:
            raise ModelError("boosting: was not fitted, expected fit first")
        values = with_gaps(features)
        margins = np.stack([ensemble.margins(values) for ensemble in self._presence], axis=1)
        severities = np.zeros_like(margins)
        if self._severity:
            severities = np.stack([ensemble.margins(values) for ensemble in self._severity], axis=1)
        limited = np.clip(margins, -MOST_MARGIN, MOST_MARGIN)
        return limited.astype(np.float32), np.clip(severities, 0, 1).astype(np.float32)

    def to_onnx(self) -> bytes:
        """Return the graph: `features` (n_clips, 2 * n_measures) to `scores` and `severity` (n_clips, 5).

        Raises:
            ModelError: It was not fitted.
        """
        if not self._presence:
            raise ModelError("boosting: was not fitted, expected fit first")
        from onnx import helper

        none_told = helper.make_node("Sub", ["margins", "margins"], ["estimates"], name="none")
        parts = [
            helper.make_node("Split", ["features"], ["values", "mask"], axis=1, name="split"),
            helper.make_node("Greater", ["mask", "half"], ["known"], name="known"),
            helper.make_node("Where", ["known", "values", "gap"], ["told"], name="told"),
            trees_node(self._presence, "told", "margins"),
            trees_node(self._severity, "told", "estimates") if self._severity else none_told,
            helper.make_node("Clip", ["margins", "least", "most"], ["scores"], name="scores"),
            helper.make_node("Clip", ["estimates", "zero", "one"], ["severity"], name="severity"),
        ]
        constants = {"half": 0.5, "gap": np.nan, "least": -MOST_MARGIN, "most": MOST_MARGIN, "zero": 0.0, "one": 1.0}
        return two_headed("boosting", parts, constants, (self._dim, len(self._presence)))

    def _fitted(
        self, build: Callable[[int, int], Any], values: NDArray[np.float32], targets: NDArray[Any], seed: int
    ) -> Ensemble:
        """Return an ensemble on all columns, or on those that a short run on some of the rows gains most by."""
        dim = values.shape[1]
        columns = np.arange(dim)
        if dim > self.n_columns:
            some = np.random.default_rng(seed).permutation(len(values))[: self.pilot_clips]
            pilot = build(seed, self.pilot_trees).fit(fill_untold(values[some]), targets[some])
            columns = np.sort(np.argsort(-gains_of(pilot, dim), kind="stable")[: self.n_columns])
        return Ensemble(columns, build(seed, self.n_trees).fit(fill_untold(values[:, columns]), targets))

    def _classifier(self, seed: int, n_trees: int) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(class_weight="balanced", random_state=seed, **self._options(n_trees))

    def _regressor(self, seed: int, n_trees: int) -> Any:
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(loss="absolute_error", random_state=seed, **self._options(n_trees))

    def _options(self, n_trees: int) -> dict[str, Any]:
        return {
            "max_iter": n_trees,
            "learning_rate": self.learning_rate,
            "max_leaf_nodes": self.n_leaves,
            "min_samples_leaf": self.min_leaf,
            "l2_regularization": self.l2,
            "max_features": self.feature_share,
            "early_stopping": False,
        }


def with_gaps(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values of features (n_clips, 2 * n_measures), NaN where their mask is 0: (n_clips, n_measures)."""
    values, mask = np.split(features, 2, axis=1)
    return np.where(mask > 0.5, values, np.float32(np.nan)).astype(np.float32)
