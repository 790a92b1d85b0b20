"""What happens to every request before and after its route: id, log, headers, limits, errors. Plain ASGI."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

from earmark.service.monitoring.logs import log_request, request_id
from earmark.service.problems import Problem, failed

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from fastapi.requests import HTTPConnection
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from earmark.service.options import ServeOptions
    from earmark.service.state import Service

log = logging.getLogger(__name__)

SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
TOLD = "earmark.told"
NO_ROUTE = "other"
SLOW_BODY = 408
GONE = 499  # in log and metrics: the client closed the connection before the answer
ALWAYS_OPEN = frozenset({"/healthz", "/readyz", "/metrics"})  # answered while draining, and however many wait
RETRY_S = 2.0
LINGER_S, LINGER_BYTES = 2.0, 64 << 20
HEADERS = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",  # the page brings its own
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"cache-control": b"no-store",
    b"cross-origin-resource-policy": b"same-origin",
}


@dataclass
class Told:
    """What the log says of a request beside its route and status; a route fills it in."""

    caller: str | None = None
    model: str | None = None
    audio_s: float | None = None


def told_of(connection: HTTPConnection) -> Told:
    """Return what the log is going to say of a request."""
    told = connection.scope.get(TOLD)
    return told if isinstance(told, Told) else Told()


class Envelope:
    """Gives each request its id, each answer its headers, each failure an answer, and tells log and metrics."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        token = request_id.set(_id_of(scope))
        try:
            if scope["type"] == "http":
                await self._answer(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        finally:
            request_id.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        began_s, told, status = time.perf_counter(), Told(), 0
        scope[TOLD] = told

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_headers(message.get("headers", ()), request_id.get())
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            status = status or GONE
        except Exception:
            log.exception("request failed")
            if status:  # too late for an answer: the server closes the connection
                raise
            await failed().response()(scope, receive, answer)
        finally:
            self._tell(scope, told, status or 500, time.perf_counter() - began_s)

    def _tell(self, scope: Scope, told: Told, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        if (service := _service(scope)) is not None:
            service.monitor.request(route, scope["method"], status, seconds)
        if route in ALWAYS_OPEN and status != 500:  # asked every few seconds by who watches
            return
        log_request(
            route=route,
            method=scope["method"],
            status=status,
            duration_ms=seconds * 1000,
            caller=told.caller,
            model=told.model,
            audio_s=told.audio_s,
        )


class Limits:
    """Refuses what is too large, too slow or too much, and everything new once the service is stopping."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        service = _service(scope)
        if scope["type"] != "http" or service is None or scope["path"] in ALWAYS_OPEN:
            await self._app(scope, receive, send)
            return
        body = _Body(scope, receive, service.options, is_closing=service.is_draining)

        async def answer(message: Message) -> None:
            if not body.is_answered:
                body.is_answered = True
                await body.linger()
            await send(message)

        try:
            with service.traffic.passing(is_post=scope["method"] == "POST"):
                await self._bounded(scope, body, answer)
        except Problem as problem:
            service.monitor.refused(problem.reason)
            is_last = service.is_draining or problem.status == SLOW_BODY  # what is left of a body is not waited for
            await problem.response({"Connection": "close"} if is_last else None)(scope, receive, answer)

    async def _bounded(self, scope: Scope, body: _Body, answer: Send) -> None:
        body.check_promise()
        try:
            async with asyncio.timeout(body.timeout_s) as patience:
                await _while_wanted(self._app(scope, body.receive, answer), body)
        except TimeoutError:
            if body.is_answered or not patience.expired():
                raise
            raise body.timed_out() from None


async def _while_wanted(work: Awaitable[None], body: _Body) -> None:
    """Wait for work to end, or end it where the client closed the connection: what it asked for is not computed.

    Raises:
        ClientDisconnect: The client closed the connection.
    """
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(body.left())
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.wait({doing})
    if doing.cancelled():
        raise ClientDisconnect
    doing.result()


class _Body:
    """The body of a request as it arrives, cut off at the limit whatever its headers promise."""

    def __init__(self, scope: Scope, receive: Receive, options: ServeOptions, *, is_closing: bool) -> None:
        self._receive = receive
        self._options = options
        self._n_most = self._n_left = int(options.max_upload_mb * 1_000_000)
        headers = dict(scope["headers"])
        self._promised = headers.get(b"content-length", b"")
        self._is_whole = not self._promised and b"transfer-encoding" not in headers
        closes = is_closing or headers.get(b"connection", b"").lower() == b"close" or scope["http_version"] == "1.0"
        self._lingers = closes and b"expect" not in headers
        self._ended = asyncio.Event()
        self.timeout_s = options.timeout_s
        self.is_answered = False

    def check_promise(self) -> None:
        """Refuse before a byte is read what says itself that it is too large."""
        if self._promised.isdigit() and int(self._promised) > self._n_most:
            raise self._too_large()

    async def linger(self) -> None:
        """Read on for a moment before an answer that closes the connection.

        Closed while bytes come in, the network drops the answer with them, and the client never learns why.
        """
        n_most = LINGER_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while self._lingers and not self._is_whole and n_most > 0:
                    message = await self._receive()
                    n_most -= len(message.get("body", b""))
                    self._is_whole = not message.get("more_body", False)

    async def receive(self) -> Message:
        """Return the next part.

        Raises:
            Problem: 413: the body is longer than allowed.
        """
        message = await self._receive()
        if message["type"] == "http.request":
            self._n_left -= len(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
            if self._is_whole:
                self._ended.set()
            if self._n_left < 0:
                raise self._too_large()
        return message

    async def left(self) -> None:
        """Return when the client closes the connection after it sent the whole body."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def timed_out(self) -> Problem:
        """Return the problem of a request that took too long: of a slow client or of a slow service."""
        seconds = f"{self.timeout_s:g} s"
        if not self._is_whole:
            return Problem(SLOW_BODY, "Body too slow", f"The body did not arrive within {seconds}; send less at once.")
        return Problem(
            504,
            "Timed out",
            f"There was no answer within {seconds}; send shorter sound, or come back when less is going on.",
            retry_after_s=RETRY_S,
        )

    def _too_large(self) -> Problem:
        most = f"{self._options.max_upload_mb:g} MB"
        return Problem(
            413, "Too large", f"Found a body of more than {most}, expected at most {most}; send a shorter sound."
        )


def _service(scope: Scope) -> Service | None:
    """Return the service; None before it has started."""
    app: Any = scope.get("app")
    return getattr(app.state, "service", None) if app is not None else None


def _id_of(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and SANE_ID.fullmatch(value):
            return str(value.decode())
    return uuid.uuid4().hex


def _with_headers(headers: Any, known: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer with those that each answer has; what a route set itself stays."""
    given = [(name.lower(), value) for name, value in headers]
    names = {name for name, _ in given}
    ours = [(name, value) for name, value in HEADERS.items() if name not in names]
    return [*given, *ours, (b"x-request-id", known.encode())]
