"""A websocket from its handshake to its end: who calls, what is asked for, how it ended, what is told of that."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from earmark.service.auth import caller_of_socket
from earmark.service.live.opening import read_start
from earmark.service.live.stream import CODES, INTERNAL, POLICY, RESTART, GoneError, StoppingError, Stream, Wire
from earmark.service.monitoring import log_request, request_id
from earmark.service.problems import Problem, failed

if TYPE_CHECKING:
    from fastapi import WebSocket

    from earmark.service.state import Service

log = logging.getLogger(__name__)

STOPPING = Problem(503, "Server is stopping", "the server is stopping; connect again", retry_after_s=10.0)


@dataclass
class _Told:
    """What the log says of a stream."""

    caller: str | None = None
    model: str | None = None
    how: str = "failed"
    stream: Stream | None = None


async def serve_stream(websocket: WebSocket, service: Service, route: str) -> None:
    """Serve one websocket to its end."""
    began_s, told, wire = time.perf_counter(), _Told(), Wire(websocket, service.streams)
    token = request_id.set(request_id.get() or uuid.uuid4().hex)
    try:
        await websocket.accept()
        await _serve(websocket, service, wire, told)
    except GoneError:
        told.how = "gone"
    except Problem as problem:
        told.how = "refused"
        service.monitor.refused(problem.reason)
        await _refuse(wire, problem, CODES.get(problem.status, POLICY))
    except StoppingError:
        told.how = "server_stopping"
        await _refuse(wire, STOPPING, RESTART)
    except Exception:  # the client gets no more than that it failed
        log.exception("stream failed")
        await _refuse(wire, failed(), INTERNAL)
    finally:
        service.monitor.stream_ended(told.how)
        log_request(
            route=route,
            method="WEBSOCKET",
            status=wire.code,
            duration_ms=(time.perf_counter() - began_s) * 1000,
            caller=told.caller,
            model=told.model,
            audio_s=told.stream.heard_s if told.stream else None,
        )
        request_id.reset(token)


async def _serve(websocket: WebSocket, service: Service, wire: Wire, told: _Told) -> None:
    streams = service.streams
    with streams.connected():
        first = await wire.receive()
        if not isinstance(first, str):
            raise Problem(422, "Start message refused", 'found sound, expected {"type": "start", ...} before it')
        start, key = await streams.work(partial(read_start, first))
        told.caller = (await caller_of_socket(websocket, key)).name
        with streams.opened():
            served = service.models.get(start.model)
            told.model = served.name
            told.stream = Stream(wire, streams, served, start)
            told.how = await told.stream.run()


async def _refuse(wire: Wire, problem: Problem, code: int) -> None:
    """Say why and close; the client may be gone already."""
    content = {**problem.content(request_id.get()), "type": "error"}
    if problem.retry_after_s is not None:
        content["retry_after_s"] = problem.retry_after_s
    try:
        await wire.send(content)
    except GoneError:
        return
    await wire.close(code, problem.title)
