"""Fetching an archive and unpacking it, with nothing taken on trust."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from earmark.core.errors import DataError
from earmark.core.files import replacing
from earmark.core.identity import file_sha256
from earmark.data.transfer import transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from earmark.core.progress import Progress


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
    tried = []
    for url in urls:
        try:
            with replacing(file) as temporary:
                transfer(url, temporary, n_bytes=n_bytes, label=label, progress=progress)
                if sha256 and file_sha256(temporary) != sha256:
                    raise DataError(f"the file is damaged or another version: its SHA-256 is not {sha256}")
        except DataError as error:
            tried.append(f"{url} ({error})")
        else:
            return
    raise DataError(f"download failed; tried {'; '.join(tried)}")


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
