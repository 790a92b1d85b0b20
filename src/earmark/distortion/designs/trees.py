"""Several ensembles of boosted trees as one ONNX node.

skl2onnx 1.20 cannot export the histogram boosting of scikit-learn 1.9, so the trees are read here, out of an attribute
that is not public; that the graph gives the same numbers is checked at each export.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def fill_untold(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values (n_rows, dim) with 0 in the columns that are NaN in every row.

    The histogram boosting of scikit-learn 1.9 stops at such a column; one value for all rows is never split at.
    """
    filled = values.copy()
    filled[:, ~np.isfinite(values).any(axis=0)] = 0
    return filled


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Fitted histogram boosting of scikit-learn with the columns (n_columns,) that it looks at."""

    columns: NDArray[np.intp]
    model: Any

    @classmethod
    def of_all(cls, model: Any) -> Ensemble:
        """Return a fitted model that looks at every column."""
        return cls(np.arange(model.n_features_in_), model)

    def margins(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what the trees add up to for values (n_rows, dim): a margin, or of regressors the value (n_rows,)."""
        seen = values[:, self.columns]
        told = self.model.decision_function(seen) if hasattr(self.model, "classes_") else self.model.predict(seen)
        return np.asarray(told, dtype=np.float64)


def gains_of(model: Any, dim: int) -> NDArray[np.float64]:
    """Return how much the splits at each column improved the fit, float64 (dim,)."""
    gains = np.zeros(dim)
    for stage in model._predictors:
        nodes = stage[0].nodes
        split = nodes["is_leaf"] == 0
        np.add.at(gains, nodes["feature_idx"][split], nodes["gain"][split])
    return gains


def trees_node(ensembles: Sequence[Ensemble], source: str, target: str) -> Any:
    """Return the node that scores `source` (n_rows, dim) with each ensemble into `target` (n_rows, n_ensembles).

    A NaN goes where it went in training.
    """
    from onnx import helper

    nodes: dict[str, list[Any]] = {name: [] for name in _NODE_FIELDS}
    leaves: dict[str, list[Any]] = {name: [] for name in _LEAF_FIELDS}
    tree = 0
    for number, ensemble in enumerate(ensembles):
        for stage in ensemble.model._predictors:
            _add_tree(tree, number, (stage[0].nodes, ensemble.columns), nodes, leaves)
            tree += 1
    baselines = [float(np.ravel(ensemble.model._baseline_prediction)[0]) for ensemble in ensembles]
    attributes: dict[str, Any] = {
        "n_targets": len(ensembles),
        "base_values": baselines,
        "post_transform": "NONE",
        "aggregate_function": "SUM",
    }
    attributes |= nodes | leaves
    return helper.make_node("TreeEnsembleRegressor", [source], [target], name=target, domain="ai.onnx.ml", **attributes)


_NODE_FIELDS = (
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_featureids",
    "nodes_modes",
    "nodes_values",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_missing_value_tracks_true",
)
_LEAF_FIELDS = ("target_treeids", "target_nodeids", "target_ids", "target_weights")


def _add_tree(
    tree: int,
    number: int,
    drawn: tuple[NDArray[Any], NDArray[np.intp]],
    nodes: dict[str, list[Any]],
    leaves: dict[str, list[Any]],
) -> None:
    table, seen = drawn
    is_leaf = table["is_leaf"].astype(bool)
    n_nodes = len(table)
    columns = (
        [tree] * n_nodes,
        list(range(n_nodes)),
        np.where(is_leaf, 0, seen[np.where(is_leaf, 0, table["feature_idx"])]).tolist(),
        np.where(is_leaf, "LEAF", "BRANCH_LEQ").tolist(),
        np.where(is_leaf, 0.0, _not_above(table["num_threshold"])).tolist(),
        np.where(is_leaf, 0, table["left"]).tolist(),
        np.where(is_leaf, 0, table["right"]).tolist(),
        np.where(is_leaf, 0, table["missing_go_to_left"]).tolist(),
    )
    for name, values in zip(_NODE_FIELDS, columns, strict=True):
        nodes[name] += values
    places = np.flatnonzero(is_leaf)
    for name, values in zip(
        _LEAF_FIELDS,
        ([tree] * places.size, places.tolist(), [number] * places.size, table["value"][places].tolist()),
        strict=True,
    ):
        leaves[name] += values


def _not_above(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest float32 that is not above each threshold: the same rows stay below it."""
    rounded = thresholds.astype(np.float32)
    below = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded > thresholds, below, rounded).astype(np.float64)
