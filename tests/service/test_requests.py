"""What every request gets: an id, headers, limits, and problem details for whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect

from earmark.service.app import build_app
from earmark.service.options import ServeOptions
from earmark.service.problems import Problem
from earmark.service.requests import Limits
from earmark.service.traffic import Traffic
from tests.service.serving import HERE, asked, encoded, tone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.testclient import TestClient
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

WAV = encoded(tone())
GONE = b"the client closes the connection"
PROBLEM_FIELDS = {"type", "title", "status", "detail", "request_id"}


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/models", "/nowhere", "/openapi.json", "/static/app.js"])
def test_every_answer_has_an_id_and_the_headers_of_safety(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert len(headers["x-request-id"]) == 32
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers.get_list("content-security-policy").__len__() == 1


@pytest.mark.parametrize(("sent", "is_kept"), [("a-1.b_2", True), ("a" * 65, False), ("a b", False), ("", False)])
def test_an_id_is_kept_if_it_is_sane(client: TestClient, sent: str, *, is_kept: bool) -> None:
    answered = client.get("/healthz", headers={"X-Request-ID": sent}).headers["x-request-id"]
    assert (answered == sent) is is_kept


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/v1/classify", 405), ("DELETE", "/healthz", 405), ("POST", "/v1/models/", 404)],
)
def test_what_the_framework_refuses_is_a_problem_too(client: TestClient, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert set(response.json()) == PROBLEM_FIELDS
    assert ("allow" in response.headers) is (status == 405)


def test_a_foreign_page_is_refused(client: TestClient) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        response = client.post("/v1/classify", files={"file": WAV}, headers=headers)
        assert response.status_code == 403


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[TestClient]:
    """Give a service with a route that fails inside."""
    options = ServeOptions(models=("digits",), state_dir=str(tmp_path), reload_s=0)
    with asked(options, is_ready=False) as made:
        app = made.app
        assert isinstance(app, FastAPI)

        @app.get("/fails")
        async def fail() -> None:
            raise RuntimeError("secret /etc/passwd")

        yield made


def test_an_error_inside_is_answered_without_a_trace(failing: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    response = failing.get("/fails", headers={"X-Request-ID": "find-me"})
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert response.json()["request_id"] == "find-me"
    assert "passwd" not in response.text
    assert "Traceback" not in response.text
    assert "nosniff" in response.headers["x-content-type-options"]
    assert 'route="/fails",status="500"' in failing.get("/metrics").text


def chunks(n_bytes: int) -> Iterator[bytes]:
    for _ in range(n_bytes // 65_536):
        yield bytes(65_536)


@pytest.mark.parametrize("path", ["/v1/classify", "/v1/classify/batch", "/v1/distortion"])
@pytest.mark.parametrize("kind", ["audio/wav", "multipart/form-data; boundary=b", "application/json"])
def test_a_body_over_the_limit_is_refused_without_its_length(client: TestClient, path: str, kind: str) -> None:
    response = client.post(path, content=chunks(6_000_000), headers={"Content-Type": kind})
    assert response.status_code in {400, 413, 415}
    if kind == "audio/wav" and path != "/v1/classify/batch":
        assert response.status_code == 413
    assert set(response.json()) == PROBLEM_FIELDS


def test_a_body_that_says_itself_that_it_is_too_large_is_not_read(client: TestClient) -> None:
    headers = {"Content-Type": "audio/wav", "Content-Length": "9999999999"}
    response = client.post("/v1/classify", content=b"RIFF", headers=headers)
    assert response.status_code == 413
    assert "4 MB" in response.json()["detail"]


class FakeService:
    """What `Limits` asks of a service."""

    def __init__(self, **changes: Any) -> None:
        self.options = ServeOptions(**changes)
        self.traffic = Traffic(self.options)
        self.is_draining = False
        self.refusals: list[str] = []
        self.monitor = self

    def refused(self, reason: str) -> None:
        self.refusals.append(reason)


async def ask(
    app: ASGIApp, service: FakeService, parts: list[bytes | None], headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any], list[bytes | None]]:
    """Return status, content and the parts that were left, of a request whose None parts never come.

    After the last part the client stays, unless that is `GONE`.
    """
    holder = FastAPI()
    holder.state.service = service
    left = list(parts)
    sent: list[Message] = []

    async def receive() -> Message:
        part = left.pop(0) if left else None
        if part is None:
            await asyncio.Event().wait()
        if part == GONE:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(left) and left[0] != GONE}

    async def send(message: Message) -> None:
        sent.append(message)

    given = {"transfer-encoding": "chunked"} | (headers or {})
    scope = {
        "type": "http",
        "app": holder,
        "path": "/v1/classify",
        "method": "POST",
        "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    await Limits(app)(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(content or b"{}"), left


async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def read_and_sleep(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await asyncio.Event().wait()


def test_a_slow_service_and_a_slow_client_are_told_apart() -> None:
    service = FakeService(timeout_s=0.05)
    status, content, _ = asyncio.run(ask(read_and_sleep, service, [b"a"]))
    assert (status, content["title"]) == (504, "Timed out")
    status, content, _ = asyncio.run(ask(read_all, service, [b"a", None]))
    assert (status, content["title"]) == (408, "Body too slow")
    assert service.refusals == ["timed_out", "body_too_slow"]
    assert service.traffic.n_under_way == 0


def test_what_nobody_waits_for_is_not_computed() -> None:
    service = FakeService(timeout_s=30)
    with pytest.raises(ClientDisconnect):
        asyncio.run(ask(read_and_sleep, service, [b"a", b"b", GONE]))
    assert service.traffic.n_under_way == 0


def test_before_a_connection_is_closed_the_body_is_read_on() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        raise Problem(415, "No", "no")

    parts: list[bytes | None] = [b"a"] * 5
    assert asyncio.run(ask(refuse, FakeService(), parts))[2] == parts  # kept open: the server itself passes over it
    status, _, left = asyncio.run(ask(refuse, FakeService(), parts, {"connection": "close"}))
    assert (status, left) == (415, [])


def test_no_more_than_so_many_are_answered_at_once() -> None:
    service = FakeService(max_waiting=1, workers=1, timeout_s=30)
    gate = asyncio.Event()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        await gate.wait()
        await read_all(scope, receive, send)

    async def all_of_them() -> list[tuple[int, dict[str, Any], list[bytes | None]]]:
        waiting = [asyncio.create_task(ask(wait, service, [b""])) for _ in range(4)]
        refused = await asyncio.wait_for(next(iter(asyncio.as_completed(waiting))), 10)
        gate.set()
        return [refused, *[await task for task in waiting]]

    answers = asyncio.run(all_of_them())
    assert (answers[0][0], answers[0][1]["title"]) == (503, "Too busy")
    assert sorted(status for status, _, _ in answers[1:]) == [200, 200, 200, 503]
    assert service.refusals == ["too_busy"]


def test_before_it_is_started_the_application_fails_in_words() -> None:
    app = build_app(ServeOptions())
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/readyz",
        "headers": [],
        "query_string": b"",
        "server": (HERE, 80),
    }
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 500
