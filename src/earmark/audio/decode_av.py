"""Decoding with FFmpeg through PyAV (extra ``av``): AAC/M4A, WMA, the sound of films, chained OGG."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from earmark.audio.containers import truncated
from earmark.audio.source import Refused, SourceSpec, discard
from earmark.core.errors import MissingExtraError
from earmark.core.optional import import_extra

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

NOT_INSTALLED = "is not installed"
SLACK_S = 0.25  # containers round durations, and encoders pad the last frame


def _lenient(av: Any) -> dict[str, str]:
    """Return the arguments that let titles in broken text pass; from version 19 on, none are needed or taken."""
    return {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}


class AvSource:
    """A file decoded by FFmpeg.

    Always decodes from the start, because AAC's noise substitution makes a seek change the samples that follow.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._av = import_extra("av", "av", "Decoding with FFmpeg")
        except MissingExtraError as error:
            is_absent = isinstance(error.__cause__, ModuleNotFoundError)
            raise Refused(NOT_INSTALLED if is_absent else str(error)) from error
        # by descriptor, so that the name is hidden: FFmpeg, too, would take a text file called a.gsm for sound
        self._file = os.fdopen(os.open(path, os.O_RDONLY), "rb")
        try:
            self._container = self._av.open(self._file, **_lenient(self._av))
        except self._av.FFmpegError as error:
            self._file.close()
            raise Refused(error.strerror or type(error).__name__) from error
        try:
            self._frames = self._decode()
            self._rest = next(self._frames, None)
            if self._rest is None:
                raise Refused("no sound in the file")
        except BaseException:
            self.close()
            raise

    def _decode(self) -> Iterator[NDArray[np.float32]]:
        """Yield float32 (n_channels, n_samples); sets `spec` at the first frame."""
        streams = self._container.streams.audio
        if not streams:
            raise Refused("no sound in the file")
        resampler = None
        try:
            for frame in self._container.decode(streams[0]):
                if resampler is None:
                    self.spec = self._describe(streams[0], frame)
                    # to planar float; the first frame's rate and layout stay, so a stream that changes them is adapted
                    resampler = self._av.AudioResampler("fltp", frame.layout, frame.sample_rate)
                for part in [frame] if frame.format.name == "fltp" else resampler.resample(frame):
                    yield part.to_ndarray()
        except self._av.FFmpegError as error:
            if resampler is None:
                raise Refused(error.strerror or type(error).__name__) from error
            raise truncated(self._path, "the file", error.strerror, "sound up to its end") from error

    def _describe(self, stream: Any, frame: Any) -> SourceSpec:
        is_exact = stream.duration and stream.time_base and stream.time_base * frame.sample_rate == 1
        return SourceSpec(
            rate_hz=int(frame.sample_rate),
            n_channels=int(frame.layout.nb_channels),
            n_samples=int(stream.duration) if is_exact else None,
            format=f"{self._container.format.name.split(',')[0].upper()} {stream.codec_context.name}",
            decoder="av",
            slack_samples=round(SLACK_S * frame.sample_rate),
        )

    def skip(self, n_samples: int) -> None:
        """Leave out the first samples."""
        discard(self, n_samples)

    def read_into(self, frames: NDArray[np.float32]) -> int:
        """Fill an array from its start."""
        done = 0
        while done < len(frames) and self._rest is not None:
            part = self._rest[:, : len(frames) - done]
            frames[done : done + part.shape[1]] = part.T
            done += part.shape[1]
            self._rest = self._rest[:, part.shape[1] :] if part.shape[1] < self._rest.shape[1] else self._next()
        return done

    def _next(self) -> NDArray[np.float32] | None:
        return next(self._frames, None)

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()
        self._file.close()
