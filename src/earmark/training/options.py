"""What a training run may be told."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from earmark.core.config import Config
from earmark.core.settings import settings
from earmark.models.aggregate import Aggregate
from earmark.models.calibrate import ThresholdRule

Mode = Literal["train", "cv", "grid", "cvgrid"]


class TrainingOptions(Config):
    """Options of `earmark train`; every field is a key, a flag and a row in docs/train.md."""

    recipe: str = Field(default="svm", description="Name in the table of recipes")
    frontend: dict[str, Any] = Field(default_factory=dict, description="Options of the recipe's frontend")
    classifier: dict[str, Any] = Field(default_factory=dict, description="Options of the recipe's classifier")
    aggregate: Aggregate = Field(default="mean", description="From the windows of a clip to the clip")
    folds: str = Field(
        default_factory=lambda: f"grouped:{settings().default_cv_folds}",
        description="Folds for cross-validation and calibration",
    )
    allow_shared_groups: str = Field(default="", description="Why given folds may share groups (empty: they may not)")
    augmentation: str = Field(default="none", description="Name in the table of augmentations")
    copies: int = Field(default=0, ge=0, le=50, description="Augmented copies of each training clip")
    threshold_rule: ThresholdRule = Field(default="best_f1", description="How thresholds are chosen")
    threshold_goal: float = Field(default=0.95, gt=0, le=1, description="Precision or recall to reach")
    seed: int = Field(default_factory=lambda: settings().random_seed, ge=0, description="Seed of everything random")
    workers: int = Field(default=1, ge=1, description="Processes that compute features")
