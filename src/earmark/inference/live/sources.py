"""Where the sound of a stream comes from: blocks of mono samples.

A source that plays out whether anybody listens or not (a sound card, a file played in real time) is `live`: it is read
by a thread of its own, and what cannot be judged in time is dropped. The others are read as fast as they are judged.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np

from earmark.audio import probe_audio, stream_audio
from earmark.core.errors import AudioError
from earmark.core.units import seconds_to_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.inference.live.ring import Ring

BLOCK_S = 0.02
FULL_SCALE = 32768.0


class Source(Protocol):
    """A stream of mono sound."""

    rate_hz: int
    live: bool
    name: str

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the sound, float32 (n_samples,) each."""
        ...

    def record(self, ring: Ring, stopped: Callable[[], bool]) -> None:
        """Write the sound into a ring until it ends or `stopped` says so. Runs in the capture thread."""
        ...


def record_blocks(source: Source, ring: Ring, stopped: Callable[[], bool], *, paced: bool) -> None:
    """Write a source's blocks into a ring, each when its time has come if they are to be paced."""
    began_s, n_samples = time.monotonic(), 0
    for block in source.blocks():
        n_samples += len(block)
        due_s = began_s + n_samples / source.rate_hz if paced else time.monotonic()
        while (wait_s := due_s - time.monotonic()) > 0 and not stopped():
            time.sleep(min(wait_s, 0.1))
        if stopped():
            return
        ring.write(block, due_s)


class FileSource:
    """The sound of a file, at its own rate.

    Args:
        path: An audio file.
        realtime: Whether it is played as slowly as it sounds.

    Raises:
        AudioError: It cannot be decoded.
    """

    def __init__(self, path: Path, *, realtime: bool = False) -> None:
        self.rate_hz = probe_audio(path).rate_hz
        self.live = realtime
        self.name = str(path)
        self._path = path

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the file in blocks of 20 ms, its channels mixed. Raises AudioError for damaged sound."""
        n_block = seconds_to_samples(BLOCK_S, self.rate_hz)
        for part in stream_audio(self._path, block_s=10.0):
            samples = part.mono()
            for first in range(0, len(samples), n_block):
                yield samples[first : first + n_block]

    def record(self, ring: Ring, stopped: Callable[[], bool]) -> None:
        """Play the file into the ring."""
        record_blocks(self, ring, stopped, paced=True)


class PcmSource:
    """Raw samples from a pipe: signed 16-bit little-endian, mono.

    Args:
        rate_hz: Their rate.
        pipe: Where to read them; None is standard input.
        realtime: Whether they come as they sound, so that they are dropped rather than held up.
    """

    def __init__(self, rate_hz: int, *, pipe: BinaryIO | None = None, realtime: bool = False) -> None:
        self.rate_hz = rate_hz
        self.live = realtime
        self.name = "standard input"
        self._pipe = pipe

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the samples as they come, at most 20 ms at once.

        Raises:
            AudioError: They end in the middle of one.
        """
        pipe = self._pipe or sys.stdin.buffer
        n_bytes = 2 * seconds_to_samples(BLOCK_S, self.rate_hz)
        while content := pipe.read(n_bytes):
            if len(content) % 2:
                raise AudioError(f"{self.name}: ends within a sample; expected signed 16-bit little-endian mono PCM")
            yield np.frombuffer(content, dtype="<i2").astype(np.float32) / np.float32(FULL_SCALE)

    def record(self, ring: Ring, stopped: Callable[[], bool]) -> None:
        """Write what comes into the ring."""
        record_blocks(self, ring, stopped, paced=False)
