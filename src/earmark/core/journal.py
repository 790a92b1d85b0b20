"""Journals: what is done stays done, whatever kills the run.

One JSON object per line; the first says what the file is, each other holds one entry under its key (a fingerprint) and
its name. A line is appended by a single write, so a kill tears at most the last one; torn lines are not read. Of a
journal 16 bytes per line are kept in memory.
"""

from __future__ import annotations

import json
import os
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from earmark.core.errors import StoreError
from earmark.core.files import write_bytes
from earmark.core.identity import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from numpy.typing import NDArray

_START = b'{"key":"'
_KEY = slice(len(_START), len(_START) + 16)


class Journal:
    """Entries on disk by key and name.

    Args:
        path: The journal; made where there is none.
        header: Format and version: the first line. Another file is never touched.
        field: What a line calls its value.
        resume: Whether entries that it holds count; otherwise it begins anew.

    Raises:
        StoreError: It cannot be read or written, or is something else than a journal.
    """

    def __init__(self, path: Path, header: dict[str, Any], field: str, *, resume: bool = True) -> None:
        self.path = path
        self._field = field
        first = json.dumps(header).encode() + b"\n"
        _refuse_others(path, first)
        if not (resume and path.exists()):
            write_bytes(path, first)
        try:
            self._keys, self._offsets = _index(path)
            self._writing = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
            self._reading = path.open("rb")
        except OSError as error:
            raise _refusal(path, error) from error
        self._mend_end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.close()
        os.close(self._writing)

    def find_entry(self, key: str, name: str) -> dict[str, Any] | None:
        """Return the last entry of this key and name that was there when the journal was opened, None if none was."""
        place = int(np.searchsorted(self._keys, np.uint64(int(key, 16)), side="right")) - 1
        if place < 0 or int(self._keys[place]) != int(key, 16):
            return None
        self._reading.seek(int(self._offsets[place]))
        try:
            line = json.loads(self._reading.readline())
        except ValueError:
            return None
        whole = isinstance(line, dict) and line.get("path") == name and isinstance(line.get(self._field), dict)
        return line[self._field] if whole else None

    def add_entry(self, key: str, name: str, value: dict[str, Any]) -> None:
        """Append an entry.

        Args:
            key: A fingerprint.
            name: Told beside the key, so that equal keys of different things do no harm.
            value: JSON-like.

        Raises:
            StoreError: The disk is full, or the journal cannot be written any more.
        """
        line = {"key": key, "path": name, self._field: value}
        self._append(json.dumps(line, separators=(",", ":"), allow_nan=False).encode() + b"\n")

    def _append(self, line: bytes) -> None:
        try:
            n_written = os.write(self._writing, line)
        except OSError as error:
            raise _refusal(self.path, error) from error
        if n_written != len(line):
            raise StoreError(f"{self.path}: the disk is full; free space and run again, finished files are kept")

    def _mend_end(self) -> None:
        """Close a line that a kill has torn, so that the next one begins on its own."""
        self._reading.seek(-1, os.SEEK_END)
        if self._reading.read(1) != b"\n":
            self._append(b"\n")


def _refuse_others(path: Path, first_line: bytes) -> None:
    try:
        with path.open("rb") as file:
            first = file.readline(4096)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _refusal(path, error) from error
    if first.rstrip() != first_line.rstrip():
        raise StoreError(
            f"{path}: is not a journal of this version (its first line is not {first_line.decode().strip()}); "
            "choose another file or remove it"
        )


def _index(path: Path) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the keys of all whole lines in order and where each line begins; of equal keys the last counts."""
    keys, offsets = array("Q"), array("q")
    offset = 0
    with path.open("rb") as file:
        for line in file:
            if line.startswith(_START) and line.endswith(b"}\n"):
                try:
                    keys.append(int(line[_KEY], 16))
                    offsets.append(offset)
                except ValueError:
                    pass
            offset += len(line)
    found = np.frombuffer(keys, dtype=np.uint64) if keys else np.zeros(0, dtype=np.uint64)
    places = np.frombuffer(offsets, dtype=np.int64) if offsets else np.zeros(0, dtype=np.int64)
    order = np.argsort(found, kind="stable")
    return found[order], places[order]


def _refusal(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path}: the journal cannot be used ({error.strerror or error}); choose a place that you may write to "
        "with --results"
    )


def journal_path(results: Path | None, inputs: Sequence[Path | str], cache: Path, name: str) -> Path:
    """Return where a journal lies.

    Args:
        results: What the user asked for: a folder or a file that ends in .jsonl; None for one in the cache.
        inputs: What the work is about, paths and addresses; one journal serves all work on the same folders.
        cache: The folder of such journals.
        name: Its file name in a folder of the user's.
    """
    if results is not None:
        return results if results.suffix == ".jsonl" and not results.is_dir() else results / name
    addresses = {each for each in inputs if isinstance(each, str) and "://" in each}
    paths = [Path(each) for each in inputs if each not in addresses]
    folders = addresses | {str((path if path.is_dir() else path.parent).resolve()) for path in paths}
    return cache / f"{fingerprint(sorted(folders))}.jsonl"
