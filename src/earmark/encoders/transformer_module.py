"""Speech transformers as torch modules that give one embedding per window. Needs the extra `train`."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from earmark.core.errors import WeightsError
from earmark.core.optional import import_extra
from earmark.encoders.torch_graph import quiet_torch
from earmark.features.waveform import LEAST_VARIANCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch
    from torch import nn

    from earmark.encoders.transformer_files import Architecture, TransformerFiles

Layer = int | Literal["mean"]
_PURPOSE = "Loading a speech transformer"


def load_transformer(files: TransformerFiles, changes: Mapping[str, Any] | None = None) -> nn.Module:
    """Return the pretrained model in evaluation mode, in 32 bits, with changes to its configuration.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        WeightsError: The files are damaged.
    """
    import_extra("torch", "train", _PURPOSE)
    transformers = import_extra("transformers", "train", _PURPOSE)
    with quiet_transformers():
        try:
            # Of the kinds of attention only the plain one can be exported for every architecture.
            model: nn.Module = transformers.AutoModel.from_pretrained(
                files.folder, attn_implementation="eager", local_files_only=True, **(changes or {})
            )
        except Exception as error:  # whatever safetensors, torch and transformers raise for a damaged file
            reason = " ".join(str(error).split())[:200]
            raise WeightsError(
                f"{files.folder}: transformers {transformers.__version__} cannot load the model "
                f"({type(error).__name__}: {reason}); fetch it again"
            ) from error
    return model.float().eval()


def empty_transformer(architecture: Architecture, config: dict[str, Any]) -> nn.Module:
    """Return a model of this configuration with random weights. Raises MissingExtraError."""
    import_extra("torch", "train", _PURPOSE)
    transformers = import_extra("transformers", "train", _PURPOSE)
    with quiet_transformers():
        made = transformers.AutoConfig.for_model(
            architecture, **{key: value for key, value in config.items() if key != "model_type"}
        )
        model: nn.Module = transformers.AutoModel.from_config(made, attn_implementation="eager")
    return model.float()


@cache
def pooled_class() -> type[nn.Module]:
    """Return the class of modules from windows to embeddings: `(model, layer, normalise)`; torch is loaded now."""
    import torch
    from torch import nn

    class PooledTransformer(nn.Module):
        """Normalises windows (n_rows, n_samples) if asked, and takes the mean of a layer's frames (n_rows, dim)."""

        def __init__(self, model: nn.Module, layer: Layer, normalise: bool) -> None:
            super().__init__()
            self.model = model
            self.layer = layer
            self.normalise = normalise

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            sound = features
            if self.normalise:
                centred = sound - sound.mean(dim=1, keepdim=True)
                sound = centred / torch.sqrt(centred.square().mean(dim=1, keepdim=True) + LEAST_VARIANCE)
            # No attention mask: every window is full, and models with group norm were trained without one.
            if self.layer == -1:
                frames = self.model(sound).last_hidden_state
            else:
                states = self.model(sound, output_hidden_states=True).hidden_states
                frames = torch.stack(states).mean(dim=0) if self.layer == "mean" else states[self.layer]
            embedding: torch.Tensor = frames.mean(dim=1)
            return embedding

    return PooledTransformer


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers from drawing bars and from telling which parts of a checkpoint are left out, as intended."""
    transformers = import_extra("transformers", "train", _PURPOSE)
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        with quiet_torch():
            yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
