"""Sounds that were given with consent, each under its SHA-256: in a folder, or in a bucket.

What is stored beside a correction is the sound's place: an address such as ``gs://bucket/feedback/ab/ab12....wav``, or
``ab/ab12....wav`` for a file in the state folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.audio.containers import sniff
from earmark.core.errors import StoreError
from earmark.core.files import replacing
from earmark.core.identity import file_sha256
from earmark.data.storage_client import ObjectStore, is_address

if TYPE_CHECKING:
    from typing import BinaryIO

FOLDER = "audio"
# By content, since names come from clients: a decoder needs no ending, but people and players do.
_SUFFIXES = {
    "WAV": ".wav",
    "WAV (big-endian)": ".wav",
    "RF64": ".wav",
    "BW64": ".wav",
    "W64": ".w64",
    "AU": ".au",
    "CAF": ".caf",
    "AIFF": ".aiff",
    "FLAC": ".flac",
    "OGG": ".ogg",
    "MP3": ".mp3",
    "MP4/M4A": ".m4a",
    "AAC (ADTS)": ".aac",
    "Matroska/WebM": ".webm",
    "ASF/WMA": ".wma",
}


def suffix_of(head: bytes) -> str:
    """Return the usual ending of files that begin like this; empty for an unknown kind.

    Example:
        >>> suffix_of(b"RIFF....WAVEfmt ")
        '.wav'
    """
    return _SUFFIXES.get(sniff(head), "")


class SoundShelf:
    """Keeps, gives and removes sounds.

    Args:
        state_dir: The state folder.
        audio_url: Where new sounds go instead, such as ``gs://bucket/feedback``; empty for the state folder.

    Raises:
        ConfigError: The credentials that are named cannot be read.
        DataError: The address names no bucket.
        MissingExtraError: The extra "cloud" is not installed.
    """

    def __init__(self, state_dir: Path, audio_url: str = "") -> None:
        self._folder = state_dir / FOLDER
        self._base = ""
        if audio_url:
            ObjectStore(audio_url)  # what is wrong with it shows where the service starts
            self._base = audio_url.rstrip("/") + "/"

    def place(self, sha256: str, head: bytes) -> str:
        """Return where a new sound belongs, from its hash and its first bytes."""
        return f"{self._base}{sha256[:2]}/{sha256}{suffix_of(head)}"

    def keep(self, place: str, content: BinaryIO) -> None:
        """Store a sound, whole or not at all; one that is there already stays.

        Raises:
            StoreError: It cannot be written.
        """
        if is_address(place):
            self._send(place, content)
            return
        path = self._path(place)
        if path.is_file():
            return
        self._make_folder()
        with replacing(path) as temporary:
            _write(content, temporary)

    def fetch(self, place: str, sha256: str, path: Path) -> bool:
        """Copy a sound to a file, whole or not at all; returns whether it was there.

        Raises:
            StoreError: It cannot be read or written, or is not the sound that was stored.
        """
        found = self._download(place, path) if is_address(place) else self._copy(place, path)
        if found and file_sha256(path) != sha256:
            path.unlink()
            raise StoreError(f"{self.shown(place)}: is not the sound that was stored; its SHA-256 is another")
        return found

    def remove(self, place: str) -> bool:
        """Delete a sound; returns whether it was there.

        Raises:
            StoreError: It cannot be deleted.
        """
        if is_address(place):
            store = ObjectStore(place)
            return store.remove(store.path)
        path = self._path(place)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"{path}: cannot be deleted ({error.strerror or error})") from error
        return True

    def shown(self, place: str) -> str:
        """Return a place as its owner would look for it."""
        return place if is_address(place) else str(self._path(place))

    def _path(self, place: str) -> Path:
        return self._folder / place

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self._folder}: cannot be made ({error.strerror or error})") from error

    def _send(self, place: str, content: BinaryIO) -> None:
        store = ObjectStore(place)
        try:
            with tempfile.TemporaryDirectory(prefix="earmark-send-") as folder:
                file = Path(folder) / "sound"
                _write(content, file)
                store.send(file, store.path)
        except OSError as error:
            raise StoreError(f"{place}: no temporary file can be written ({error.strerror or error})") from error

    def _download(self, place: str, path: Path) -> bool:
        from earmark.data.storage_faults import StorageError

        store = ObjectStore(place)
        try:
            store.fetch(store.look_at(store.path), path)
        except StorageError as error:
            if error.kind != "missing":
                raise
            return False
        return True

    def _copy(self, place: str, path: Path) -> bool:
        if not self._path(place).is_file():
            return False
        with replacing(path) as temporary:
            shutil.copyfile(self._path(place), temporary)
        return True


def _write(content: BinaryIO, path: Path) -> None:
    """Write a private file that outlives a power cut."""
    content.seek(0)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())
