"""Sound into files, through libsndfile; a file is whole or absent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from earmark.core.errors import AudioError, StoreError, did_you_mean
from earmark.core.files import replacing

if TYPE_CHECKING:
    from earmark.audio.waveform import Waveform

# suffix -> (libsndfile format, default subtype)
FORMATS: dict[str, tuple[str, str]] = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".aiff": ("AIFF", "PCM_16"),
    ".aif": ("AIFF", "PCM_16"),
}
WRITE_SAMPLES = 16_384  # libsndfile's Vorbis encoder overruns the stack when given minutes of sound in one call
_SYSTEM_ERROR = 2  # SF_ERR_SYSTEM: the disk, not the sound


def write_audio(path: str | Path, waveform: Waveform, *, subtype: str | None = None) -> None:
    """Write sound in the format that the suffix names: wav, flac, ogg, opus, mp3, aiff.

    Args:
        path: The file; an old one is replaced, missing folders are made.
        waveform: Finite samples; for integer subtypes within [-1, 1].
        subtype: Coding inside the format, such as ``"FLOAT"`` or ``"PCM_24"`` for wav; None is 16 bits for wav, flac
            and aiff.

    Raises:
        AudioError: The suffix or subtype is unknown, the samples are empty, not finite or would clip, or the format
            does not take this rate or number of channels.
        StoreError: The folder or disk refuses the file.
    """
    path = Path(path)
    file_format, default = _format_of(path)
    subtype = default if subtype is None else subtype.upper()
    known = soundfile.available_subtypes(file_format) or {default: ""}
    if subtype not in known:
        raise AudioError(
            f'{path}: found subtype "{subtype}", expected one of {file_format}{did_you_mean(subtype, known)}'
        )
    _check_samples(path, waveform, subtype)
    frames = waveform.samples.T
    with replacing(path) as temporary:
        try:
            with soundfile.SoundFile(
                temporary, "w", waveform.rate_hz, waveform.n_channels, subtype, format=file_format
            ) as file:
                for start in range(0, len(frames), WRITE_SAMPLES):
                    file.write(np.ascontiguousarray(frames[start : start + WRITE_SAMPLES]))
        except (soundfile.SoundFileError, AssertionError) as error:  # python-soundfile asserts that all was written
            raise _refusal(path, waveform, f"{file_format} {subtype}", error) from error


def _format_of(path: Path) -> tuple[str, str]:
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise AudioError(
            f'{path}: found suffix "{path.suffix}", expected one that can be written{_known_suffixes(suffix)}'
        )
    return FORMATS[suffix]


def _known_suffixes(suffix: str) -> str:
    return did_you_mean(suffix, FORMATS)


def _check_samples(path: Path, waveform: Waveform, subtype: str) -> None:
    if waveform.samples.size == 0:
        raise AudioError(f"{path}: found no samples to write, expected sound")
    peak = float(np.abs(waveform.samples).max())
    if not np.isfinite(peak):
        raise AudioError(f"{path}: found NaN or infinite samples to write, expected finite numbers")
    if peak > 1.0 and (subtype.startswith("PCM") or subtype in {"ULAW", "ALAW"}):
        raise AudioError(
            f"{path}: found a peak of {peak:.3f}, expected at most 1 for {subtype}, which would clip it; "
            'lower the gain, or write a wav with subtype="FLOAT"'
        )


def _refusal(path: Path, waveform: Waveform, coding: str, error: Exception) -> Exception:
    if isinstance(error, AssertionError) or getattr(error, "code", None) == _SYSTEM_ERROR:
        return StoreError(f"{path}: cannot be written (the disk refuses it); free space or choose another folder")
    return AudioError(
        f"{path}: {coding} does not take {waveform.n_channels} channels at {waveform.rate_hz} Hz "
        f"({getattr(error, 'error_string', error)}); resample it, or write a wav"
    )
