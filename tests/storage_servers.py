"""Object storage for tests: the emulators of Google and Amazon as processes, and one in memory."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import socket
import subprocess
import sys
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 30.0
SIGNATURE = "AWS4-HMAC-SHA256 Credential=tester/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
BUCKET = "calls"
AMAZON = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass
class Server:
    """An emulator: its kind ("gs" or "s3"), its port, and what it holds."""

    scheme: str
    port: int

    def put(self, key: str, content: bytes, bucket: str = BUCKET) -> None:
        """Write an object with a plain request, without the code under test."""
        if self.scheme == "s3":
            self.ask("PUT", f"/{bucket}/{quote(key)}", content)
        else:
            path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(key, safe='')}"
            self.ask("POST", path, content, {"Content-Type": "application/octet-stream"})

    def delete(self, key: str, bucket: str = BUCKET) -> None:
        path = f"/{bucket}/{quote(key)}" if self.scheme == "s3" else f"/storage/v1/b/{bucket}/o/{quote(key, safe='')}"
        self.ask("DELETE", path)

    def get(self, key: str, bucket: str = BUCKET) -> bytes:
        download = f"/download/storage/v1/b/{bucket}/o/{quote(key, safe='')}?alt=media"
        return self.ask("GET", f"/{bucket}/{quote(key)}" if self.scheme == "s3" else download)

    def names(self, bucket: str = BUCKET) -> list[str]:
        if self.scheme == "s3":
            return re.findall(r"<Key>([^<]+)</Key>", self.ask("GET", f"/{bucket}").decode())
        return [item["name"] for item in json.loads(self.ask("GET", f"/storage/v1/b/{bucket}/o")).get("items", [])]

    def make_bucket(self, bucket: str) -> None:
        if self.scheme == "s3":
            self.ask("PUT", f"/{bucket}")
        else:
            content = f'{{"name": "{bucket}"}}'.encode()
            self.ask("POST", "/storage/v1/b?project=test", content, {"Content-Type": "application/json"})

    def wipe(self, bucket: str = BUCKET) -> None:
        for name in self.names(bucket):
            self.delete(name, bucket)

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        given = {"Authorization": SIGNATURE} if self.scheme == "s3" else {}
        with contextlib.closing(connection):
            connection.request(method, path, body, given | (headers or {}))
            response = connection.getresponse()
            content = response.read()
        assert response.status < 400, f"{method} {path}: {response.status} {content.decode()}"
        return content


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port: int = made.getsockname()[1]
    return port


@contextlib.contextmanager
def emulator(scheme: str) -> Iterator[Server]:
    """Start an emulator on a free port with an empty bucket, and end its process whatever happens."""
    port = free_port()
    name, *arguments = {
        "gs": ["gcp-storage-emulator", "start", "--host=127.0.0.1", f"--port={port}", "--in-memory"],
        "s3": ["moto_server", "-H", "127.0.0.1", "-p", str(port)],
    }[scheme]
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        server = Server(scheme, port)
        server.make_bucket(BUCKET)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    pytest.fail(f"the emulator on port {port} did not start (exit {process.poll()})")


def environment(scheme: str, port: int) -> dict[str, str]:
    """Return the variables that point the libraries at a server on this machine."""
    if scheme == "gs":
        return {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}
    return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_EC2_METADATA_DISABLED": "true", **AMAZON}


def point_at(monkeypatch: pytest.MonkeyPatch, scheme: str, port: int) -> None:
    """Point the libraries of this process at a server."""
    for name, value in environment(scheme, port).items():
        monkeypatch.setenv(name, value)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    forget_settings()


def forget_settings() -> None:
    from earmark.core.settings import settings

    settings.cache_clear()


def forget_filesystems() -> None:
    from earmark.data import storage_filesystem

    storage_filesystem._filesystem.cache_clear()


def sound(mark: str = "") -> bytes:
    """Return a short WAV file whose samples depend on the mark."""
    samples = (mark.encode() * 400)[:800].ljust(800, b"\0")
    file = io.BytesIO()
    with wave.open(file, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(8000)
        audio.writeframes(samples)
    return file.getvalue()


def use_environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Set settings and forget those of before."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    forget_settings()


@contextlib.contextmanager
def memory() -> Iterator[Any]:
    """Give the file system ``memory://``, empty before and after."""
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    try:
        yield fsspec.filesystem("memory")
    finally:
        MemoryFileSystem.store.clear()
        MemoryFileSystem.pseudo_dirs[:] = [""]
