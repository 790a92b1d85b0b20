"""The journal of a check (earmark.core.journal): the whole answer for each file.

An answer is known by the file's path, size and time of change, the part of it that was asked about, and the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.core import journal
from earmark.core.identity import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.data.find import AudioFile

HEADER = {"format": "earmark-check", "version": 1}
FILE_NAME = "check.jsonl"


class Journal(journal.Journal):
    """Answers on disk by file.

    Args:
        path: The journal; made where there is none.
        seal: Fingerprint of whatever else decides the answers: the model.
        resume: Whether answers that it holds count; otherwise it begins anew.

    Raises:
        StoreError: It cannot be read or written, or is something else than a journal.
    """

    def __init__(self, path: Path, seal: str, *, resume: bool = True) -> None:
        super().__init__(path, HEADER, "report", resume=resume)
        self._seal = seal

    def find(self, file: AudioFile) -> dict[str, Any] | None:
        """Return the answer for a file that was there when the journal was opened, None if it has changed since."""
        return self.find_entry(self._key(file), file.name)

    def add(self, file: AudioFile, report: dict[str, Any]) -> None:
        """Append the answer for a file.

        Raises:
            StoreError: The disk is full, or the journal cannot be written any more.
        """
        self.add_entry(self._key(file), file.name, report)

    def _key(self, file: AudioFile) -> str:
        part = [file.start_s, file.duration_s]
        return fingerprint([file.name, file.size_bytes, file.mtime_ns, part, self._seal])


def journal_path(results: Path | None, paths: list[Path], cache_dir: Path) -> Path:
    """Return where the journal of a check lies.

    Args:
        results: What the user asked for: a folder or a file that ends in .jsonl; None for one in the cache.
        paths: What is checked; one journal serves all checks of the same folders.
        cache_dir: The folder of caches.
    """
    return journal.journal_path(results, paths, cache_dir / "check", FILE_NAME)
