"""Run bundles on sound: needs the base install only, and imports neither scikit-learn nor torch."""

from earmark.inference.predictor import FileResult, Prediction, Predictor, classify_file

__all__ = ["FileResult", "Prediction", "Predictor", "classify_file"]
