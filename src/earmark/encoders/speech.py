"""The frontend `speech_embedding`: a spoken word as the output of Google's speech embedding network.

Lin, Kilgour, Roblek, Sharifi: "Training Keyword Spotters with Limited and Synthesized Speech Data" (2020,
arXiv:2002.01322). A window is longer than a word: inside it the word is found by its energy, put into the middle of
`focus_s` seconds and brought to one level, so that neither the place nor the loudness of the word matters.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import ConfigError
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


@dataclass(frozen=True)
class SpeechEmbeddingConfig:
    """Options of `speech_embedding`.

    Attributes:
        window_s: Length of a window.
        hop_s: Step between windows of a longer clip; a word shorter than `window_s - hop_s` is whole in one of them.
        focus_s: Length of the stretch around the word that the network sees.
        level: Root mean square that the loudest 0.2 s are brought to. The mel stage adds 0.001 before its logarithm,
            so a low level hides faint noise and a high one shows it.
    """

    window_s: float = 2.4
    hop_s: float = 0.8
    focus_s: float = 1.6
    level: float = 0.01

    def __post_init__(self) -> None:
        if not SHORTEST_FOCUS_S <= self.focus_s <= self.window_s:
            raise ConfigError(
                f'frontend "speech_embedding": focus_s is {self.focus_s}, expected {SHORTEST_FOCUS_S} to window_s '
                f"({self.window_s})"
            )
        if not 0 < self.hop_s <= self.window_s:
            raise ConfigError(f'frontend "speech_embedding": hop_s is {self.hop_s}, expected 0 to {self.window_s}')
        if not 0 < self.level <= 1:
            raise ConfigError(f'frontend "speech_embedding": level is {self.level}, expected 0 to 1')


class SpeechEmbedding:
    """Turns windows of 16 kHz sound into the embeddings of the word in each."""

    def __init__(self, config: SpeechEmbeddingConfig) -> None:
        self._config = config
        self._focus_samples = seconds_to_samples(config.focus_s, speech_mel.RATE_HZ)
        n_frames = (self._focus_samples - speech_mel.FRAME_SAMPLES) // speech_mel.FRAME_HOP_SAMPLES + 1
        n_embeddings = (n_frames - FRAMES_PER_EMBEDDING) // FRAMES_BETWEEN_EMBEDDINGS + 1
        self.spec = FrontendSpec(
            "speech_embedding",
            speech_mel.RATE_HZ,
            config.window_s,
            config.hop_s,
            (n_embeddings, EMBEDDING_DIM),
            asdict(config),
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
            mel = speech_mel.log_mel(speech_mel.set_level(part, self._config.level))
            found[first : first + BATCH] = self._graph(mel[:, np.newaxis])
        return found


def speech_embedding(
    *, window_s: float = 2.4, hop_s: float = 0.8, focus_s: float = 1.6, level: float = 0.01
) -> SpeechEmbedding:
    """Return the frontend with these options (see `SpeechEmbeddingConfig`).

    Raises:
        ConfigError: An option is out of range.
        WeightsError: The weights are missing.
    """
    return SpeechEmbedding(SpeechEmbeddingConfig(window_s, hop_s, focus_s, level))
