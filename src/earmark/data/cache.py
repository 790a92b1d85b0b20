"""Folders of the cache that are either whole or absent: built under another name, then renamed."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_STALE_AFTER_S = 24 * 3600


@contextlib.contextmanager
def building_folder(folder: Path, marker: str) -> Iterator[Path]:
    """Give a temporary folder that takes the name of `folder` if the block succeeds.

    The block writes the file `marker`; a folder of that name without it is damaged and gives way. Where another
    process finished first, its folder stays and this one is dropped. What a killed process left behind has another
    name and is removed a day later.

    Raises:
        StoreError: The disk is full or the cache is not writable.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".building", dir=folder.parent))
    except OSError as error:
        raise _refusal(folder, error) from error
    try:
        yield temporary
        temporary.chmod(0o755)
        _rename(temporary, folder, marker)
    except OSError as error:
        raise _refusal(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _rename(temporary: Path, folder: Path, marker: str) -> None:
    if folder.exists() and not (folder / marker).is_file():
        shutil.rmtree(folder)
    try:
        temporary.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _remove_stale(folder: Path) -> None:
    for path in folder.parent.glob(f".{folder.name}.*.building"):
        if time.time() - path.stat().st_mtime > _STALE_AFTER_S:
            shutil.rmtree(path, ignore_errors=True)


def _refusal(folder: Path, error: OSError) -> StoreError:
    reason = error.strerror or str(error)
    return StoreError(
        f"{folder}: cannot be written ({reason}); free space, or name another cache folder with EARMARK_CACHE_DIR"
    )
