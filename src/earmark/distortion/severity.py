"""Severity from 0 (not there) to 1, defined once for effects, labels, answers and documentation.

| kind | 0 | 1 | between |
|---|---|---|---|
| clipping | signal-to-distortion ratio of 40 dB after the best gain | 5 dB | linear in dB |
| compression | 256 kb/s of MP3 in stereo, or what sounds like it | 32 kb/s | linear in log2 |
| noise | signal-to-noise ratio of 40 dB after the best gain | 0 dB | linear in dB |
| frequency | third-octave spectrum as it was, but for its level | 20 dB off on average | linear in dB |
| phase | left/right correlation and balance as they were | correlation from 1 to -1, or 24 dB more imbalance | linear |

Bit-crushing, drop-outs and clicks are noise: what is not the original is what the ratio counts.

What MP3 the other codecs stand for (`MP3_EQUIVALENCE`) rests on blind listening tests with stereo music:
- Opus at 96 kb/s was rated above MP3 (LAME) at 136, and Vorbis at 96 about equal to it (public test of July 2014,
  http://listening-test.coresv.net/results.htm); at 64 kb/s Opus scored 4.00 and Vorbis 3.51 (public test of March
  2011, http://listening-tests.hydrogenaud.io/igorc/results.html): Opus counts 1.5, Vorbis 1.3.
- AAC-LC does at 96 kb/s what MP3 does above 128 (G. Soulodre et al., "Subjective evaluation of state-of-the-art
  two-channel audio codecs", J. Audio Eng. Soc. 46(3), 1998), which is 1.33; FFmpeg's encoder is the fifth of seven in
  the ranking of https://wiki.hydrogenaudio.org/index.php?title=Fraunhofer_FDK_AAC, hence 1.2.
- AC-3 and MPEG-1 layer II needed 160 kb/s or somewhat less for what layer III did at 128 (Soulodre): 0.9 and 0.8.
They are round figures: a codec of another year may be a fifth better or worse, which moves severity by 0.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from earmark.core.errors import AudioError, ConfigError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform

Kind = Literal["clipping", "compression", "noise", "frequency", "phase"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TRACE = 0.15  # a fault below it is neither asked for nor held against a model

MP3_EQUIVALENCE = {
    "mp3": 1.0,
    "mp3-vbr": 1.0,
    "mp3-abr": 1.0,
    "vorbis": 1.3,
    "opus": 1.5,
    "aac": 1.2,
    "aac-fast": 1.2,
    "ac3": 0.9,
    "mp2": 0.8,
}
FULL_RATE_HZ = 32_000  # the lowest rate of MPEG-1; below it codecs have fewer samples to spend their bits on
EMPTY_DB = 60.0  # third-octave bands this far below the loudest count as empty
LOST_DB = 40.0  # a band that has fallen this far below the others is lost; half of all bands lost is severity 1
MAX_DB = 60.0  # imbalance and fold-down loss are told up to here
SHORTEST_SPECTRUM_S = 0.37  # two bins of a third of an octave at 25 Hz
FIRST_BAND_HZ, LAST_BAND_HZ = 25.0, 20_000.0
FEWEST_BANDS = 8  # with less than that there is hardly a spectrum that could deviate


def clipping_severity(sdr_db: float) -> float:
    """Return the severity of clipping that leaves this signal-to-distortion ratio."""
    return _unit((40 - sdr_db) / 35)


def noise_severity(snr_db: float) -> float:
    """Return the severity of noise at this signal-to-noise ratio."""
    return _unit((40 - snr_db) / 40)


def frequency_severity(deviation_db: float) -> float:
    """Return the severity of a mean absolute third-octave deviation."""
    return _unit(deviation_db / 20)


def mp3_equivalent_kbps(codec: str, kbps: float, *, n_channels: int = 2, rate_hz: int = 44_100) -> float:
    """Return the bit rate of stereo MP3 that a bit rate of a codec stands for.

    Args:
        codec: One of `MP3_EQUIVALENCE`.
        kbps: Bit rate of all channels together.
        n_channels: Channels that share it: mono has twice as much for its channel.
        rate_hz: Rate of the sound. Below 32 kHz the bits per sample count, as in MPEG-2, whose bit rates are half.

    Raises:
        ConfigError: The codec is unknown, or a number is not above 0.
    """
    if codec not in MP3_EQUIVALENCE:
        raise ConfigError(f'compression: codec "{codec}" is not known{did_you_mean(codec, MP3_EQUIVALENCE)}')
    if not (0 < kbps < math.inf and n_channels > 0 and rate_hz > 0):
        raise ConfigError(
            f"compression: found {kbps} kb/s for {n_channels} channels at {rate_hz} Hz, expected numbers above 0"
        )
    return MP3_EQUIVALENCE[codec] * kbps * 2 / n_channels * max(1.0, FULL_RATE_HZ / rate_hz)


def compression_severity(codec: str, kbps: float, *, n_channels: int = 2, rate_hz: int = 44_100) -> float:
    """Return the severity of lossy compression: log2(256 / kb/s) / 3 as stereo MP3.

    Takes and raises what `mp3_equivalent_kbps` does (ConfigError).

    Example:
        >>> compression_severity("mp3", 128), round(compression_severity("opus", 48), 2)
        (0.3333333333333333, 0.61)
    """
    return _unit(math.log2(256 / mp3_equivalent_kbps(codec, kbps, n_channels=n_channels, rate_hz=rate_hz)) / 3)


@dataclass(frozen=True)
class StereoImage:
    """Where the sound of two channels stands.

    Attributes:
        correlation: Cosine between left and right, -1 to 1; 0 where one of them is silent.
        imbalance_db: How much louder one channel is, 0 to 60, whichever it is.
        fold_down_loss_db: What the mean of both loses against a channel on average: 0 for the same sound in both,
            3 for unrelated ones, up to 60 where they cancel. Absolute: no original is needed.
    """

    correlation: float
    imbalance_db: float
    fold_down_loss_db: float


def stereo_image(waveform: Waveform) -> StereoImage:
    """Return where the sound of two channels stands.

    Raises:
        AudioError: There are not two channels, or both are silent.
    """
    if waveform.n_channels != 2:
        raise AudioError(f"stereo image: found {waveform.n_channels} channels, expected 2")
    left, right = waveform.samples.astype(np.float64)
    left_energy, right_energy, product = float(left @ left), float(right @ right), float(left @ right)
    total = left_energy + right_energy
    if not total > 0:
        raise AudioError("stereo image: found silence in both channels, expected sound")
    louder, softer = max(left_energy, right_energy), min(left_energy, right_energy)
    mixed = max(0.0, (total + 2 * product) / 4)
    return StereoImage(
        correlation=product / math.sqrt(left_energy * right_energy) if softer > 0 else 0.0,
        imbalance_db=_ratio_db(louder, softer),
        fold_down_loss_db=max(0.0, _ratio_db(total / 2, mixed)),
    )


def phase_severity(before: StereoImage, after: StereoImage) -> float:
    """Return the larger of the fall of correlation / 2 and the growth of imbalance / 24 dB."""
    fall = before.correlation - after.correlation
    growth_db = after.imbalance_db - before.imbalance_db
    return _unit(max(fall / 2, growth_db / 24))


def distortion_ratio_db(original: NDArray[np.float32], damaged: NDArray[np.float32]) -> float:
    """Return the ratio of what is left of the original to everything else.

    The damaged sound is taken apart into the original at its best gain (least squares) and the rest; so a change of
    level costs nothing. The same figure is called SI-SDR (J. Le Roux et al., ICASSP 2019, arXiv:1811.02508).

    Args:
        original: float32 (n_channels, n_samples).
        damaged: float32 of the same shape, in step with it to the sample.

    Returns:
        Decibels; infinite if nothing but the gain differs.

    Raises:
        AudioError: The shapes differ, or one of them is silent.
    """
    if original.shape != damaged.shape:
        raise AudioError(f"distortion ratio: found shapes {original.shape} and {damaged.shape}, expected the same")
    clean, whole = original.astype(np.float64).ravel(), damaged.astype(np.float64).ravel()
    energy = float(clean @ clean)
    if not (energy > 0 and np.any(whole)):
        raise AudioError("distortion ratio: found silence, expected sound in the original and in the damaged")
    gain = float(clean @ whole) / energy
    rest = whole - gain * clean
    distortion, signal = float(rest @ rest), gain**2 * energy
    if distortion == 0:
        return math.inf
    return 10 * math.log10(signal / distortion) if signal > 0 else -math.inf


def third_octave_levels_db(waveform: Waveform) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centres (Hz) and levels (dB, long-term, all channels) of third-octave bands.

    Bands are those of IEC 61260 (base ten) from 25 Hz to 20 kHz that lie below half the rate and hold a bin of the
    spectrum; an empty one has a level of -inf. Raises AudioError if the sound is too short to hold eight of them.
    """
    from scipy import signal

    rate_hz = waveform.rate_hz
    n_fft = min(waveform.n_samples, 2 ** math.ceil(math.log2(SHORTEST_SPECTRUM_S * rate_hz)))
    if n_fft > 1:
        bins_hz, power = signal.welch(waveform.samples.astype(np.float64), rate_hz, nperseg=n_fft)
        first, last = (round(10 * math.log10(edge_hz / 1000)) for edge_hz in (FIRST_BAND_HZ, LAST_BAND_HZ))
        centres_hz = 1000 * 10 ** (np.arange(first, last + 1) / 10)
        edges = np.searchsorted(bins_hz, np.outer(centres_hz, [10**-0.05, 10**0.05]))
        holds = (edges[:, 1] > edges[:, 0]) & (centres_hz * 10**0.05 <= rate_hz / 2)
    if n_fft <= 1 or np.count_nonzero(holds) < FEWEST_BANDS:
        raise AudioError(
            f"third-octave levels: found {waveform.n_samples} samples at {rate_hz} Hz, too few to tell a spectrum"
        )
    mean_power = power.mean(axis=0)
    summed = np.array([mean_power[start:stop].sum() for start, stop in edges[holds]])
    with np.errstate(divide="ignore"):
        return centres_hz[holds], 10 * np.log10(summed)


def frequency_deviation_db(original: Waveform, damaged: Waveform) -> float:
    """Return the mean absolute deviation of third-octave levels after the best overall level.

    The best level is the median of the deviations, which makes their mean smallest. A band more than 60 dB below the
    loudest of its sound counts as empty, and is left out if it is so in both; one that has fallen by more than 40 dB
    against the band that rose most counts as lost, as far as that. So the result is 0 to 20 dB.

    Raises:
        AudioError: The sounds differ in rate, are too short to tell a spectrum, or hold no sound from 25 Hz to 20 kHz.
    """
    if original.rate_hz != damaged.rate_hz:
        raise AudioError(f"frequency deviation: found rates {original.rate_hz} and {damaged.rate_hz} Hz, expected one")
    before, after = (_above_the_loudest(third_octave_levels_db(each)[1]) for each in (original, damaged))
    deviations = (after - before)[(before > -EMPTY_DB) | (after > -EMPTY_DB)]
    deviations = np.maximum(deviations, deviations.max() - LOST_DB)
    return float(np.mean(np.abs(deviations - np.median(deviations))))


def _above_the_loudest(levels_db: NDArray[np.float64]) -> NDArray[np.float64]:
    loudest_db = levels_db.max()
    if not np.isfinite(loudest_db):
        raise AudioError("frequency deviation: found no sound from 25 Hz to 20 kHz")
    above: NDArray[np.float64] = np.maximum(levels_db - loudest_db, -EMPTY_DB)
    return above


def measure_severity(kind: Kind, original: Waveform, damaged: Waveform) -> float:
    """Return the true severity of one fault, from the sound before and after it.

    Raises:
        AudioError: The two cannot be compared: see the functions of each kind.
        ConfigError: Compression is not told by the sound, but by its bit rate: `compression_severity`.
    """
    if kind == "clipping":
        return clipping_severity(distortion_ratio_db(original.samples, damaged.samples))
    if kind == "noise":
        return noise_severity(distortion_ratio_db(original.samples, damaged.samples))
    if kind == "frequency":
        return frequency_severity(frequency_deviation_db(original, damaged))
    if kind == "phase":
        return phase_severity(stereo_image(original), stereo_image(damaged))
    raise ConfigError(f"severity: {kind} is not measured from sound; use compression_severity(codec, kbps)")


def _ratio_db(upper: float, lower: float) -> float:
    return min(MAX_DB, 10 * math.log10(upper / lower)) if lower > 0 else MAX_DB


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))
