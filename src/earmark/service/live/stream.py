"""One live stream from its first message to the last: sound in, answers out.

The next message is read only when the one before was judged, so a client that sends faster than that waits in its own
socket, and nothing piles up here. All arithmetic runs in threads.
"""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import WebSocketDisconnect

from earmark.core.errors import AudioError, EarmarkError
from earmark.core.units import seconds_to_samples
from earmark.inference.live import Listener
from earmark.service.live.judge import WatchedJudge
from earmark.service.live.opening import is_stop, read_samples
from earmark.service.problems import Problem

if TYPE_CHECKING:
    from fastapi import WebSocket

    from earmark.inference.live import Emission
    from earmark.service.host import Served
    from earmark.service.live.opening import Start
    from earmark.service.live.streams import Streams

BLOCK_S = 1.0  # judged at once: then others get the thread, and the end of the service is noticed
STATUS_S = 0.1
NORMAL, GOING_AWAY, POLICY, TOO_BIG, INTERNAL, RESTART, AGAIN = 1000, 1001, 1008, 1009, 1011, 1012, 1013
CODES = {413: TOO_BIG, 429: AGAIN, 500: INTERNAL, 503: AGAIN}
UNREACHABLE = (TimeoutError, RuntimeError, OSError, WebSocketDisconnect)  # RuntimeError: it was closed before


class GoneError(Exception):
    """The client closed the connection, or does not read what is sent."""


class StoppingError(Exception):
    """The service ends."""


class Wire:
    """The messages of one websocket, in both directions.

    Args:
        websocket: Accepted.
        streams: Know how long to wait, and when the service ends.
    """

    def __init__(self, websocket: WebSocket, streams: Streams) -> None:
        self._websocket = websocket
        self._streams = streams
        self.code = GOING_AWAY  # that it was closed with

    async def receive(self) -> str | bytes:
        """Return the next message.

        Raises:
            Problem: None came in time: 408.
            GoneError: The client closed the connection.
            StoppingError: The service ends.
        """
        waiting = {
            asyncio.ensure_future(self._websocket.receive()),
            asyncio.ensure_future(self._streams.stopping.wait()),
        }
        timeout_s = self._streams.timeout_s
        try:
            done, _ = await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if self._streams.stopping.is_set():
            raise StoppingError
        if not done:
            raise Problem(408, "Nothing came", f"no message came for {timeout_s:g} s; send sound as it is recorded")
        message: Any = done.pop().result()
        if message["type"] == "websocket.disconnect":
            self.code = message.get("code") or GOING_AWAY
            raise GoneError
        content = message.get("bytes")
        return content if content is not None else str(message.get("text") or "")

    async def send(self, content: dict[str, Any]) -> None:
        """Send a JSON object.

        Raises:
            GoneError: The client is gone, or has read nothing for too long.
        """
        try:
            async with asyncio.timeout(self._streams.timeout_s):
                await self._websocket.send_text(json.dumps(content, ensure_ascii=False, allow_nan=False))
        except UNREACHABLE as error:
            raise GoneError from error

    async def close(self, code: int, reason: str = "") -> None:
        """Close the connection; the client may have done so before."""
        self.code = code
        try:
            async with asyncio.timeout(self._streams.timeout_s):
                await self._websocket.close(code, reason)
        except UNREACHABLE:
            return


class Stream:
    """A stream that has begun.

    Args:
        wire: Where its messages come and go.
        streams: Whose threads it uses.
        served: The version of a model that answers to the end, also when a newer one comes.
        start: What the client asked for.
    """

    def __init__(self, wire: Wire, streams: Streams, served: Served, start: Start) -> None:
        self._wire, self._streams, self._served, self._start = wire, streams, served, start
        self._n_emissions = 0
        self._status_due_s = 0.0
        self._listener: Listener | None = None

    @property
    def heard_s(self) -> float:
        """How much was heard so far."""
        return self._listener.heard_s if self._listener else 0.0

    async def run(self) -> str:
        """Answer until the client stops, goes, errs, or the service ends; return how it ended.

        Raises:
            Problem: The model has no live answers, or the client sent something else than sound.
            GoneError: The client is gone.
        """
        listener = self._listener = await self._streams.work(self._listen)
        try:
            await self._wire.send(self._ready())
            await self._hear(listener)
        except StoppingError:
            await self._end(listener, "server is stopping")
            await self._wire.close(RESTART, "server is stopping")
            return "server_stopping"
        await self._end(listener, "stopped")
        await self._wire.close(NORMAL)
        return "stopped"

    def _listen(self) -> Listener:
        served, start = self._served, self._start
        predictor = served.predictor
        if predictor is None:
            raise Problem(
                422, "No live answers", f'model "{served.name}" answers whole recordings only; choose another model'
            )
        judge = WatchedJudge(predictor, start.options, self._streams.monitor, name=served.name, version=served.version)
        try:
            return Listener(judge, start.rate_hz, start.options)
        except AudioError as error:
            raise Problem(422, "Sound refused", str(error)) from error
        except EarmarkError as error:  # its text may hold paths of the server
            raise Problem(503, "No live answers", "the speech detector cannot be loaded on this server") from error

    def _ready(self) -> dict[str, Any]:
        served, start = self._served, self._start
        return {
            "type": "ready",
            "model": {"name": served.name, "version": served.version},
            "labels": list(served.bundle.spec.labels),
            "rate_hz": start.rate_hz,
            "format": start.format,
            "vad": start.options.vad,
            "options": start.options.model_dump(mode="json"),
        }

    async def _hear(self, listener: Listener) -> None:
        """Judge what comes until the client says stop."""
        n_block = seconds_to_samples(BLOCK_S, self._start.rate_hz)
        while True:
            message = await self._wire.receive()
            if isinstance(message, str):
                is_stop(message)
                return
            samples = read_samples(message, self._start.format)
            for first in range(0, len(samples), n_block):
                block = samples[first : first + n_block]
                before_s = listener.heard_s
                found = await self._streams.work(partial(listener.push, block))
                self._streams.monitor.audio(self._served.name, listener.heard_s - before_s)
                await self._tell(found)
                await self._tell_status(listener)
                if self._streams.stopping.is_set():
                    raise StoppingError

    async def _tell(self, emissions: list[Emission]) -> None:
        for emission in emissions:
            content = emission.to_dict()
            content.pop("event")
            await self._wire.send({"type": "emission", **content})
        self._n_emissions += len(emissions)
        self._streams.monitor.emitted(self._served.name, len(emissions))

    async def _tell_status(self, listener: Listener) -> None:
        now_s = time.monotonic()
        if now_s < self._status_due_s:
            return
        self._status_due_s = now_s + STATUS_S
        status = listener.status
        await self._wire.send(
            {
                "type": "status",
                "heard_s": round(status.heard_s, 3),
                "level_db": round(status.level_db, 1),
                "speech": round(status.speech, 3),
                "speaking": status.speaking,
            }
        )

    async def _end(self, listener: Listener, reason: str) -> None:
        """Tell what is left, and that it was all."""
        await self._tell(await self._streams.work(listener.finish))
        await self._wire.send(
            {
                "type": "end",
                "reason": reason,
                "heard_s": round(listener.heard_s, 3),
                "n_emissions": self._n_emissions,
            }
        )
