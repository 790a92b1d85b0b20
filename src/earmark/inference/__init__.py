"""Run bundles on sound: needs the base install only, and imports neither scikit-learn nor torch."""

from earmark.inference.prediction import FileResult, Prediction
from earmark.inference.predictor import Predictor, classify_file

__all__ = ["FileResult", "Prediction", "Predictor", "classify_file"]
