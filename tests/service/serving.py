"""A service to ask, in this process or as a process of its own, and sounds to send to it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import numpy as np
import soundfile
from starlette.testclient import TestClient

from earmark.service.app import build_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from earmark.service.options import ServeOptions

RATE_HZ = 16_000
PATIENCE_S = 120.0
HERE = "http://127.0.0.1"
COMMAND = "from earmark.cli.main import main; main()"


def tone(duration_s: float = 0.6, *, rate_hz: int = RATE_HZ, n_channels: int = 1, seed: int = 0) -> np.ndarray:
    """Return a tone in a little noise, float32 (n_samples, n_channels)."""
    n_samples = round(duration_s * rate_hz)
    noise = np.random.default_rng(seed).normal(scale=0.01, size=(n_samples, n_channels))
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(n_samples) / rate_hz)[:, np.newaxis]
    return (noise + wave).astype(np.float32)


def encoded(samples: np.ndarray, kind: str = "WAV", *, rate_hz: int = RATE_HZ, subtype: str | None = None) -> bytes:
    """Return samples as the content of a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


@contextmanager
def asked(options: ServeOptions, *, is_ready: bool = True) -> Iterator[TestClient]:
    """Give a client of a service in this process, with its models loaded."""
    app = build_app(options)
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        if is_ready and client.portal is not None:
            client.portal.call(app.state.service.models.tried)
        yield client


@contextmanager
def served(state_dir: Path, *arguments: str) -> Iterator[Server]:
    """Give a running `earmark serve` on a port of its own, killed at the end if it still runs."""
    environment = os.environ | {"EARMARK_CACHE_DIR": str(state_dir / "cache"), "TMPDIR": str(state_dir)}
    command = [sys.executable, "-c", COMMAND, "serve", *arguments, "--port", "0", "--state-dir", str(state_dir)]
    log = (state_dir / "log.jsonl").open("w+b")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment)
    server = Server(process, state_dir / "log.jsonl")
    try:
        server.wait_until_ready()
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_S)
        for pipe in (process.stdout, log):
            if pipe is not None:
                pipe.close()


class Server:
    """A running service."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log
        self.address = ""

    def wait_until_ready(self) -> None:
        """Return once it answers and its models are loaded."""
        line = self.process.stdout.readline() if self.process.stdout else b""
        self.address = line.decode().strip()
        assert self.address, self.log.read_text()
        while httpx.get(f"{self.address}/readyz", timeout=PATIENCE_S).status_code != 200:
            assert self.process.poll() is None, self.log.read_text()

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def post(self, path: str, content: bytes, **headers: str) -> httpx.Response:
        """Return the answer to a raw body."""
        return httpx.post(
            f"{self.address}{path}",
            content=content,
            headers={"Content-Type": "audio/wav"} | headers,
            timeout=PATIENCE_S,
        )
