"""Options of the training loop of networks: one field = one option of every recipe whose classifier is a network."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from earmark.core.config import Config
from earmark.models.classical import ClassWeight

Device = Literal["auto", "cpu", "cuda"]
Share = Annotated[float, Field(ge=0, lt=1)]
START_FACTOR = 1 / 25  # of the learning rate that the first step takes, as in Smith & Topin (2018)


class FitOptions(Config):
    """How a network is trained; the defaults suit 4 to some hundred clips on one core."""

    epochs: Annotated[int, Field(ge=1, description="Most epochs")] = 20
    min_steps: Annotated[
        int, Field(ge=0, description="Steps that all epochs together have at least: few clips are passed several times")
    ] = 80
    batch: Annotated[int, Field(ge=4, description="Examples of a step")] = 16
    learning_rate: Annotated[float, Field(gt=0, description="Highest learning rate of the one cycle")] = 3e-3
    warm_up: Annotated[Share, Field(description="Share of the steps in which the learning rate rises")] = 0.2
    weight_decay: Annotated[float, Field(ge=0, description="Decoupled weight decay of AdamW")] = 0.02
    clip_norm: Annotated[float, Field(gt=0, description="Gradients are shortened to this norm")] = 2.0
    label_smoothing: Annotated[Share, Field(description="Share of each target that is spread over all classes")] = 0.05
    class_weight: Annotated[
        ClassWeight, Field(description="balanced: rare classes count as much as frequent ones; null: every clip does")
    ] = "balanced"
    mixup: Annotated[float, Field(ge=0, description="Parameter of mixup's Beta distribution (0: off)")] = 0.2
    shift: Annotated[Share, Field(description="Furthest shift in time, as a share of the window, around its ends")] = (
        0.1
    )
    mel_masks: Annotated[int, Field(ge=0, description="SpecAugment: masks over neighbouring columns")] = 2
    time_masks: Annotated[int, Field(ge=0, description="SpecAugment: masks over neighbouring frames")] = 2
    mask_share: Annotated[Share, Field(description="SpecAugment: widest mask, as a share of its axis")] = 0.15
    validation_share: Annotated[
        Share,
        Field(description="Share of the groups that is kept to stop early and to choose the best epoch (0: none)"),
    ] = 0.2
    min_validation: Annotated[
        int, Field(ge=2, description="Rows that this part must have; with fewer, all epochs are trained on all rows")
    ] = 16
    patience: Annotated[int, Field(ge=0, description="Epochs without a better validation loss (0: no early stop)")] = 6
    dropout: Annotated[Share, Field(description="Share of values that is dropped before each dense layer")] = 0.3
    device: Annotated[Device, Field(description="auto: the GPU if there is one")] = "auto"
    mixed_precision: Annotated[bool, Field(description="Compute in 16 bits where that is exact enough; GPU only")] = (
        True
    )
    threads: Annotated[int, Field(ge=1, description="Threads of the processor; other numbers round otherwise")] = 1

    def steps_per_epoch(self, n_rows: int) -> int:
        """Return the steps of an epoch: a pass over the rows, or more where `min_steps` demands it."""
        return max(self.batches(n_rows), math.ceil(self.min_steps / self.epochs))

    def batches(self, n_rows: int) -> int:
        """Return the batches of a pass: evenly filled, so that none has the single row that batch norm refuses."""
        return max(1, round(n_rows / self.batch))

    def rate_at(self, step: int, n_steps: int) -> float:
        """Return the learning rate of a step from 0: up and down by half cosines, to nearly nothing at the end."""
        n_up = self.warm_up * n_steps
        if step < n_up:
            rise = (1 - math.cos(math.pi * step / n_up)) / 2
            return self.learning_rate * (START_FACTOR + (1 - START_FACTOR) * rise)
        left = (step - n_up) / max(1.0, n_steps - n_up)
        return self.learning_rate * (1 + math.cos(math.pi * min(1.0, left))) / 2
