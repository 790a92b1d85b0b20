"""Sound from files: what is in them, whole or in part, at their own rate or another.

Content counts, names do not: a FLAC file called ``a.wav`` is decoded as FLAC. Nothing is repaired in silence: a file
that holds less than it promises, NaN or no sound at all is an error.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.containers import truncated
from earmark.audio.decoders import open_source
from earmark.audio.resample import StreamResampler, check_rate
from earmark.audio.waveform import Waveform
from earmark.core.errors import AudioError
from earmark.core.units import samples_to_seconds, seconds_to_samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from earmark.audio.source import Source

PIECE_SAMPLES = 65_536  # decoded, checked, mixed and resampled at a time, while it is still in the processor's cache
FIRST_ALLOCATION = 2**24  # samples; a larger array is only made as sound really arrives, whatever a header promises


@dataclass(frozen=True)
class AudioInfo:
    """What a file holds.

    Attributes:
        path: The file.
        rate_hz: Samples per second and channel.
        n_channels: Number of channels.
        n_samples: Samples in each channel, as decoding gives them.
        format: Container and coding, such as ``"WAV PCM_16"``.
        decoder: The decoder that takes it: ``"soundfile"`` or ``"av"``.
    """

    path: Path
    rate_hz: int
    n_channels: int
    n_samples: int
    format: str
    decoder: str

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return samples_to_seconds(self.n_samples, self.rate_hz)


@dataclass(frozen=True)
class Cut:
    """Which part of a file to read, and how: the arguments of `read_audio` and `stream_audio` in one."""

    start_s: float = 0.0
    duration_s: float | None = None
    rate_hz: int | None = None
    mono: bool = False

    def check(self, path: Path) -> None:
        """Raise AudioError for times and rates that make no sense."""
        if not (math.isfinite(self.start_s) and self.start_s >= 0):
            raise AudioError(f"{path}: found start_s={self.start_s}, expected seconds from 0 up")
        if self.duration_s is not None and not (math.isfinite(self.duration_s) and self.duration_s > 0):
            raise AudioError(
                f"{path}: found duration_s={self.duration_s}, expected more than 0 seconds, or None for all"
            )
        if self.rate_hz is not None:
            check_rate(self.rate_hz, f"{path}: resampling")


def probe_audio(path: str | Path) -> AudioInfo:
    """Return what a file holds, decoding it only if its header does not tell the length.

    Raises:
        AudioError: The file is missing, empty, truncated or not audio.
    """
    path = Path(path)
    with open_source(path) as source:
        spec = source.spec
        check_rate(spec.rate_hz, f"{path}: the header")
        n_samples = spec.n_samples
        if n_samples is None:
            n_samples = sum(frames.shape[1] for frames in decode_pieces(source, path, Cut()))
        if n_samples == 0:
            raise _no_sound(path)
        if spec.n_samples is not None and spec.slack_samples == 0:
            _check_end(source, path, n_samples)
        return AudioInfo(path, spec.rate_hz, spec.n_channels, n_samples, spec.format, spec.decoder)


def _check_end(source: Source, path: Path, n_samples: int) -> None:
    """Raise AudioError unless the last promised sample can be decoded: a seek finds a FLAC that lost its end."""
    source.skip(n_samples - 1)
    if source.read_into(np.empty((1, source.spec.n_channels), dtype=np.float32)) == 0:
        raise truncated(path, "the file", f"no sample {n_samples}", f"{n_samples} samples as its header says")


def read_audio(
    path: str | Path,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    rate_hz: int | None = None,
    mono: bool = False,
) -> Waveform:
    """Return the sound in a file, or a part of it.

    A part is cut at the file's own rate, at the samples nearest to the given times, and equals the slice of the whole
    decode (but for the last bit in mono MP3, within 0.01 in Opus of low bitrate); then it is mixed and resampled.
    A `duration_s` beyond the end gives what there is.

    Args:
        path: Any file that libsndfile decodes, or FFmpeg with the extra ``av``.
        start_s: Where to start.
        duration_s: How much to read; None is up to the end.
        rate_hz: Rate to resample to with soxr HQ; None keeps the file's.
        mono: Whether to mix the channels to their mean.

    Returns:
        Waveform with float32 (n_channels, n_samples).

    Raises:
        AudioError: The file is missing, empty, not audio, truncated, holds NaN, infinity or no sound in that part,
            or an argument makes no sense.

    Example:
        >>> read_audio("five.wav", rate_hz=16000, mono=True).samples.shape  # doctest: +SKIP
        (1, 9541)
    """
    path, cut = Path(path), Cut(start_s, duration_s, rate_hz, mono)
    cut.check(path)
    with open_source(path) as source:
        pieces = decode_pieces(source, path, cut)
        n_channels = 1 if mono else source.spec.n_channels
        samples = _gather(pieces, n_channels, n_expected_samples(source, cut))
        return Waveform(samples, cut.rate_hz or source.spec.rate_hz)


def n_expected_samples(source: Source, cut: Cut) -> int | None:
    """Return how many samples `decode_pieces` gives at most, or None if the file does not say."""
    spec = source.spec
    n_samples = _n_wanted(source, cut)
    return None if n_samples is None else -(-n_samples * (cut.rate_hz or spec.rate_hz) // spec.rate_hz)


def _n_wanted(source: Source, cut: Cut) -> int | None:
    """Return the samples in the cut at the file's rate, by what the file promises; None is up to the end."""
    spec = source.spec
    wanted = None if cut.duration_s is None else seconds_to_samples(cut.duration_s, spec.rate_hz)
    if spec.n_samples is None:
        return wanted
    held = max(0, spec.n_samples - seconds_to_samples(cut.start_s, spec.rate_hz))
    return held if wanted is None else min(held, wanted)


def decode_pieces(source: Source, path: Path, cut: Cut) -> Iterator[NDArray[np.float32]]:
    """Yield a cut piece by piece, decoded, checked, mixed and resampled.

    The pieces are float32 (n_channels, n_samples) of any length; copy each before asking for the next.
    Raises AudioError as `read_audio` does.
    """
    rate_hz = check_rate(source.spec.rate_hz, f"{path}: the header")
    pieces = _decode(source, path, cut)
    if cut.mono and source.spec.n_channels > 1:
        pieces = (Waveform(piece, rate_hz).mono()[np.newaxis] for piece in pieces)
    if cut.rate_hz is None or cut.rate_hz == rate_hz:
        yield from pieces
        return
    resampler = StreamResampler(rate_hz, cut.rate_hz, 1 if cut.mono else source.spec.n_channels)
    n_given = 0
    for piece in itertools.chain(map(resampler.push, pieces), map(StreamResampler.finish, [resampler])):
        n_given += piece.shape[1]
        yield piece
    if n_given == 0:
        raise AudioError(f"{path}: found too little sound for one sample at {cut.rate_hz} Hz; use a longer part")


def _decode(source: Source, path: Path, cut: Cut) -> Iterator[NDArray[np.float32]]:
    spec = source.spec
    start, wanted = seconds_to_samples(cut.start_s, spec.rate_hz), _n_wanted(source, cut)
    if spec.n_samples == 0:
        raise _no_sound(path)
    if cut.duration_s is not None and seconds_to_samples(cut.duration_s, spec.rate_hz) == 0:
        raise AudioError(f"{path}: found duration_s={cut.duration_s}, expected at least a sample at {spec.rate_hz} Hz")
    if wanted != 0 and start > 0:
        source.skip(start)
    buffer = np.empty((PIECE_SAMPLES if wanted is None else min(PIECE_SAMPLES, wanted), spec.n_channels), np.float32)
    done = 0
    while wanted is None or done < wanted:
        n_read = source.read_into(buffer if wanted is None else buffer[: wanted - done])
        if n_read == 0:
            break
        piece = buffer[:n_read].T
        if spec.may_hold_nan:
            _check_finite(piece, path, start + done, spec.rate_hz)
        yield piece
        done += n_read
    _check_amount(source, path, start, done, wanted)


def _check_amount(source: Source, path: Path, start: int, done: int, wanted: int | None) -> None:
    promised = source.spec.n_samples
    if promised is not None and wanted is not None and done < wanted - source.spec.slack_samples:
        raise truncated(path, "the file", f"{start + done} samples", f"{promised} as its header says")
    if done == 0 and start == 0:
        raise _no_sound(path)
    if done == 0:
        end = "" if promised is None else f" of {samples_to_seconds(promised, source.spec.rate_hz):.3f} s"
        start_s = samples_to_seconds(start, source.spec.rate_hz)
        raise AudioError(f"{path}: found start_s={start_s:.3f}, expected a time before the end{end} of the file")


def _check_finite(piece: NDArray[np.float32], path: Path, offset: int, rate_hz: int) -> None:
    # NaN and infinity both show in the extremes, at a third of the cost of `isfinite` on every sample
    if np.isfinite(piece.max()) and np.isfinite(piece.min()):
        return
    bad = ~np.isfinite(piece).all(axis=0)
    first_s = samples_to_seconds(offset + int(bad.argmax()), rate_hz)
    raise AudioError(
        f"{path}: found NaN or infinite samples (the first at {first_s:.3f} s), expected finite numbers; "
        "export the file again, best as PCM"
    )


def _no_sound(path: Path) -> AudioError:
    return AudioError(f"{path}: found no samples, expected sound; record or export the file again")


def _gather(pieces: Iterable[NDArray[np.float32]], n_channels: int, n_expected: int | None) -> NDArray[np.float32]:
    """Return pieces as one float32 (n_channels, n_samples), never allocating far ahead of what has arrived."""
    n_first = FIRST_ALLOCATION // n_channels
    gathered = np.empty((n_channels, n_first if n_expected is None else min(n_first, n_expected)), dtype=np.float32)
    done = 0
    for piece in pieces:
        end = done + piece.shape[1]
        if end > gathered.shape[1]:
            larger = np.empty((n_channels, max(2 * gathered.shape[1], end)), dtype=np.float32)
            larger[:, :done] = gathered[:, :done]
            gathered = larger
        gathered[:, done:end] = piece
        done = end
    return np.ascontiguousarray(gathered[:, :done])
