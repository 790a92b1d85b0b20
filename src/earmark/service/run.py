"""`earmark serve` itself: one process, one address, until SIGTERM or Ctrl-C.

Uvicorn would end a process at the first signal: streams closed, no word to the balancer. Here a signal first closes the
door: /readyz and everything new get 503 while requests under way end and streams say goodbye; then uvicorn stops. A
second signal ends all of it at once.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from earmark.core.errors import ConfigError
from earmark.service.app import build_app
from earmark.service.auth import keys_needed, list_keys
from earmark.service.database import Database, database_url
from earmark.service.live import WS_MAX_BYTES
from earmark.service.monitoring import configure_logs, log_event
from earmark.service.wire import BoundedHttp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

    from earmark.service.options import ServeOptions
    from earmark.service.state import Service

GRACE_S = 3  # for connections to close after everything was answered
KEEP_ALIVE_S = 20
BACKLOG = 512
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(options: ServeOptions, tell: Callable[[str], None]) -> None:
    """Serve until a signal comes.

    Args:
        options: What and where.
        tell: Gets the address, once connections are taken there.

    Raises:
        ConfigError: Keys are needed and there is none, the address cannot be used, or bundles have the same name.
        BundleError: A bundle of this machine does not exist or is damaged.
        StoreError: The database cannot be reached or written.
    """
    configure_logs()
    refuse_without_keys(options)
    listener = listen_at(options.host, options.port)
    app = build_app(options)
    config = uvicorn.Config(
        app,
        http=BoundedHttp,
        ws="websockets-sansio",
        ws_max_size=WS_MAX_BYTES,
        ws_per_message_deflate=False,  # 256 kB of compressed zeros would become 256 MB
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=BACKLOG,
    )
    try:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_serve(app, config, listener, tell))
    finally:
        listener.close()


def refuse_without_keys(options: ServeOptions) -> None:
    """Refuse to serve other machines before there is a key.

    Raises:
        ConfigError: There is none.
        StoreError: The database cannot be reached or written.
    """
    if not keys_needed(options):
        return
    database = Database(database_url(options.database, options.state_dir))
    database.open()
    try:
        if not any(key.revoked_at is None for key in list_keys(database)):
            why = "auth is on" if options.auth == "on" else f"host {options.host} is reached from other machines"
            raise ConfigError(
                f"serve: {why}, and there is no key yet in {database.name}; make one with: earmark keys create NAME"
            )
    finally:
        database.close()


def listen_at(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; port 0 takes any that is free.

    Raises:
        ConfigError: The address is in use, or not of this machine.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(f"serve: host {host}: {error.strerror or error}; choose another --host") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"serve: {host}:{port} cannot be listened at ({error.strerror or error}); choose another --port or --host"
        ) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the address as a browser takes it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """Uvicorn without its own way to take signals, which ends the process before anything is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(app: FastAPI, config: uvicorn.Config, listener: socket.socket, tell: Callable[[str], None]) -> None:
    async with app.router.lifespan_context(app):
        server = _Server(config)
        loop = asyncio.get_running_loop()
        end = _End(server, app.state.service)
        for each in SIGNALS:
            loop.add_signal_handler(each, end.asked)
        address = address_of(listener)
        tell(address)
        log_event("serving", {"address": address})
        try:
            await server.serve(sockets=[listener])
        finally:
            for each in SIGNALS:
                loop.remove_signal_handler(each)
            log_event("stopped")


class _End:
    """What a signal does: the first drains, the second ends."""

    def __init__(self, server: uvicorn.Server, service: Service) -> None:
        self._server, self._service = server, service
        self._draining: asyncio.Task[None] | None = None

    def asked(self) -> None:
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(self._drain())
        else:
            self._server.force_exit = True
            self._server.should_exit = True

    async def _drain(self) -> None:
        try:
            await self._service.drain()
        finally:
            self._server.should_exit = True
