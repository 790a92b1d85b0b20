"""The dependency in a small application of its own: schemes, headers, websockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from earmark.service.auth import Caller, KeyRing, caller_of, caller_of_socket, create_key
from earmark.service.options import ServeOptions
from earmark.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earmark.service.database import Database


class Parts:
    """What the dependency needs of a running service."""

    def __init__(self, database: Database, options: ServeOptions) -> None:
        self.options = options
        self.keys = KeyRing(database, options)


def small_app(parts: Parts) -> FastAPI:
    app = FastAPI()
    app.state.service = parts

    @app.exception_handler(Problem)
    async def answer(_request: Request, problem: Problem) -> JSONResponse:
        return JSONResponse(problem.content("1"), problem.status)

    @app.get("/who")
    async def who(caller: Annotated[Caller, Depends(caller_of)]) -> str:
        return caller.name

    @app.websocket("/live")
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            caller = await caller_of_socket(websocket, (await websocket.receive_json()).get("key"))
            await websocket.send_json({"name": caller.name})
        except Problem as problem:
            await websocket.send_json({"status": problem.status})
        await websocket.close()

    return app


@pytest.fixture
def guarded(database: Database) -> Iterator[TestClient]:
    with TestClient(small_app(Parts(database, ServeOptions(auth="on")))) as client:
        yield client


@pytest.fixture
def local(database: Database) -> Iterator[TestClient]:
    with TestClient(small_app(Parts(database, ServeOptions())), base_url="http://localhost:8000") as client:
        yield client


def test_a_key_travels_in_either_header(guarded: TestClient, database: Database) -> None:
    key, _ = create_key(database, "ada")
    assert guarded.get("/who", headers={"Authorization": f"Bearer {key}"}).json() == "ada"
    assert guarded.get("/who", headers={"X-API-Key": key}).json() == "ada"
    assert guarded.get("/who").status_code == 401
    assert guarded.get("/who", headers={"Authorization": f"Basic {key}"}).status_code == 401
    assert guarded.get(f"/who?key={key}").status_code == 401


def test_the_description_names_both_ways(guarded: TestClient) -> None:
    found: dict[str, Any] = guarded.get("/openapi.json").json()
    schemes = found["components"]["securitySchemes"]
    assert {(each["type"], each.get("scheme"), each.get("in"), each.get("name")) for each in schemes.values()} == {
        ("http", "bearer", None, None),
        ("apiKey", None, "header", "X-API-Key"),
    }
    assert found["paths"]["/who"]["get"]["security"] == [{"bearer": []}, {"header": []}]


def test_on_loopback_a_foreign_page_is_refused(local: TestClient) -> None:
    assert local.get("/who").json() == "local"
    assert local.get("/who", headers={"Origin": "https://evil.example"}).status_code == 403
    assert local.get("/who", headers={"Host": "rebound.evil.example"}).status_code == 403


def test_a_websocket_sends_its_key_first(guarded: TestClient, database: Database) -> None:
    key, _ = create_key(database, "ada")
    for sent, answer in (({"key": key}, {"name": "ada"}), ({}, {"status": 401})):
        with guarded.websocket_connect("/live") as socket:
            socket.send_json(sent)
            assert socket.receive_json() == answer


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"host": "rebound.evil.example"}])
def test_a_websocket_of_a_foreign_page_is_refused(local: TestClient, headers: dict[str, str]) -> None:
    with local.websocket_connect("ws://localhost:8000/live", headers=headers) as socket:
        socket.send_json({})
        assert socket.receive_json() == {"status": 403}
