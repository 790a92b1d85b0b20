"""Frozen taggers of AudioSet as native frontends: the middle and the side of a sound, heard by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from earmark.audio.resample import resample
from earmark.core.config import Config, parse_config
from earmark.distortion.designs.spectra import mid_and_side
from earmark.distortion.frontend import native_spec, window_of
from earmark.distortion.measures.block import BLOCK_S, cut_blocks
from earmark.features.base import NativeFrontend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform
    from earmark.distortion.measures.block import Block
    from earmark.features.base import Frontend, NativeWindow

LEVEL = 0.1  # -20 dBFS: what middle and side together are brought to, so that loudness tells nothing


class EncodedOptions(Config):
    """Options of the frontends over taggers."""

    side: Annotated[bool, Field(description="Whether the side is heard too, and not only the middle")] = True


class EncodedFrontend(NativeFrontend):
    """The embedding of the middle, that of the side, and whether there is a side: float32 (2 * dim + 1,).

    Args:
        name: Its name in the table of frontends.
        encoder: Takes windows of ten seconds at its own rate.
        options: Whether to hear the side.
    """

    def __init__(self, name: str, encoder: Frontend, options: EncodedOptions) -> None:
        self._encoder, self._side = encoder, options.side
        (dim,) = encoder.spec.shape
        shape = (2 * dim + 1,) if options.side else (dim,)
        self.spec = native_spec(name, shape, options.model_dump(), version=encoder.spec.version)

    def measure(self, waveforms: Iterable[Waveform]) -> Iterator[NativeWindow]:
        """Yield the embeddings of each block.

        Raises:
            AudioError: There is no sample, rate or channels change, or a sample is NaN, infinite or beyond +-1e6.
        """
        for block in cut_blocks(waveforms):
            yield window_of(block, self._embedded(block))

    def _embedded(self, block: Block) -> NDArray[np.float32]:
        signals = mid_and_side(block)
        power = sum(float(np.vdot(signal, signal)) for signal in signals) / block.samples.shape[1]
        gain = np.float32(1.0 if block.is_silent else LEVEL / np.sqrt(power))
        found = [self._heard(gain * signal, block.rate_hz) for signal in signals[: 2 if self._side else 1]]
        if not self._side:
            return found[0]
        told = np.float32(len(found) == 2)
        if len(found) == 1:
            found.append(np.zeros_like(found[0]))
        return np.concatenate([*found, [told]], dtype=np.float32)

    def _heard(self, signal: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """Return the embedding of a signal, the mean of two windows where it is longer than one."""
        spec = self._encoder.spec
        if rate_hz != spec.rate_hz:
            signal = resample(signal[np.newaxis], rate_hz, spec.rate_hz)[0]
        n_samples, n_window = signal.size, spec.window_samples
        if n_samples <= n_window:
            windows = np.pad(signal, (0, n_window - n_samples))[np.newaxis]
        else:
            windows = np.stack([signal[:n_window], signal[n_samples - n_window :]])
        return np.asarray(self._encoder(windows).mean(axis=0), dtype=np.float32)


def mn04_midside(**options: Any) -> EncodedFrontend:
    """Return the frontend over EfficientAT mn04, mean of its layers, options of `EncodedOptions`.

    Raises:
        ConfigError: An option is not known.
        WeightsError: The weights are missing or damaged.
    """
    from earmark.encoders.efficientat import mn04

    chosen = parse_config(EncodedOptions, options, 'frontend "mn04_midside"')
    return EncodedFrontend("mn04_midside", mn04(layers="many", window_s=BLOCK_S, hop_s=BLOCK_S), chosen)


def panns_midside(**options: Any) -> EncodedFrontend:
    """Return the frontend over PANNs Cnn14, options of `EncodedOptions`.

    Raises:
        ConfigError: An option is not known.
        WeightsError: The weights are missing or damaged.
    """
    from earmark.encoders.panns import cnn14

    chosen = parse_config(EncodedOptions, options, 'frontend "panns_midside"')
    return EncodedFrontend("panns_midside", cnn14(window_s=BLOCK_S, hop_s=BLOCK_S), chosen)
