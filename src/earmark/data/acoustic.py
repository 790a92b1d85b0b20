"""What the sound of one clip says about itself, read once in blocks: memory does not grow with the length."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import AudioError
from earmark.core.identity import FINGERPRINT_DIGITS, file_fingerprint
from earmark.core.units import samples_to_seconds, seconds_to_samples
from earmark.data.acoustic_print import AcousticPrint, PrintStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform
    from earmark.data.clip import Clip

BLOCK_S = 10.0
LEVEL_FLOOR_DB = -120.0  # what digital silence is reported as: JSON has no minus infinity
SILENCE_DB = -60.0  # below the noise of a quiet room recorded at any sensible gain
FRAME_S = 0.02
FULL_SCALE = 0.999
FLAT_RUN_SAMPLES = 3
CLIPPED_SHARE = 0.001
N_FFT = 2048
BANDWIDTH_RANGE_DB = 60.0
EDGE_DB = 25.0


@dataclass(frozen=True, eq=False)
class ClipFacts:
    """Measures of one clip, over all its channels.

    Attributes:
        rate_hz: Samples per second.
        n_channels: Number of channels.
        n_samples: Number of samples in each channel.
        container: File name ending in lower case without the dot.
        content_hash: Of the rate and the decoded samples: equal for lossless copies in any container, and for mono
            sound stored in equal channels.
        file_hash: Of the bytes of the file; None for a clip that is part of a file.
        peak: Largest magnitude, 1 is full scale.
        level_db: RMS in dB relative to full scale, not below -120.
        dc_offset: Largest mean of a channel, as a magnitude.
        clipped_share: Share of samples that lie in runs at full scale or on flat tops.
        quiet_share: Share of 20 ms frames below -60 dB.
        bandwidth_hz: Highest frequency whose level is within 60 dB of the loudest; 0 for silence.
        bandlimited: The spectrum ends there in a cliff well below half the rate: resampled or low-bitrate audio.
        print: What near-duplicates share.
    """

    rate_hz: int
    n_channels: int
    n_samples: int
    container: str
    content_hash: str
    file_hash: str | None
    peak: float
    level_db: float
    dc_offset: float
    clipped_share: float
    quiet_share: float
    bandwidth_hz: float
    bandlimited: bool
    print: AcousticPrint

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return samples_to_seconds(self.n_samples, self.rate_hz)

    @property
    def is_clipped(self) -> bool:
        """Whether enough is cut off to be heard: one sample in a thousand, and at least 10."""
        return self.clipped_share >= CLIPPED_SHARE and self.clipped_share * self.n_samples * self.n_channels >= 10

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to hear: RMS below -60 dB."""
        return self.level_db < SILENCE_DB


def measure_clip(clip: Clip) -> ClipFacts:
    """Read a clip once and return what its sound says.

    Raises:
        AudioError: The file is missing, cannot be decoded, holds NaN, or no samples where the clip points.
    """
    meter: _Meter | None = None
    for block in _blocks(clip):
        meter = meter or _Meter(block.n_channels, block.rate_hz)
        meter.add(block.samples)
    if meter is None or meter.n_samples == 0:
        raise AudioError(
            f"{clip.path}: found no samples from {clip.start_s:g} s on; drop the clip or correct its times"
        )
    whole_file = clip.start_s == 0 and clip.duration_s is None
    return meter.facts(
        container=clip.path.suffix.lower().lstrip("."), file_hash=file_fingerprint(clip.path) if whole_file else None
    )


def _blocks(clip: Clip) -> Iterator[Waveform]:
    from earmark.audio.stream import stream_audio

    yield from stream_audio(clip.path, block_s=BLOCK_S, start_s=clip.start_s, duration_s=clip.duration_s)


class _Meter:
    """Running sums over the blocks of one clip."""

    def __init__(self, n_channels: int, rate_hz: int) -> None:
        self.n_samples = 0
        self._rate_hz = rate_hz
        self._hashes = [hashlib.sha256(f"{rate_hz}".encode()) for _ in range(n_channels)]
        self._sum = np.zeros(n_channels)
        self._power = 0.0
        self._tops: list[tuple[float, int]] = []
        self._n_frames = self._n_quiet = 0
        self._spectrum = np.zeros(N_FFT // 2 + 1)
        self._print = PrintStream(rate_hz)

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take the next block, float32 (n_channels, n_samples)."""
        self.n_samples += samples.shape[1]
        for channel, digest in zip(samples, self._hashes, strict=True):
            digest.update(np.ascontiguousarray(channel + np.float32(0)).tobytes())  # adding 0 turns -0.0 into 0.0
        self._sum += samples.sum(axis=1, dtype=np.float64)
        self._power += float(np.vdot(samples, samples))
        self._tops.append(flat_tops(samples))
        mono = samples.mean(axis=0, dtype=np.float32) if len(samples) > 1 else samples[0]
        self._add_frames(mono)
        self._spectrum += _power_spectrum(mono)
        self._print.add(mono)

    def _add_frames(self, mono: NDArray[np.float32]) -> None:
        frame_samples = max(1, min(seconds_to_samples(FRAME_S, self._rate_hz), mono.size))
        frames = mono[: mono.size // frame_samples * frame_samples].reshape(-1, frame_samples)
        power = np.einsum("ij,ij->i", frames, frames) / frame_samples
        self._n_frames += len(frames)
        self._n_quiet += int(np.count_nonzero(power < 10 ** (SILENCE_DB / 10)))

    def facts(self, *, container: str, file_hash: str | None) -> ClipFacts:
        """Return the measures of all blocks together."""
        n_values = self.n_samples * len(self._hashes)
        peak = max(top for top, _ in self._tops)
        n_clipped = sum(n_flat for top, n_flat in self._tops if top >= 0.98 * peak)
        digests = [digest.hexdigest() for digest in self._hashes]
        content = digests[0] if len(set(digests)) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        bandwidth_hz, bandlimited = spectrum_edge(self._spectrum, self._rate_hz)
        return ClipFacts(
            rate_hz=self._rate_hz,
            n_channels=len(self._hashes),
            n_samples=self.n_samples,
            container=container,
            content_hash=content[:FINGERPRINT_DIGITS],
            file_hash=file_hash,
            peak=peak,
            level_db=max(LEVEL_FLOOR_DB, 10 * float(np.log10(self._power / n_values + 1e-30))),
            dc_offset=float(np.abs(self._sum / self.n_samples).max()),
            clipped_share=n_clipped / n_values,
            quiet_share=self._n_quiet / self._n_frames,
            bandwidth_hz=bandwidth_hz,
            bandlimited=bandlimited,
            print=self._print.finish(),
        )


def flat_tops(samples: NDArray[np.float32]) -> tuple[float, int]:
    """Return the peak and the number of samples that were cut off.

    Cut off are runs of at least 3 samples of one channel that lie at full scale, or that are equal and within 2 % of
    the peak. Coarsely quantised sound (8 bit) has equal neighbours everywhere: if they are as common from 80 to 98 %
    of the peak as above, the tops are not flat but rounded to steps.

    Args:
        samples: float32 (n_channels, n_samples).
    """
    magnitude = np.abs(samples)
    peak = float(magnitude.max(initial=0.0))
    if peak == 0 or samples.shape[1] < FLAT_RUN_SAMPLES:
        return peak, 0
    same = samples[:, 1:] == samples[:, :-1]
    full = magnitude >= FULL_SCALE
    high = (magnitude[:, 1:] >= 0.98 * peak) & same
    middle = (magnitude[:, 1:] >= 0.8 * peak) & same & ~high
    tops = full
    if peak > 0.05 and np.count_nonzero(high) > 3 * np.count_nonzero(middle):
        tops = full | np.pad(high, ((0, 0), (1, 0))) | np.pad(high, ((0, 0), (0, 1)))
    return peak, sum(_n_in_runs(row) for row in tops) if tops.any() else 0


def _n_in_runs(flags: NDArray[np.bool_]) -> int:
    """Return how many true values stand in runs of at least 3."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= FLAT_RUN_SAMPLES].sum())


def _power_spectrum(mono: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the summed power of Hann frames beside each other, (N_FFT // 2 + 1,)."""
    from scipy.fft import rfft

    whole = mono[: max(1, mono.size // N_FFT) * N_FFT]
    frames = np.pad(whole, (0, max(0, N_FFT - mono.size))).reshape(-1, N_FFT)
    window = np.hanning(N_FFT).astype(np.float32)
    total = np.zeros(N_FFT // 2 + 1)
    for first in range(0, len(frames), 256):
        spectra = rfft(frames[first : first + 256] * window, axis=1)
        total += (spectra.real**2 + spectra.imag**2).sum(axis=0, dtype=np.float64)
    return total


def spectrum_edge(power: NDArray[np.float64], rate_hz: int) -> tuple[float, bool]:
    """Return the bandwidth in Hz and whether the spectrum ends there in a cliff.

    The bandwidth is the highest frequency whose level, smoothed over about 1 % of the range, is within 60 dB of the
    loudest. A cliff is a fall by 25 dB within 6 % of the frequency, at less than 85 % of half the rate: natural
    sounds fade out, resamplers and lossy encoders cut.

    Args:
        power: (n_bins,) from 0 Hz to half the rate.
        rate_hz: Samples per second.
    """
    smooth = np.convolve(power, np.ones(9) / 9, mode="same")
    if smooth.max() <= 0:
        return 0.0, False
    level_db = 10 * np.log10(smooth / smooth.max() + 1e-15)
    last = int(np.flatnonzero(level_db >= -BANDWIDTH_RANGE_DB)[-1])
    step = max(8, round(0.03 * last))
    below, above = level_db[max(0, last - 2 * step) : last - step], level_db[last + step : last + 2 * step]
    cliff = last < 0.85 * (power.size - 1) and below.size > 0 and bool(below.mean() - above.mean() >= EDGE_DB)
    return last / (power.size - 1) * rate_hz / 2, cliff
