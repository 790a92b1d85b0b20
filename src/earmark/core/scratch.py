"""Folders for work in progress that vanish afterwards, and that others can tell from those of killed processes.

Whoever uses such a folder holds a lock on it, which the system lets go of when the process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

N_TRIES = 100


@contextlib.contextmanager
def scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Give a new folder in `parent` with a name that begins so; it is removed afterwards with all in it.

    Example:
        >>> with tempfile.TemporaryDirectory() as parent, scratch_folder(Path(parent), "work-") as folder:
        ...     _ = (folder / "half.txt").write_text("done")
    """
    folder, lock = _claimed(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _claimed(parent: Path, prefix: str) -> tuple[Path, int | None]:
    """Return a new folder and the lock on it, None where the disk knows no locks."""
    for _ in range(N_TRIES):
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        with contextlib.suppress(FileNotFoundError):  # swept away before it was locked
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError:
                os.close(lock)
                return folder, None
            if folder.exists():
                return folder, lock
            os.close(lock)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=parent)), None


def sweep(parent: Path, prefix: str) -> int:
    """Remove the scratch folders in `parent` that nobody holds any more; return how many.

    Those of a process that lives stay, and so do all where the disk knows no locks.
    """
    n_removed = 0
    for folder in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):  # gone meanwhile, somebody's, or no folder
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                n_removed += 1
            finally:
                os.close(lock)
    return n_removed
