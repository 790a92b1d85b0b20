"""Files that are either whole or absent: write under another name, then rename.

The other name is the same file name in a hidden folder `.writing-*` beside the file. So writers that look at the
suffix (figures, arrays) see the right one, and a file left by a killed process is never found by `folder.glob`.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.core.errors import StoreError
from earmark.core.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITING = ".writing-"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path on the same disk whose file takes the name `path` if the block succeeds.

    The folder is made if need be. The block has to create the file; on any failure it is removed and the old file
    stays.

    Raises:
        StoreError: The disk is full, the folder is not writable, or the block made no file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, replacing(Path(folder) / "result.txt") as temporary:
        ...     _ = temporary.write_text("whole or not at all")
    """
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(scratch_folder(path.parent, WRITING))
        except OSError as error:
            raise _refusal(path, error) from error
        try:
            yield folder / path.name
            (folder / path.name).replace(path)
        except OSError as error:
            raise _refusal(path, error, folder) from error


def _refusal(path: Path, error: OSError, folder: Path | None = None) -> StoreError:
    reason = error.strerror or str(error)
    other = error.filename if isinstance(error.filename, str) else ""
    if folder is not None and other and Path(other) not in (folder / path.name, path):
        reason += f": {other}"
    return StoreError(f"{path}: cannot be written ({reason}); free space or choose a folder you may write to")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        StoreError: It cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all.

    Raises:
        StoreError: It cannot be written.
    """
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON whole or not at all; NaN and infinity are a ValueError.

    Raises:
        StoreError: It cannot be written.
    """
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    # A file name that is not UTF-8 reaches Python as lone surrogates; "\udc80" is what JSON calls them too.
    write_bytes(path, text.encode(errors="backslashreplace"))


def read_json(path: Path) -> Any:
    """Return the value in a JSON file.

    Raises:
        StoreError: It is missing, unreadable or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: is not valid JSON ({error}); delete it and run the command again") from error
