"""Features: numbers that classifiers learn from, made from windows of sound, computed once and kept on disk."""

from __future__ import annotations

from earmark.features.base import Frontend, FrontendSpec, LevelFrontend, check_windows
from earmark.features.extract import FeatureTable, extract_features
from earmark.features.logmel import LogMelConfig, LogMelFrontend, log_mel
from earmark.features.measure import ClipTransform
from earmark.features.mfcc import MfccConfig, MfccFrontend, mfcc
from earmark.features.store import FeatureStore, default_store

__all__ = [
    "ClipTransform",
    "FeatureStore",
    "FeatureTable",
    "Frontend",
    "FrontendSpec",
    "LevelFrontend",
    "LogMelConfig",
    "LogMelFrontend",
    "MfccConfig",
    "MfccFrontend",
    "check_windows",
    "default_store",
    "extract_features",
    "log_mel",
    "mfcc",
]
