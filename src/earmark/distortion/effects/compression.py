"""Lossy compression as one effect over all codecs of `earmark.distortion.effects.codecs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.distortion.effects.base import Distorted, check_range, check_sound, finish
from earmark.distortion.effects.codecs import code, possible_kbps
from earmark.distortion.severity import compression_severity, mp3_equivalent_kbps

if TYPE_CHECKING:
    import numpy as np

    from earmark.audio.waveform import Waveform


@dataclass(frozen=True)
class CompressionParameters:
    """How to compress.

    Attributes:
        codec: One of `CODECS`.
        kbps: Bit rate of all channels together; the nearest that the codec can be told is taken. Variable bit rates
            are told as what their quality stands for, not as what one clip needs.
    """

    codec: str = "mp3"
    kbps: float = 128.0


def compress(waveform: Waveform, parameters: CompressionParameters, _rng: np.random.Generator) -> Distorted:
    """Return sound that went through an encoder and its decoder, in step with itself to the sample.

    Raises:
        ConfigError: The codec is unknown, or the bit rate outside 4 to 2560 kb/s.
        AudioError: As all effects do, or the codec refuses the sound.
        MissingExtraError: The codec needs PyAV, which is not installed.
    """
    codec = parameters.codec
    check_sound(waveform, codec)
    check_range(codec, "kbps", parameters.kbps, 4, 2560)
    n_channels, rate_hz = waveform.n_channels, waveform.rate_hz
    kbps = possible_kbps(codec, parameters.kbps, n_channels, rate_hz)
    samples = code(waveform.samples, rate_hz, codec, kbps)
    severity = compression_severity(codec, kbps, n_channels=n_channels, rate_hz=rate_hz)
    return finish(waveform, samples, codec, "compression", CompressionParameters(codec, kbps), severity=severity)


def kbps_for_severity(codec: str, severity: float, waveform: Waveform) -> float:
    """Return the bit rate that has a severity in this sound, whether or not the codec can be told it.

    Raises:
        ConfigError: The codec is unknown.
    """
    one_kbps = mp3_equivalent_kbps(codec, 1.0, n_channels=waveform.n_channels, rate_hz=waveform.rate_hz)
    return float(256 * 2 ** (-3 * severity) / one_kbps)
