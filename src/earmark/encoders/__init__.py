"""Pretrained networks as frontends, and the weights they need."""

from earmark.encoders.session import OnnxGraph
from earmark.encoders.weights import find_weights, weights_path
from earmark.encoders.zoo import WEIGHTS, WeightsEntry

__all__ = ["WEIGHTS", "OnnxGraph", "WeightsEntry", "find_weights", "weights_path"]
