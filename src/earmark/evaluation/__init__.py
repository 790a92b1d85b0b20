"""Numbers and pictures of how good a model is: arrays in, values, intervals, tests and figures out."""

from earmark.evaluation.compare import Comparison, compare_metric, compare_paired, holm
from earmark.evaluation.confusion import class_counts, confusion_matrix, most_confused
from earmark.evaluation.curves import precision_recall_curve, reliability_curve, roc_curve
from earmark.evaluation.headline import Headline, headline
from earmark.evaluation.intervals import Interval, bootstrap_interval, fold_interval
from earmark.evaluation.learning import LearningCurve, LearningRow, learning_curves
from earmark.evaluation.metrics import METRICS, ClassRow, Metric, Summary, per_class, summarize
from earmark.evaluation.style import Picture

__all__ = [
    "METRICS",
    "ClassRow",
    "Comparison",
    "Headline",
    "Interval",
    "LearningCurve",
    "LearningRow",
    "Metric",
    "Picture",
    "Summary",
    "bootstrap_interval",
    "class_counts",
    "compare_metric",
    "compare_paired",
    "confusion_matrix",
    "fold_interval",
    "headline",
    "holm",
    "learning_curves",
    "most_confused",
    "per_class",
    "precision_recall_curve",
    "reliability_curve",
    "roc_curve",
    "summarize",
]
