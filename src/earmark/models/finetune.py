"""Fine-tuned speech transformers: wav2vec 2.0, HuBERT or WavLM under a linear head, trained together.

The features are windows of the frontend `waveform` at 16 kHz. The exported graph holds everything from samples to
logits, so a bundle needs neither torch nor the pretrained model.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from earmark.core.config import parse_config
from earmark.core.optional import import_extra
from earmark.models.network import NetworkClassifier
from earmark.models.transformer_network import (
    FineTuneOptions,
    Origin,
    change_sound,
    empty_network,
    pretrained_network,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from earmark.data.dataset import Task


class FineTuned(NetworkClassifier):
    """A pretrained speech transformer that learns from windows of sound.

    Its features are windows float32 (n_rows, n_samples) at 16 kHz; see `NetworkClassifier` for the rest.

    Args:
        task: Decides the loss.
        options: Of the network and of the loop.
    """

    _change = staticmethod(change_sound)

    def __init__(self, task: Task, options: FineTuneOptions) -> None:
        super().__init__(task, options, pretrained_network)
        self._tuning = options
        self._origin = Origin({}, normalise=False)  # of the fitted one

    def _untrained(self, features: NDArray[np.float32]) -> nn.Module:
        network = self._build(self._tuning, features.shape[1:], self._n_classes)
        origin: Any = network.origin
        self._origin = origin
        return network

    def _blank(self) -> nn.Module:
        return empty_network(self._origin, self._tuning, self._n_classes)


def fine_tuned(task: Task = "one", **options: Any) -> FineTuned:
    """Return the classifier of the recipes `wav2vec2`, `hubert` and `wavlm`, options of `FineTuneOptions`.

    Raises:
        ConfigError: An option is unknown or out of range.
        MissingExtraError: torch or transformers is not installed.
    """
    parsed = parse_config(FineTuneOptions, options, f'recipe "{options.get("architecture", "wav2vec2")}"')
    for package in ("torch", "transformers"):
        if find_spec(package) is None:  # told when the plan is read, not after the sound was
            import_extra(package, "train", f'The recipe "{parsed.architecture}"')
    return FineTuned(task, parsed)
