"""The frontend `speech_embedding`: a spoken word as the output of Google's speech embedding network.

Lin, Kilgour, Roblek, Sharifi: "Training Keyword Spotters with Limited and Synthesized Speech Data" (2020,
arXiv:2002.01322). A window is longer than a word: inside it the word is found by its energy, put into the middle of
`focus_s` seconds and brought to one level, so that neither the place nor the loudness of the word matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from earmark.core.config import Config, parse_config
from earmark.core.units import seconds_to_samples
from earmark.encoders import speech_mel
from earmark.encoders.session import OnnxGraph
from earmark.encoders.speech_graph import (
    EMBEDDING_DIM,
    FRAMES_BETWEEN_EMBEDDINGS,
    FRAMES_PER_EMBEDDING,
    speech_embedding_graph,
)
from earmark.features.base import FrontendSpec, check_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHORTEST_FOCUS_S = 0.8  # one embedding sees 0.775 s
BATCH = 32


class SpeechEmbeddingOptions(Config):
    """Options of `speech_embedding`."""

    window_s: Annotated[float, Field(gt=0, description="Length of a window")] = 2.4
    # A word shorter than window_s - hop_s is whole in one of them.
    hop_s: Annotated[float, Field(gt=0, description="Step between windows of a longer clip")] = 0.8
    focus_s: Annotated[float, Field(description="Length of the stretch around the word that the network sees")] = 1.6
    # The mel stage adds 0.001 before its logarithm: a low level hides faint noise, a high one shows it.
    level: Annotated[float, Field(gt=0, le=1, description="RMS that the loudest 0.2 s are brought to")] = 0.01

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if not SHORTEST_FOCUS_S <= self.focus_s <= self.window_s:
            raise ValueError(
                f"focus_s is {self.focus_s}, expected {SHORTEST_FOCUS_S} to window_s ({self.window_s}); "
                f"one embedding sees 0.775 s"
            )
        if self.hop_s > self.window_s or seconds_to_samples(self.hop_s, speech_mel.RATE_HZ) < 1:
            raise ValueError(f"hop_s is {self.hop_s}, expected one sample to window_s ({self.window_s})")
        return self


class SpeechEmbedding:
    """Turns windows of 16 kHz sound into the embeddings of the word in each."""

    def __init__(self, options: SpeechEmbeddingOptions) -> None:
        self._level = options.level
        self._focus_samples = seconds_to_samples(options.focus_s, speech_mel.RATE_HZ)
        n_frames = (self._focus_samples - speech_mel.FRAME_SAMPLES) // speech_mel.FRAME_HOP_SAMPLES + 1
        n_embeddings = (n_frames - FRAMES_PER_EMBEDDING) // FRAMES_BETWEEN_EMBEDDINGS + 1
        self.spec = FrontendSpec(
            "speech_embedding",
            speech_mel.RATE_HZ,
            options.window_s,
            options.hop_s,
            (n_embeddings, EMBEDDING_DIM),
            options.model_dump(),
        )
        self._graph = OnnxGraph(speech_embedding_graph(), what="speech_embedding")

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n_windows, n_embeddings, 96): one embedding each 80 ms of the focus.

        Raises:
            AudioError: The windows do not have the length that `spec` says.
        """
        check_windows(windows, self.spec)
        found = np.empty((len(windows), *self.spec.shape), dtype=np.float32)
        for first in range(0, len(windows), BATCH):
            part = speech_mel.focus(windows[first : first + BATCH], self._focus_samples)
            mel = speech_mel.log_mel(speech_mel.set_level(part, self._level))
            found[first : first + BATCH] = self._graph(mel[:, np.newaxis])
        return found


def speech_embedding(**options: Any) -> SpeechEmbedding:
    """Return the frontend with these options (see `SpeechEmbeddingOptions`).

    Raises:
        ConfigError: An option is unknown or out of range.
        WeightsError: The weights are missing.

    Example:
        >>> speech_embedding(focus_s=1.2).spec.shape
        (6, 96)
    """
    return SpeechEmbedding(parse_config(SpeechEmbeddingOptions, options, 'frontend "speech_embedding"'))
