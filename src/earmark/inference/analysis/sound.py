"""The sound of a recording at another rate, the same bits wherever reading begins.

Sound that needs another rate is resampled in stretches of 15 s, each with a margin of the sound around it, so that
what comes out (within 3e-7 of the whole resampled at once) does not depend on where a run was resumed, nor on how a
long file is divided. Files whose coding allows an exact seek are read from anywhere, the others from their start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.decoders import open_source
from earmark.audio.resample import check_rate, resample
from earmark.audio.stream import stream_audio
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

STRETCH_S = 15
READ_S = 1  # what is decoded at once: 15 s of it hold 10 MB more at 48 kHz, and are no faster
MARGIN_SAMPLES = 1000  # at the lower of both rates: soxr HQ's filter is some 100 long on each side
_EXACT_CODINGS = ("PCM", "FLOAT", "DOUBLE", "ULAW", "ALAW")
_INEXACT_CONTAINERS = ("OGG", "MP3", "MPEG")


@dataclass(frozen=True)
class Header:
    """What a recording says of itself.

    Attributes:
        path: The file.
        rate_hz: Its own rate.
        n_channels: Its own channels.
        n_samples: Samples per channel; None if only decoding tells.
        seeks_exactly: Whether sound from its middle is bit by bit that of the whole decode.
    """

    path: Path
    rate_hz: int
    n_channels: int
    n_samples: int | None
    seeks_exactly: bool


def read_header(path: Path) -> Header:
    """Return what a recording says of itself, without decoding it.

    Raises:
        AudioError: It is missing, or not audio.
    """
    with open_source(path) as source:
        spec = source.spec
        container, _, coding = spec.format.partition(" ")
        exact = (
            spec.decoder == "soundfile"
            and spec.n_samples is not None
            and container not in _INEXACT_CONTAINERS
            and coding.startswith(_EXACT_CODINGS)
        )
        return Header(path, check_rate(spec.rate_hz, f"{path}: the header"), spec.n_channels, spec.n_samples, exact)


class Sound:
    """Mono sound of a recording at a rate, from a sample on.

    Args:
        header: The recording.
        rate_hz: Rate of the result.
        start: First sample wanted, at `rate_hz`.

    Attributes:
        n_samples: Samples of the recording at its own rate; None until the end was reached.
    """

    def __init__(self, header: Header, rate_hz: int, start: int = 0) -> None:
        self._header = header
        self._rate_hz = rate_hz
        self._first, self._dropped = divmod(start, STRETCH_S * rate_hz)
        self.n_samples: int | None = None

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Yield blocks float32 (n_samples,) up to the end of the recording.

        Raises:
            AudioError: It cannot be decoded, or is too short for a sample at this rate.
        """
        same = self._header.rate_hz == self._rate_hz
        left = self._dropped
        for block in self._native() if same else self._resampled():
            if left < len(block):
                yield block[left:]
            left = max(0, left - len(block))

    @property
    def _unit(self) -> int:
        """Samples at the own rate between moments that both rates have a sample at."""
        return self._header.rate_hz // math.gcd(self._header.rate_hz, self._rate_hz)

    @property
    def _margin(self) -> int:
        rate_hz = self._header.rate_hz
        return math.ceil(MARGIN_SAMPLES * max(1.0, rate_hz / self._rate_hz) / self._unit) * self._unit

    def _native(self) -> Iterator[NDArray[np.float32]]:
        """Yield mono sound at the own rate from the start of the first stretch, less its margin where it has one."""
        header = self._header
        start = self._native_start()
        skipped = 0 if header.seeks_exactly else start
        position = start - skipped
        if header.n_samples is not None and header.seeks_exactly and position >= header.n_samples:
            self.n_samples = header.n_samples
            return
        blocks = stream_audio(header.path, block_s=READ_S, mono=True, start_s=position / header.rate_hz)
        for block in blocks:
            samples = block.samples[0]
            position += len(samples)
            if skipped < len(samples):
                yield samples[skipped:]
            skipped = max(0, skipped - len(samples))
        self.n_samples = position

    def _native_start(self) -> int:
        start = self._first * STRETCH_S * self._header.rate_hz
        return start if self._header.rate_hz == self._rate_hz else max(0, start - self._margin)

    def _resampled(self) -> Iterator[NDArray[np.float32]]:
        rate_hz, stretch = self._header.rate_hz, STRETCH_S * self._header.rate_hz
        held, begin = np.empty(0, dtype=np.float32), self._native_start()  # `held` begins at this sample of the file
        place = self._first * stretch
        n_given = 0
        for block in self._native():
            held = np.concatenate([held, block])
            while begin + len(held) >= place + stretch + self._margin:
                yield self._stretch(held[: place + stretch + self._margin - begin], place - begin)
                n_given += STRETCH_S * self._rate_hz
                place += stretch
                held, begin = held[max(0, place - self._margin - begin) :], max(begin, place - self._margin)
        while place < begin + len(held):
            last = self._stretch(held[: place + stretch + self._margin - begin], place - begin)
            n_given += len(last)
            yield last
            place += stretch
            held, begin = held[max(0, place - self._margin - begin) :], max(begin, place - self._margin)
        if not n_given and not self._first:
            raise AudioError(
                f"{self._header.path}: found too little sound for one sample at {self._rate_hz} Hz "
                f"({len(held)} at {rate_hz} Hz); leave this file out"
            )

    def _stretch(self, samples: NDArray[np.float32], offset: int) -> NDArray[np.float32]:
        """Return the stretch that begins `offset` into samples, at the rate wanted; both ends but the file's go."""
        changed = resample(samples, self._header.rate_hz, self._rate_hz)
        first = offset * self._rate_hz // self._header.rate_hz
        return changed[first : first + STRETCH_S * self._rate_hz]
