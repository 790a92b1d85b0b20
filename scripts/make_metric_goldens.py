"""Write tests/golden/evaluation/metrics.json: metric values from scikit-learn on fixed arrays.

Run it again only when a metric is added: python scripts/make_metric_goldens.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.calibration import calibration_curve

from earmark.core.files import write_json

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "evaluation" / "metrics.json"
N_BINS = 15
Floats = NDArray[np.float64]


def one_of_five() -> tuple[Floats, Floats]:
    """Return targets and probabilities of 90 clips, exactly one label each, rounded so that JSON holds them exactly."""
    rng = np.random.default_rng(1)
    classes = rng.integers(5, size=90)
    scores = rng.normal(size=(90, 5)) + 1.5 * np.eye(5)[classes]
    probabilities = np.round(np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True), 4)
    probabilities[:, 4] = np.round(1 - probabilities[:, :4].sum(axis=1), 4)
    return np.eye(5)[classes], np.clip(probabilities, 0, 1)


def any_of_four() -> tuple[Floats, Floats]:
    """Return targets and probabilities of 80 clips with none to four labels; probabilities have many ties."""
    rng = np.random.default_rng(2)
    targets = (rng.random((80, 4)) < [0.5, 0.3, 0.15, 0.6]).astype(np.float64)
    scores = 1 / (1 + np.exp(-(rng.normal(size=(80, 4)) + 2 * targets - 1)))
    return targets, np.round(scores * 16) / 16


def calibration_error(target: Floats, probability: Floats) -> float:
    """Return the expected calibration error from scikit-learn's reliability curve and the counts of its bins."""
    true, predicted = calibration_curve(target, probability, n_bins=N_BINS, strategy="uniform")
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, N_BINS + 1)[1:-1], probability), minlength=N_BINS)
    return float((abs(true - predicted) * counts[counts > 0]).sum() / counts.sum())


def expected_for_one(targets: Floats, probabilities: Floats) -> dict[str, Any]:
    """Return the values for task "one"."""
    true, decided = targets.argmax(axis=1), probabilities.argmax(axis=1)
    top = probabilities.max(axis=1)
    return {
        "accuracy": metrics.accuracy_score(true, decided),
        "balanced_accuracy": metrics.balanced_accuracy_score(true, decided),
        "f1_macro": metrics.f1_score(true, decided, average="macro"),
        "f1_micro": metrics.f1_score(true, decided, average="micro"),
        "precision_macro": metrics.precision_score(true, decided, average="macro"),
        "recall_macro": metrics.recall_score(true, decided, average="macro"),
        "roc_auc": metrics.roc_auc_score(targets, probabilities, average="macro"),
        "average_precision": metrics.average_precision_score(targets, probabilities, average="macro"),
        "log_loss": metrics.log_loss(true, probabilities),
        "brier": float(((probabilities - targets) ** 2).sum(axis=1).mean()),
        "calibration_error": calibration_error((true == decided).astype(np.float64), top),
        "confusion": metrics.confusion_matrix(true, decided).tolist(),
    }


def expected_for_many(targets: Floats, probabilities: Floats) -> dict[str, Any]:
    """Return the values for task "many" with thresholds of 0.5."""
    decided = (probabilities >= 0.5).astype(np.int64)
    columns = range(targets.shape[1])
    balanced = [metrics.balanced_accuracy_score(targets[:, i], decided[:, i]) for i in columns]
    losses = [metrics.log_loss(targets[:, i], probabilities[:, i]) for i in columns]
    briers = [metrics.brier_score_loss(targets[:, i], probabilities[:, i]) for i in columns]
    return {
        "accuracy": metrics.accuracy_score(targets, decided),
        "balanced_accuracy": float(np.mean(balanced)),
        "f1_macro": metrics.f1_score(targets, decided, average="macro"),
        "f1_micro": metrics.f1_score(targets, decided, average="micro"),
        "precision_macro": metrics.precision_score(targets, decided, average="macro"),
        "recall_macro": metrics.recall_score(targets, decided, average="macro"),
        "roc_auc": metrics.roc_auc_score(targets, probabilities, average="macro"),
        "average_precision": metrics.average_precision_score(targets, probabilities, average="macro"),
        "log_loss": float(np.mean(losses)),
        "brier": float(np.mean(briers)),
        "calibration_error": float(np.mean([calibration_error(targets[:, i], probabilities[:, i]) for i in columns])),
        "confusion": metrics.multilabel_confusion_matrix(targets, decided).tolist(),
    }


def per_class(targets: Floats, probabilities: Floats, decided: NDArray[Any]) -> dict[str, Any]:
    """Return the values of each class against the rest."""
    precision, recall, f1, support = metrics.precision_recall_fscore_support(targets, decided, zero_division=0)
    return {
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "n_clips": support.tolist(),
        "roc_auc": metrics.roc_auc_score(targets, probabilities, average=None).tolist(),
        "average_precision": metrics.average_precision_score(targets, probabilities, average=None).tolist(),
    }


def points_of(target: Floats, probability: Floats) -> dict[str, Any]:
    """Return all points of one class's ROC curve."""
    false, true, _ = metrics.roc_curve(target, probability, drop_intermediate=False)
    return {"false_positive_rate": false.tolist(), "true_positive_rate": true.tolist()}


def case(task: str, targets: Floats, probabilities: Floats) -> dict[str, Any]:
    """Return one golden case: the arrays and what scikit-learn makes of them."""
    if task == "one":
        decided = np.eye(targets.shape[1])[probabilities.argmax(axis=1)]
        expected = expected_for_one(targets, probabilities)
    else:
        decided = (probabilities >= 0.5).astype(np.float64)
        expected = expected_for_many(targets, probabilities)
    return {
        "task": task,
        "targets": targets.astype(np.int64).tolist(),
        "probabilities": probabilities.tolist(),
        "expected": expected,
        "classes": per_class(targets, probabilities, decided),
        "roc_of_class_0": points_of(targets[:, 0], probabilities[:, 0]),
    }


def main() -> None:
    """Write the file."""
    cases = [case("one", *one_of_five()), case("many", *any_of_four())]
    write_json(GOLDEN, {"scikit_learn": sklearn.__version__, "numpy": np.__version__, "cases": cases})
    print(GOLDEN)


if __name__ == "__main__":
    main()
