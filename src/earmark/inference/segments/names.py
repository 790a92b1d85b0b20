"""Names of files and folders that every file system takes, and that stay apart where capitals do not count."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NOISE = "_noise"
UNSURE = "_unsure"
_REFUSED = frozenset('<>:"/\\|?*')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)
_LABEL_BYTES = 60
_RECORDING_BYTES = 100


class Names:
    """Gives out names, each only once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.casefold() for name in taken}

    def take(self, name: str, suffix: str = "") -> str:
        """Return the name with its suffix, numbered where it is taken."""
        number = 1
        candidate = f"{name}{suffix}"
        while candidate.casefold() in self._taken:
            number += 1
            candidate = f"{name}-{number}{suffix}"
        self._taken.add(candidate.casefold())
        return candidate


def folder_names(labels: Iterable[str]) -> dict[str, str]:
    """Return the folder of each label; none is a special folder."""
    names = Names()
    return {label: names.take(plain(label, _LABEL_BYTES)) for label in sorted(labels)}


def clip_stem(probability: float, recording: str, times_s: tuple[float, float], label: str) -> str:
    """Return a name that says the probability, recording, times in s and label.

    Example:
        >>> clip_stem(0.8741, "rec/night 1.wav", (12.5, 15.5), "dog")
        '0.874_night 1_12.500-15.500_dog'
    """
    name = recording.replace("\\", "/").rstrip("/").rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    start_s, end_s = times_s
    said = plain(stem, _RECORDING_BYTES), f"{start_s:.3f}-{end_s:.3f}", plain(label, _LABEL_BYTES)
    return "_".join((f"{probability:.3f}", *said))


def plain(text: str, n_bytes: int) -> str:
    """Return a text as part of a file name: without what some system refuses, in at most so many bytes.

    Example:
        >>> plain("AC/DC: live?", 60), plain("_noise", 60), plain("...", 60)
        ('AC_DC_ live_', 'noise', 'unnamed')
    """
    letters = unicodedata.normalize("NFC", text)
    kept = "".join(letter if letter.isprintable() and letter not in _REFUSED else "_" for letter in letters)
    kept = kept.lstrip("._ ").encode()[:n_bytes].decode(errors="ignore").rstrip(". ")
    return f"{kept}_" if _DEVICES.match(kept) else kept or "unnamed"
