"""Pictures of results, each as PNG and SVG in one style; `style` holds the look, the `plots_*` modules the drawing."""

from __future__ import annotations

from earmark.evaluation.plots_confusion import plot_confusion
from earmark.evaluation.plots_curves import plot_precision_recall, plot_reliability, plot_roc
from earmark.evaluation.plots_heatmap import plot_costs, plot_heat_map
from earmark.evaluation.plots_models import plot_comparison, plot_learning_curves
from earmark.evaluation.plots_targets import plot_targets
from earmark.evaluation.style import Picture

__all__ = [
    "Picture",
    "plot_comparison",
    "plot_confusion",
    "plot_costs",
    "plot_heat_map",
    "plot_learning_curves",
    "plot_precision_recall",
    "plot_reliability",
    "plot_roc",
    "plot_targets",
]
