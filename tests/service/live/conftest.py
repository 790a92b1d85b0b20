"""A real server in a thread, with a bundle that tells loud from quiet, and a client for it."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from earmark.service.app import build_app
from earmark.service.live import WS_MAX_BYTES
from earmark.service.options import ServeOptions
from tests.inference.conftest import bundle_folder, tones, trained
from tests.inference.live.conftest import stream_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    from fastapi import FastAPI
    from numpy.typing import NDArray

__all__ = ["bundle_folder", "tones", "trained"]

STREAM_HZ = 16_000
STOP = json.dumps({"type": "stop"})
ENERGY = {"vad": "energy", "conf_thresh": 0.0}


class _Server(uvicorn.Server):
    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                port=0,
                log_config=None,
                access_log=False,
                ws="websockets-sansio",
                ws_max_size=WS_MAX_BYTES,
                ws_per_message_deflate=False,
            )
        )
        self.app = app
        self.is_up = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        await self.app.state.service.models.tried()
        self.is_up.set()

    async def shutdown(self, sockets: Any = None) -> None:
        await self.app.state.service.drain()
        await super().shutdown(sockets)


@dataclass
class Running:
    """A server that runs."""

    server: _Server
    thread: threading.Thread
    url: str

    @property
    def service(self) -> Any:
        return self.server.app.state.service

    def connect(self, **options: Any) -> ClientConnection:
        client: ClientConnection = connect(f"{self.url}/v1/stream", compression=None, **options)
        return client

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.fixture
def serve(bundle_folder: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Return a function that starts a server with the bundle "tones", and options of the service."""
    running: list[Running] = []

    def start(**options: Any) -> Running:
        own = {"models": (str(bundle_folder),), "port": 0, "reload_s": 0, "state_dir": str(tmp_path / "state")}
        chosen = ServeOptions.model_validate({**own, **options})
        server = _Server(build_app(chosen))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
        thread.start()
        assert server.is_up.wait(60)
        port = server.servers[0].sockets[0].getsockname()[1]
        running.append(Running(server, thread, f"ws://127.0.0.1:{port}"))
        return running[-1]

    yield start
    for each in running:
        each.stop()


def receive(client: ClientConnection) -> dict[str, Any]:
    found = json.loads(client.recv(timeout=30))
    assert isinstance(found, dict)
    return found


def begin(client: ClientConnection, **start: Any) -> dict[str, Any]:
    """Say what comes, and return the answer."""
    client.send(json.dumps({"type": "start", "rate_hz": STREAM_HZ, "options": ENERGY, **start}))
    return receive(client)


def until_closed(client: ClientConnection) -> list[dict[str, Any]]:
    """Return everything that is told until the server closes, whatever the code."""
    told: list[dict[str, Any]] = []
    with suppress(ConnectionClosedError):
        told.extend(json.loads(message) for message in client)
    return told


def refusal(client: ClientConnection) -> tuple[dict[str, Any], int | None]:
    """Return the error that is told last, and the code of the close."""
    told = until_closed(client)
    assert told[-1]["type"] == "error"
    return told[-1], client.close_code


def hear(client: ClientConnection, content: bytes, block: int = 3200) -> list[dict[str, Any]]:
    """Send a stream in blocks of bytes, say stop, and return what was told."""
    for first in range(0, len(content), block):
        client.send(content[first : first + block])
    client.send(STOP)
    return until_closed(client)


def emissions(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in told if message["type"] == "emission"]


def pcm(samples: NDArray[np.float32]) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


@pytest.fixture
def two_tones() -> NDArray[np.float32]:
    """Return a loud tone from 1.0 to 1.5 s, and a quiet one from 2.5 to 3.0 s, of a stream of 4 s."""
    return stream_of((0, 1.0), (0.5, 0.5), (0, 1.0), (0.01, 0.5), (0, 1.0))
