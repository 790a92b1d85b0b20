"""The journal of an analysis (earmark.core.journal): what was heard in each block of each recording.

A block is known by its recording's name, size and version and by everything that decides what is heard in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.core import journal
from earmark.core.identity import fingerprint
from earmark.inference.analysis.task import Part

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from earmark.inference.analysis.recordings import Recording

HEADER = {"format": "earmark-analyze", "version": 1}
FILE_NAME = "analyze.jsonl"


class Journal(journal.Journal):
    """Parts on disk by recording and block.

    Args:
        path: The journal; made where there is none.
        seal: Fingerprint of the model and options.
        resume: Whether parts that it holds count; otherwise it begins anew.

    Raises:
        StoreError: It cannot be read or written, or is something else than a journal.
    """

    def __init__(self, path: Path, seal: str, *, resume: bool = True) -> None:
        super().__init__(path, HEADER, "part", resume=resume)
        self._seal = seal

    def find(self, recording: Recording) -> dict[int, Part]:
        """Return the blocks of a recording that were there when the journal was opened, up to the first gap."""
        parts: dict[int, Part] = {}
        while (part := self.find_block(recording, len(parts))) is not None:
            parts[len(parts)] = part
            if part.ending is not None:
                break
        return parts

    def find_block(self, recording: Recording, block: int) -> Part | None:
        """Return a block of a recording, None where it is not known."""
        values = self.find_entry(self._key(recording, block), recording.key_name)
        part = None if values is None else Part.from_json(values)
        return part if part is not None and part.block == block else None

    def add(self, recording: Recording, part: Part) -> None:
        """Append a block.

        Raises:
            StoreError: The disk is full, or the journal cannot be written any more.
        """
        self.add_entry(self._key(recording, part.block), recording.key_name, part.to_json())

    def _key(self, recording: Recording, block: int) -> str:
        return fingerprint([recording.key_name, recording.size_bytes, recording.version, self._seal, block])


def journal_path(results: Path | None, inputs: Sequence[str], cache_dir: Path) -> Path:
    """Return where the journal of an analysis lies.

    Args:
        results: What the user asked for: a folder or a file that ends in .jsonl; None for one in the cache.
        inputs: What is analysed, paths and addresses.
        cache_dir: The folder of caches.
    """
    return journal.journal_path(results, inputs, cache_dir / "analyze", FILE_NAME)
