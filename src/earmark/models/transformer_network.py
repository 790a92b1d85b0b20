"""Speech transformers with a linear head, and what is done to the sound that they are fine-tuned on."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from earmark.audio.augment import Colour, add_noise, coloured_noise
from earmark.core.errors import ConfigError
from earmark.encoders.transformer_files import DEFAULT_MODELS, Architecture, find_transformer
from earmark.encoders.transformer_module import empty_transformer, load_transformer, pooled_class
from earmark.models.fit_options import FitOptions, Share
from earmark.models.mixing import mix_rows, shift_frames

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import nn

_COLOURS: tuple[Colour, ...] = ("white", "pink", "brown")
_SILENT_PEAK = 1e-5  # below the last bit of 16-bit audio: noise of no loudness would be as loud as any
_NOT_HERE = "Of spectrograms; nothing to set here"


class FineTuneOptions(FitOptions):
    """Options of the recipes `wav2vec2`, `hubert` and `wavlm`."""

    architecture: Annotated[Architecture, Field(description="What the model is")] = "wav2vec2"
    model: Annotated[
        str, Field(description="A folder with the model, or its name on the hub; empty: the architecture's base model")
    ] = ""
    freeze_feature_encoder: Annotated[
        bool, Field(description="Leave the convolutions as they were pretrained; recommended below hours of sound")
    ] = True
    freeze_transformer: Annotated[bool, Field(description="Train the head only")] = False
    gradient_checkpointing: Annotated[
        bool, Field(description="Compute layers twice instead of remembering them: a third slower, half the memory")
    ] = False
    noise_probability: Annotated[
        float, Field(ge=0, le=1, description="Probability that noise is added to a training example")
    ] = 0.3
    noise_low_db: Annotated[float, Field(description="Lowest ratio of sound to that noise")] = 5.0
    noise_high_db: Annotated[float, Field(description="Highest ratio of sound to that noise")] = 30.0

    # Fine-tuning takes small steps, and a few hundred of them (Baevski et al. 2020, appendix B).
    epochs: Annotated[int, Field(ge=1, description="Most epochs")] = 10
    min_steps: Annotated[
        int, Field(ge=0, description="Steps that all epochs together have at least: few clips are passed several times")
    ] = 60
    batch: Annotated[int, Field(ge=4, description="Examples of a step")] = 8
    learning_rate: Annotated[float, Field(gt=0, description="Highest learning rate of the one cycle")] = 3e-5
    head_rate: Annotated[
        float, Field(gt=0, description="The head's learning rate as a multiple: it begins with random weights")
    ] = 30.0
    warm_up: Annotated[Share, Field(description="Share of the steps in which the learning rate rises")] = 0.1
    weight_decay: Annotated[float, Field(ge=0, description="Decoupled weight decay of AdamW")] = 0.01
    clip_norm: Annotated[float, Field(gt=0, description="Gradients are shortened to this norm")] = 1.0
    label_smoothing: Annotated[Share, Field(description="Share of each target that is spread over all classes")] = 0.0
    mixup: Annotated[float, Field(ge=0, description="Parameter of mixup's Beta distribution (0: off)")] = 0.0
    dropout: Annotated[Share, Field(description="Share of values that is dropped inside and before the head")] = 0.1
    mel_masks: Annotated[int, Field(ge=0, le=0, description=_NOT_HERE)] = 0
    time_masks: Annotated[int, Field(ge=0, le=0, description=_NOT_HERE)] = 0

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.noise_low_db > self.noise_high_db:
            raise ValueError(
                f"noise_low_db is {self.noise_low_db}, expected at most noise_high_db ({self.noise_high_db})"
            )
        return self

    @property
    def model_name(self) -> str:
        """The model asked for, or the architecture's base model."""
        return self.model or DEFAULT_MODELS[self.architecture]


@dataclass(frozen=True)
class Origin:
    """What it takes to build a network again without the files that it came from."""

    config: dict[str, Any] = field(hash=False)
    normalise: bool


def pretrained_network(options: FineTuneOptions, shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Return the pretrained model under a new head, frozen as the options say, for windows of a shape (n_samples,).

    Raises:
        ConfigError: The shape is not that of windows, or they are too short.
        MissingExtraError: torch or transformers is not installed.
        ModelError: The model is of another architecture or sample rate.
        WeightsError: The model is not there or damaged.
    """
    if len(shape) != 1:
        raise ConfigError(
            f'fine-tuning: found features of shape {shape}, expected (n_samples,); use the frontend "waveform"'
        )
    files = find_transformer(options.model_name, options.architecture)
    if files.n_frames(shape[0]) < 1:
        raise ConfigError(f"{files.folder}: windows of {shape[0]} samples are too short for the model; raise window_s")
    model: Any = load_transformer(files, training_changes(options))
    if options.freeze_feature_encoder or options.freeze_transformer:
        model.feature_extractor._freeze_parameters()
    if options.freeze_transformer:
        model.requires_grad_(False)
    if options.gradient_checkpointing:  # renamed in transformers 5
        (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()
    return _with_head(model, options, Origin(files.config, files.normalise), n_classes)


def empty_network(origin: Origin, options: FineTuneOptions, n_classes: int) -> nn.Module:
    """Return the network without its weights, for those of a fitted one. Raises MissingExtraError."""
    model = empty_transformer(options.architecture, origin.config | training_changes(options))
    return _with_head(model, options, origin, n_classes)


def training_changes(options: FineTuneOptions) -> dict[str, Any]:
    """Return what differs from the configuration that the model was pretrained with.

    Masks over time are left out: transformers draws them from numpy's global generator, which no seed of ours reaches,
    and refuses windows shorter than a mask. Layers are not dropped either.
    """
    shares = ("hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout")
    return {"apply_spec_augment": False, "layerdrop": 0.0} | dict.fromkeys(shares, options.dropout)


def change_sound(
    features: NDArray[np.float32], targets: NDArray[np.float32], options: FineTuneOptions, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a batch of windows float32 (n_rows, n_samples) shifted, noisy and mixed as the options say."""
    changed = shift_frames(features, options.shift, rng)
    noisy = [_noisy(samples, options, rng) for samples in changed]
    return mix_rows(np.stack(noisy), targets, options.mixup, rng)


def _noisy(samples: NDArray[np.float32], options: FineTuneOptions, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a window with white, pink or brown noise at a random ratio, or as it was; silence stays as it is."""
    # Drawn for every window, so that the sound of one decides nothing about the chance of the next.
    happens, snr_db = rng.random() < options.noise_probability, rng.uniform(options.noise_low_db, options.noise_high_db)
    noise = coloured_noise(len(samples), _COLOURS[rng.integers(len(_COLOURS))], rng) if happens else None
    if noise is None or np.abs(samples).max() < _SILENT_PEAK:
        return samples
    return add_noise(samples, noise, snr_db)


def _with_head(model: nn.Module, options: FineTuneOptions, origin: Origin, n_classes: int) -> nn.Module:
    network: nn.Module = _network_class()(pooled_class()(model, -1, origin.normalise), options, origin, n_classes)
    return network


@cache
def _network_class() -> type[nn.Module]:
    from torch import nn

    class TransformerNetwork(nn.Module):
        """Embedding, dropout, linear head."""

        def __init__(self, pooled: nn.Module, options: FineTuneOptions, origin: Origin, n_classes: int) -> None:
            super().__init__()
            dim = int(origin.config["hidden_size"])
            self.origin = origin
            self.pooled = pooled
            self.dropout = nn.Dropout(options.dropout)
            self.head = nn.Linear(dim, n_classes)
            self.frozen = options.freeze_transformer
            # Adam's steps do not depend on the scale of gradients: a factor behind the head multiplies its steps.
            self.gain = options.head_rate
            nn.init.normal_(self.head.weight, std=dim**-0.5 / self.gain)
            nn.init.zeros_(self.head.bias)

        def train(self, mode: bool = True) -> Self:
            """Keep what is frozen as it is used: without dropout."""
            super().train(mode)
            if self.frozen:
                self.pooled.eval()
            return self

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.head(self.dropout(self.pooled(features))) * self.gain
            return logits

    return TransformerNetwork
