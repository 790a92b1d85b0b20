"""The literal table of decoders, in the order in which they are tried, and the errors where none of them helps."""

from __future__ import annotations

import contextlib
import stat
from typing import TYPE_CHECKING

from earmark.audio.containers import HEAD_BYTES, NEEDS_AV, sniff
from earmark.audio.decode_av import NOT_INSTALLED, AvSource
from earmark.audio.decode_soundfile import SoundfileSource
from earmark.audio.source import Refused, Source
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DECODERS: dict[str, Callable[[Path], Source]] = {"soundfile": SoundfileSource, "av": AvSource}


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a file with the first decoder that takes it.

    Raises:
        AudioError: The file is missing, a folder, empty, truncated, or no decoder takes it (all are named).
    """
    _check_file(path)
    reasons: dict[str, str] = {}
    for name, decoder in DECODERS.items():
        try:
            source = decoder(path)
        except Refused as refused:
            reasons[name] = str(refused)
            continue
        except OSError as error:
            raise AudioError(f"{path}: cannot be read ({error.strerror or error})") from error
        with contextlib.closing(source):
            yield source
        return
    raise _nobody_decodes(path, reasons)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise AudioError(f"{path}: found a folder, expected an audio file; name the files in it")
    try:
        status = path.stat()
    except OSError as error:
        near = ""
        if path.parent.is_dir():
            near_files = path.parent.glob(f"{_literal(path.stem)}.*")
            same = [other.name for other in near_files if other.name != path.name][:1]
            near = f'; did you mean "{same[0]}"?' if same else ""
        raise AudioError(f"{path}: cannot be read ({error.strerror or error}){near}") from error
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(f"{path}: found a pipe or device, expected an audio file; write the sound into a file first")
    if status.st_size == 0:
        raise AudioError(f"{path}: found 0 bytes, expected an audio file; copy or download it again")


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _nobody_decodes(path: Path, reasons: dict[str, str]) -> AudioError:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = sniff(head)
    tried = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    looks = f"it looks like {kind}" if kind else f"it starts with {head[:12]!r}"
    if kind in NEEDS_AV and reasons.get("av") == NOT_INSTALLED:
        remedy = "install the decoder for it: pip install 'earmark[av]'"
    else:
        remedy = "expected WAV, FLAC, OGG, Opus, MP3, AIFF or (with earmark[av]) AAC/M4A; convert or remove the file"
    return AudioError(f"{path}: no decoder takes this file ({tried}); {looks}; {remedy}")
