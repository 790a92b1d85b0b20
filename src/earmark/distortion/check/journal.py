"""The journal of a check: what is done stays done, whatever kills the run.

One JSON object per line; the first says what the file is, each other holds the whole answer for one file under the
fingerprint of its path, size, time of change and the model's seal. A line is appended by a single write, so a kill
tears at most the last one; torn lines are not read. Of a journal 16 bytes per line are kept in memory.
"""

from __future__ import annotations

import json
import os
from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import StoreError
from earmark.core.files import write_bytes
from earmark.core.identity import fingerprint

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from earmark.distortion.check.find import AudioFile

FORMAT = "earmark-check"
FORMAT_VERSION = 1
FILE_NAME = "check.jsonl"
_HEADER = json.dumps({"format": FORMAT, "version": FORMAT_VERSION}).encode() + b"\n"
_START = b'{"key":"'
_KEY = slice(len(_START), len(_START) + 16)


class Journal:
    """Answers on disk by file.

    Args:
        path: The journal; made where there is none.
        seal: Fingerprint of whatever else decides the answers: the model.
        resume: Whether answers that it holds count; otherwise it begins anew.

    Raises:
        StoreError: It cannot be read or written, or is something else than a journal.
    """

    def __init__(self, path: Path, seal: str, *, resume: bool = True) -> None:
        self.path = path
        self._seal = seal
        _refuse_others(path)
        if not (resume and path.exists()):
            write_bytes(path, _HEADER)
        try:
            self._keys, self._offsets = _index(path)
            self._writing = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
            self._reading = path.open("rb")
        except OSError as error:
            raise _refusal(path, error) from error
        self._mend_end()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.close()
        os.close(self._writing)

    def find(self, file: AudioFile) -> dict[str, Any] | None:
        """Return the answer for a file that was there when the journal was opened, None if it has changed since."""
        key = self._key(file)
        place = int(np.searchsorted(self._keys, np.uint64(int(key, 16)), side="right")) - 1
        if place < 0 or int(self._keys[place]) != int(key, 16):
            return None
        self._reading.seek(int(self._offsets[place]))
        try:
            line = json.loads(self._reading.readline())
        except ValueError:
            return None
        whole = isinstance(line, dict) and line.get("path") == _name(file) and isinstance(line.get("report"), dict)
        return line["report"] if whole else None

    def add(self, file: AudioFile, report: dict[str, Any]) -> None:
        """Append the answer for a file.

        Raises:
            StoreError: The disk is full, or the journal cannot be written any more.
        """
        line = {"key": self._key(file), "path": _name(file), "report": report}
        self._append(json.dumps(line, separators=(",", ":"), allow_nan=False).encode() + b"\n")

    def _key(self, file: AudioFile) -> str:
        part = [file.start_s, file.duration_s]
        return fingerprint([_name(file), file.size_bytes, file.mtime_ns, part, self._seal])

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


def journal_path(results: Path | None, paths: list[Path], cache_dir: Path) -> Path:
    """Return where the journal of a check lies.

    Args:
        results: What the user asked for: a folder or a file that ends in .jsonl; None for one in the cache.
        paths: What is checked; one journal serves all checks of the same folders.
        cache_dir: The folder of caches.
    """
    if results is not None:
        return results if results.suffix == ".jsonl" and not results.is_dir() else results / FILE_NAME
    folders = {str((path if path.is_dir() else path.parent).resolve()) for path in paths}
    return cache_dir / "check" / f"{fingerprint(sorted(folders))}.jsonl"


def _name(file: AudioFile) -> str:
    return str(file.path.absolute())


def _refuse_others(path: Path) -> None:
    try:
        with path.open("rb") as file:
            first = file.readline(4096)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _refusal(path, error) from error
    if first.rstrip() != _HEADER.rstrip():
        raise StoreError(
            f'{path}: is not a journal of this version (its first line is no "format": "{FORMAT}", '
            f'"version": {FORMAT_VERSION}); choose another file or remove it'
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
