"""Fetching an archive and unpacking it, with nothing taken on trust."""

from __future__ import annotations

import logging
import shutil
import zipfile
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from earmark.core.errors import DataError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from earmark.core.progress import Progress

_CONNECT_S, _READ_S = 10.0, 60.0
_CHUNK_BYTES = 1 << 16


class _Bar:
    """What pooch calls as a progress bar: counts the bytes of one download."""

    def __init__(self, label: str, n_bytes: int, progress: Progress) -> None:
        self._label, self._n_bytes, self._progress = label, n_bytes, progress
        self._finished = False

    @property
    def total(self) -> int:
        return self._n_bytes

    @total.setter
    def total(self, n_bytes: int) -> None:
        self._n_bytes = n_bytes or self._n_bytes  # GitHub streams archives without saying how long they are
        self._progress.start(self._label, self._n_bytes)

    def update(self, n_bytes: int) -> None:
        if not self._finished:
            self._progress.advance(n_bytes)

    def reset(self) -> None:
        self._finished = True  # pooch counts everything once more at the end

    def close(self) -> None:
        self._finished = True


def fetch_archive(
    urls: Sequence[str], file: Path, *, sha256: str | None, n_bytes: int, label: str, progress: Progress
) -> None:
    """Download the first address that answers with the right bytes.

    Args:
        urls: Addresses of the same archive, tried in order.
        file: Where the archive is written; whole or not at all.
        sha256: Checksum of the archive, or None if its content is checked after unpacking.
        n_bytes: Length to show where the server does not say it.
        label: Text beside the progress.
        progress: Receives the bytes.

    Raises:
        DataError: No address gave the archive; the message names each with its reason.
        StoreError: The archive cannot be written.
    """
    import pooch
    from requests.exceptions import RequestException

    pooch.get_logger().setLevel(logging.WARNING)
    tried = []
    for url in urls:
        bar = _Bar(label, n_bytes, progress)
        downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK_BYTES, timeout=(_CONNECT_S, _READ_S))
        known_hash = f"sha256:{sha256}" if sha256 else None
        try:
            pooch.retrieve(url, known_hash=known_hash, fname=file.name, path=file.parent, downloader=downloader)
        except RequestException as error:
            tried.append(f"{url} ({_reason(error)})")
        except ValueError:
            tried.append(f"{url} (the file is damaged or another version: its SHA-256 is not {sha256})")
        except OSError as error:
            raise StoreError(f"{file}: cannot be written ({error.strerror or error}); free space") from error
        else:
            return
    raise DataError(f"download failed; tried {'; '.join(tried)}")


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code}"
    text = str(error)
    return "no answer: " + (text if len(text) < 100 else type(error).__name__)


def unpack_archive(archive: Path, folder: Path, wanted: Callable[[str], bool], *, max_bytes: int) -> int:
    """Unpack the wanted files of a zip, without its top folder; returns how many.

    Args:
        archive: The zip file.
        folder: Where the files go.
        wanted: Says of a path inside the top folder whether it is needed.
        max_bytes: Most bytes that the files may have together (a small zip can claim petabytes).

    Raises:
        DataError: It is not a whole zip file, a name leads out of the folder, or it unpacks to too much.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            members = [(info, _inner_name(info)) for info in content.infolist() if not info.is_dir()]
            members = [(info, name) for info, name in members if wanted(name)]
            n_bytes = sum(info.file_size for info, _ in members)
            if n_bytes > max_bytes:
                raise DataError(f"{archive.name}: would unpack to {n_bytes} bytes, expected at most {max_bytes}")
            for info, name in members:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with content.open(info) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{archive.name}: is not a whole zip file ({error}); run the command again") from error
    return len(members)


def _inner_name(info: zipfile.ZipInfo) -> str:
    """Return a member's path without the top folder. Raises DataError if it leads elsewhere or is a link."""
    path = PurePosixPath(info.filename)
    foreign = PureWindowsPath(info.filename)
    is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
    if path.is_absolute() or foreign.drive or "\\" in info.filename or ".." in path.parts or is_link:
        raise DataError(f"{info.orig_filename!r} in the archive leads out of its folder; the archive is not trusted")
    return PurePosixPath(*path.parts[1:]).as_posix()
