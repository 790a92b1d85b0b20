"""Options of the deep designs: one field = one option of their recipes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from earmark.models.fit_options import FitOptions, Share

Off = Annotated[int, Field(ge=0, le=0, description="Off: what it changes is what the network is to find")]


class MultiTaskOptions(FitOptions):
    """Options that both networks take."""

    severity_weight: Annotated[float, Field(ge=0, description="Factor of the loss of severity beside presence")] = 1.0
    absent_weight: Annotated[float, Field(ge=0, le=1, description="What clips without a type count in that loss")] = 0.2
    epochs: Annotated[int, Field(ge=1, description="Most epochs")] = 14
    learning_rate: Annotated[float, Field(gt=0, description="Highest learning rate of the one cycle")] = 1e-3
    label_smoothing: Annotated[Share, Field(description="Share of presence that is spread over yes and no")] = 0.02
    validation_share: Annotated[Share, Field(description="Share of the tracks that is kept to stop early")] = 0.12
    patience: Annotated[int, Field(ge=0, description="Epochs without a better validation loss (0: no early stop)")] = 5
    mixup: Off = 0
    mel_masks: Off = 0
    time_masks: Off = 0


class MidSideNetworkOptions(MultiTaskOptions):
    """Options of the design `midside`."""

    crop: Annotated[float, Field(gt=0, le=1, description="Share of each picture that a step of training sees")] = 0.5
    shift: Annotated[Share, Field(description="Furthest shift in time, as a share of the picture")] = 0.5
    pretrained: Annotated[bool, Field(description="Whether to begin with mn04's weights, not with random ones")] = True


class EmbeddingOptions(MultiTaskOptions):
    """Options of the heads on frozen embeddings."""

    epochs: Annotated[int, Field(ge=1, description="Most epochs")] = 40
    batch: Annotated[int, Field(ge=4, description="Examples of a step")] = 64
    shift: Off = 0


class PerceptronOptions(MultiTaskOptions):
    """Options of the perceptron on the measures."""

    n_members: Annotated[int, Field(ge=1, le=16, description="Perceptrons side by side, whose mean is the answer")] = 4
    hidden: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1, description="Units of the hidden layers")
    ] = (192, 96)
    absent_weight: Annotated[float, Field(ge=0, le=1, description="What clips without a type count for severity")] = 0.0
    n_knots: Annotated[int, Field(ge=2, le=256, description="Quantiles that ranks lie between")] = 32
    epochs: Annotated[int, Field(ge=1, description="Most epochs")] = 40
    batch: Annotated[int, Field(ge=4, description="Examples of a step")] = 128
    weight_decay: Annotated[float, Field(ge=0, description="Decoupled weight decay of AdamW")] = 0.1
    patience: Annotated[int, Field(ge=0, description="Epochs without a better validation loss (0: no early stop)")] = 10
    shift: Off = 0
