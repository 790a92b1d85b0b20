"""Effects that damage sound on purpose, each a pure function with its true severity."""

from __future__ import annotations

from earmark.distortion.effects.base import Distorted
from earmark.distortion.effects.codecs import CODECS
from earmark.distortion.effects.table import EFFECTS, Effect, apply_effect, find_effect

__all__ = ["CODECS", "EFFECTS", "Distorted", "Effect", "apply_effect", "find_effect"]
