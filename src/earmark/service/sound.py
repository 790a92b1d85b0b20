"""From a file that a stranger sent to sound, within bounds that no header can move.

What the file says of itself is used to refuse it early, never to allow more. It is decoded piece by piece, and given up
as soon as there is more sound than allowed. What is told of it never holds a path of this machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.containers import HEAD_BYTES, sniff
from earmark.audio.decoders import open_source
from earmark.audio.read import PIECE_SAMPLES, Cut, decode_pieces
from earmark.audio.resample import check_rate
from earmark.audio.waveform import Waveform
from earmark.core.errors import AudioError
from earmark.service.problems import Problem

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.audio.source import SourceSpec

# Names that `sniff` gives to sound; whatever else it recognises, or does not, is refused before any decoder sees it.
SOUNDS = frozenset(
    {"WAV", "WAV (big-endian)", "RF64", "BW64", "W64", "AU", "CAF", "AIFF", "FLAC", "OGG", "MP3", "MP4/M4A", "WavPack"}
    | {"Matroska/WebM", "ASF/WMA", "AMR", "Monkey's Audio", "AC-3", "AAC (ADTS)"}
)
EXPECTED = "expected WAV, FLAC, OGG, Opus, MP3, AIFF, CAF, or AAC, M4A and WebM where the server decodes them"
MAX_CHANNELS = 64
MAX_SAMPLES_PER_S = 1_000_000  # rate times channels: ten seconds of it, as distortion is measured, are 40 MB
MAX_STRETCH = 64  # times the rate may grow: a piece at 10 Hz would become 800 MB at 32 kHz
MAX_SOUND_BYTES = 256 << 20  # of one sound in memory
QUIETEST_DB = -120.0


@dataclass(frozen=True)
class Wanted:
    """What shall come of a sound.

    Attributes:
        rate_hz: Rate to resample to; None keeps its own.
        is_mono: Whether channels are mixed.
        check_rate: Raises AudioError for a rate that is too low, given the rate and a name.
        max_duration_s: Longer sound is refused.
        is_kept: Whether samples are returned; without, it is only measured.
    """

    rate_hz: int | None
    is_mono: bool
    check_rate: Callable[[int, str], None] | None
    max_duration_s: float
    is_kept: bool = True


@dataclass(frozen=True, eq=False)
class Sound:
    """A decoded sound.

    Attributes:
        waveform: As wanted; without samples if none were to be kept.
        duration_s: How long it is.
        rate_hz: The rate that it was sent in.
        n_channels: The channels that it was sent with.
        level_db: Root mean square of its samples, of full scale.
    """

    waveform: Waveform | None
    duration_s: float
    rate_hz: int
    n_channels: int
    level_db: float


def decode_sound(path: Path, name: str, wanted: Wanted, given_up: threading.Event) -> Sound:
    """Return the sound in a file.

    Args:
        path: The file.
        name: What the client calls it.
        wanted: What shall come of it.
        given_up: Set when nobody waits for it any more.

    Raises:
        Problem: 413: it is longer than allowed. 415: it is no sound. 422: it cannot be decoded, or breaks a rule.
    """
    refuse_no_sound(path, name)
    try:
        with open_source(path) as source:
            spec = source.spec
            _check(spec, name, wanted)
            cut = Cut(rate_hz=wanted.rate_hz, mono=wanted.is_mono)
            gathered = _Gathered(wanted, spec, name)
            for piece in decode_pieces(source, path, cut):
                if given_up.is_set():
                    raise Problem(504, "Timed out", "The request was given up while its sound was decoded.")
                gathered.add(piece)
            return gathered.sound(spec)
    except AudioError as error:
        raise refused(error, name, path) from error


def refuse_no_sound(path: Path, name: str) -> None:
    """Refuse what does not begin like a file of sound.

    Raises:
        Problem: 415, or 422 for nothing at all.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise Problem(422, "Sound refused", f"{name}: found 0 bytes, expected a file of sound.")
    kind = sniff(head)
    if kind not in SOUNDS:
        looks = f"looks like {kind}" if kind else "does not begin like any file of sound"
        raise Problem(415, "Not a sound", f"{name}: {looks}; {EXPECTED}.")


def refused(error: AudioError, name: str, path: Path | None = None) -> Problem:
    """Return the problem of sound that is not usable, with the client's name of it in place of a path."""
    text = str(error)
    if path is not None:
        text = text.replace(str(path), name).replace(path.name, name)
    if not text.startswith(name):
        text = f"{name} {text}" if text.startswith(("is ", "holds ")) else f"{name}: {text}"
    return Problem(422, "Sound refused", text)


def _check(spec: SourceSpec, name: str, wanted: Wanted) -> None:
    """Refuse by what the file says of itself."""
    rate_hz = check_rate(spec.rate_hz, f"{name}: the header")
    if spec.n_channels > MAX_CHANNELS or spec.n_channels * rate_hz > MAX_SAMPLES_PER_S:
        raise AudioError(
            f"{name}: found {spec.n_channels} channels at {rate_hz} Hz, expected at most {MAX_CHANNELS} channels and "
            f"{MAX_SAMPLES_PER_S:,} samples a second in all; send fewer channels or a lower rate"
        )
    if wanted.check_rate is not None:
        wanted.check_rate(rate_hz, name)
    if wanted.rate_hz is not None and wanted.rate_hz > MAX_STRETCH * rate_hz:
        raise AudioError(f"{name}: found rate {rate_hz} Hz, expected at least {wanted.rate_hz / MAX_STRETCH:.0f} Hz")
    slack = spec.slack_samples + 1
    if spec.n_samples is not None and spec.n_samples - slack > wanted.max_duration_s * rate_hz:
        raise _too_long(name, wanted, f"{spec.n_samples / rate_hz:.1f} s")


class _Gathered:
    """The pieces of a sound so far, within the limits.

    Args:
        wanted: The limits.
        spec: What the file says of itself.
        name: What the client calls it.
    """

    def __init__(self, wanted: Wanted, spec: SourceSpec, name: str) -> None:
        self._wanted, self._name = wanted, name
        self._rate_hz = wanted.rate_hz or spec.rate_hz
        self._n_most = math.ceil(wanted.max_duration_s * self._rate_hz) + 1  # resampling rounds up
        self._pieces: list[NDArray[np.float32]] = []
        self._n_samples = self._n_bytes = 0
        self._power = 0.0

    def add(self, piece: NDArray[np.float32]) -> None:
        """Take the next piece.

        Raises:
            Problem: 413: that is more than allowed.
        """
        self._n_samples += piece.shape[1]
        self._n_bytes += piece.nbytes
        if self._n_samples > self._n_most:
            raise _too_long(self._name, self._wanted, "more")
        if self._wanted.is_kept:
            if self._n_bytes > MAX_SOUND_BYTES:
                raise Problem(
                    413, "Too long", f"{self._name}: takes more than {MAX_SOUND_BYTES >> 20} MB decoded; send less."
                )
            self._pieces.append(piece.copy())
        self._power += sum(float(np.dot(channel, channel)) for channel in piece) / len(piece)

    def sound(self, spec: SourceSpec) -> Sound:
        """Return all of it."""
        power = self._power / max(1, self._n_samples)
        level_db = 10 * math.log10(power) if power > 0 and math.isfinite(power) else QUIETEST_DB
        waveform = Waveform(_joined(self._pieces), self._rate_hz) if self._wanted.is_kept else None
        duration_s = self._n_samples / self._rate_hz
        return Sound(waveform, duration_s, spec.rate_hz, spec.n_channels, max(QUIETEST_DB, level_db))


def _joined(pieces: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return pieces as one array; each is freed as soon as it was copied, so that nothing is held twice."""
    if len(pieces) == 1:
        return np.ascontiguousarray(pieces.pop())
    whole = np.empty((pieces[0].shape[0], sum(piece.shape[1] for piece in pieces)), dtype=np.float32)
    done = 0
    for piece in _taken(pieces):
        whole[:, done : done + piece.shape[1]] = piece
        done += piece.shape[1]
    return whole


def _taken(pieces: list[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    pieces.reverse()
    while pieces:
        yield pieces.pop()


def _too_long(name: str, wanted: Wanted, found: str) -> Problem:
    most = f"{wanted.max_duration_s:g} s"
    return Problem(413, "Too long", f"{name}: found {found}, expected at most {most} of sound; send a part of it.")


BIGGEST_PIECE_BYTES = 4 * PIECE_SAMPLES * max(MAX_CHANNELS, MAX_STRETCH)
"""The most that one piece takes, whatever a file says: 16 MB."""
