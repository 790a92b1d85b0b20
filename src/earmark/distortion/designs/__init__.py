"""Designs of the model that tells faults: each learns which are there and how bad, from features of its own."""

from __future__ import annotations

from earmark.distortion.designs.base import Design, PresenceClassifier
from earmark.distortion.designs.recipes import register

__all__ = ["Design", "PresenceClassifier", "register"]
