"""Decoding with libsndfile: WAV, FLAC, OGG Vorbis, Opus, MP3, AIFF and two dozen rarer formats."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import soundfile

from earmark.audio.containers import Inspection, inspect_container, truncated
from earmark.audio.source import Refused, SourceSpec, discard

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

# Samples decoded and thrown away before a cut out of a lossy file: MP3 (bit reservoir) and Opus (whose decoder settles
# slowly) then give the bits of the whole decode. 2304 were enough in 60 random seeks in each of 5 files; 4 times that.
# Two remain: mono MP3 may differ in the last bit (1.2e-7), and Opus in its speech modes (up to 32 kbit/s) by up to
# 0.005, since those never forget where decoding began; decoding all from the start would cost hours on long files.
PREROLL_SAMPLES = 9600
MP3_SLACK_SAMPLES = 2 * 1152  # some encoders count their header's frame, some gapless data cut one more


class _SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
    """A SoundFile that does not seek to where it already is after each read.

    The superfluous seek costs time, and in OGG and MP3 it throws away decoder state.
    """

    @property
    def can_seek(self) -> bool:
        """Whether libsndfile can seek in this coding; it cannot in GSM 6.10."""
        return bool(super().seekable())

    def seekable(self) -> bool:
        """Say no, which is what the parent asks before each such seek; `seek` itself still works."""
        return False


class _SplicedFile(io.RawIOBase):
    """A file whose first bytes are replaced by others."""

    def __init__(self, file: FileIO, splice: bytes, splice_bytes: int) -> None:
        self._file, self._splice, self._shift = file, splice, splice_bytes - len(splice)
        self._length = os.fstat(file.fileno()).st_size - self._shift
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position in the spliced content."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position in the spliced content."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the current position; never across the seam in one call."""
        view = memoryview(buffer).cast("B")
        done = 0
        if self._position < len(self._splice):
            part = self._splice[self._position : self._position + len(view)]
            done = len(part)
            view[:done] = part
        if done < len(view):
            self._file.seek(self._position + done + self._shift)
            done += self._file.readinto(view[done:]) or 0
        self._position += done
        return done


class SoundfileSource:
    """A file decoded by libsndfile.

    The file is handed over as a descriptor, so that libsndfile goes by content and never by the name: given a name
    it would take a text file called ``a.vox`` or ``a.gsm`` for sound.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw = path.open("rb", buffering=0)
        try:
            found = inspect_container(path, self._raw, os.fstat(self._raw.fileno()).st_size)
            if found.refusal:
                raise Refused(found.refusal)
            self._raw.seek(0)
            self._file = self._open(found)
        except BaseException:
            self._raw.close()
            raise
        self._last_seek = found.last_seek if self._file.subtype == "VORBIS" else None
        n_samples = int(self._file.frames)
        self._position = 0
        self.spec = SourceSpec(
            rate_hz=int(self._file.samplerate),
            n_channels=int(self._file.channels),
            n_samples=n_samples if n_samples < 2**62 else None,  # a FLAC that was written into a pipe
            format=f"{self._file.format} {self._file.subtype}",
            decoder="soundfile",
            slack_samples=MP3_SLACK_SAMPLES if self._file.format == "MP3" else 0,
            may_hold_nan="PCM" not in self._file.subtype,
        )

    def _open(self, found: Inspection) -> _SequentialFile:
        try:
            if found.splice:
                return _SequentialFile(_SplicedFile(self._raw, found.splice, found.splice_bytes))
            return _SequentialFile(self._raw.fileno(), closefd=False)
        except soundfile.SoundFileError as error:
            raise Refused(_first_line(error)) from error

    def skip(self, n_samples: int) -> None:
        """Leave out the first samples."""
        target = n_samples
        if self._file.format in {"OGG", "MP3"}:
            target = max(0, n_samples - PREROLL_SAMPLES)
        if self._last_seek is not None:
            target = min(target, self._last_seek)
        if self.spec.n_samples is None or not self._file.can_seek:
            target = 0
        if target > 0:
            try:
                self._file.seek(target)
            except soundfile.SoundFileError as error:
                found = f'"{_first_line(error)}" at sample {target}'
                raise truncated(self._path, "the file", found, f"{self.spec.n_samples} samples") from error
            self._position = target
        discard(self, n_samples - target)

    def read_into(self, frames: NDArray[np.float32]) -> int:
        """Fill an array from its start."""
        try:
            n_read = len(self._file.read(out=frames))
        except soundfile.SoundFileError as error:
            found = f'"{_first_line(error)}" after sample {self._position}'
            raise truncated(self._path, "the file", found, f"{self.spec.n_samples or 'more'} samples") from error
        self._position += n_read
        return n_read

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        self._raw.close()


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "error_string", error)).strip().splitlines()[0]
    # what libsndfile says of an MP3 in which its decoder finds no frame
    return "no valid frame of sound" if "not a regular file" in text else text.removeprefix("Error : ").rstrip(".")
