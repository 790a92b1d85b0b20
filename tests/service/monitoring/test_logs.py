"""One JSON object per line, with the request's id, without secrets; what uvicorn logs included."""

from __future__ import annotations

import io
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.settings import settings
from earmark.service.monitoring import configure_logs, log_event, log_request, request_id
from earmark.service.monitoring.logs import JsonLines, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Lines = "Callable[[], list[dict[str, Any]]]"
OWN = ("earmark.service", "uvicorn", "uvicorn.error", "uvicorn.asgi", "uvicorn.access")


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Configure the logs of this process, and return a function that gives what was logged."""
    kept = {name: vars(logging.getLogger(name)).copy() for name in ("", *OWN)}
    handlers = {name: list(logging.getLogger(name).handlers) for name in kept}
    stream = io.StringIO()
    configure_logs(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for name, attributes in kept.items():
        logger = logging.getLogger(name)
        logger.handlers[:] = handlers[name]
        logger.setLevel(attributes["level"])
        logger.propagate = attributes["propagate"]


def test_a_request_is_one_line_with_its_fields(lines: Callable[[], list[dict[str, Any]]]) -> None:
    token = request_id.set("ab12")
    log_request(
        route="/v1/classify", method="POST", status=200, duration_ms=12.3456, caller="site", model="digits", audio_s=1.5
    )
    request_id.reset(token)
    (line,) = lines()
    moment = datetime.fromisoformat(line.pop("time"))
    assert moment.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)
    assert line == {
        "level": "INFO",
        "logger": "earmark.service.requests",
        "message": "request",
        "request_id": "ab12",
        "route": "/v1/classify",
        "method": "POST",
        "status": 200,
        "duration_ms": 12.35,
        "caller": "site",
        "model": "digits",
        "audio_s": 1.5,
    }


@pytest.mark.parametrize(
    ("method", "status", "level"),
    [("GET", 404, "INFO"), ("GET", 503, "WARNING"), ("WEBSOCKET", 1000, "INFO"), ("WEBSOCKET", 1011, "WARNING")],
)
def test_failures_of_the_server_are_warnings(
    method: str, status: int, level: str, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    log_request(route="other", method=method, status=status, duration_ms=1.0)
    assert [(line["level"], "request_id" in line, "model" in line) for line in lines()] == [(level, False, False)]


def test_an_exception_is_fields(lines: Callable[[], list[dict[str, Any]]]) -> None:
    def fail() -> None:
        try:
            int("x")
        except ValueError as error:
            raise RuntimeError("postgresql://ann:hunter2@db/earmark\nis away") from error

    try:
        fail()
    except RuntimeError:
        logging.getLogger("somewhere").exception("request failed")
    (line,) = lines()
    assert (line["level"], line["message"]) == ("ERROR", "request failed")
    assert line["error"]["type"] == "RuntimeError"
    assert line["error"]["message"] == "postgresql://ann:[...]@db/earmark\nis away"
    assert line["error"]["trace"][-1].endswith(" fail")
    assert line["error"]["cause"].startswith("ValueError: invalid literal")


@pytest.mark.parametrize(("level", "told"), [("WARNING", 0), ("INFO", 1), ("DEBUG", 3)])
def test_the_setting_decides_what_else_is_logged(level: str, told: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_LOG_LEVEL", level)
    settings.cache_clear()
    root = logging.getLogger()
    service = logging.getLogger("earmark.service")
    before, before_level, service_level = list(root.handlers), root.level, service.level
    stream = io.StringIO()
    try:
        configure_logs(stream)
        logging.getLogger("elsewhere").info("for the curious")
        logging.getLogger("elsewhere").debug("for the very curious")
        logging.getLogger("earmark.service.host").info("model loaded", extra={"model": "digits", "version": None})
        logging.getLogger("earmark.service.host").debug("for the very curious")
        log_request(route="/healthz", method="GET", status=200, duration_ms=0.1)
    finally:
        root.handlers[:] = before
        root.setLevel(before_level)
        service.setLevel(service_level)
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(found) == told + 2
    assert found[-1]["message"] == "request"
    (loaded,) = (line for line in found if line["message"] == "model loaded")
    assert loaded["model"] == "digits"
    assert "version" not in loaded


def test_the_lines_of_uvicorn_are_json_and_its_access_log_is_off(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logging.getLogger("uvicorn.error").warning('%s - "WebSocket %s" [accepted]', "1.2.3.4", "/v1/stream?key=sesame")
    logging.getLogger("uvicorn.access").info('1.2.3.4 - "GET /v1/models?api_key=sesame" 200')
    (line,) = lines()
    assert line["message"] == '1.2.3.4 - "WebSocket /v1/stream?key=[...]" [accepted]'


@pytest.mark.parametrize(
    "text",
    [
        "the key ek_sesame_sesame-sesame is unknown",
        "Authorization: Bearer sesame",
        "authorization: bearer sesame.sesame-sesame",
        "Authorization: Basic c2VzYW1l/sesame==",
        "X-API-Key: sesame",
        "{'x-api-key': 'sesame'}",
        '{"type": "start", "key": "sesame"}',
        "GET /v1/stream?model=digits&key=sesame&n=1",
        "GET /x?access_token=sesame",
        "GET /x?X-Goog-Signature=sesame&X-Goog-Credential=sesame",
        "postgresql+psycopg://earmark:sesame@db:5432/earmark",
        "postgresql://:sesame@db/earmark",
        "host=db password=sesame dbname=earmark",
        "EARMARK_API_KEY=sesame",
        "client_secret='sesame'",
        "[(b'x-api-key', b'sesame')]",
    ],
)
def test_secrets_are_struck_out(text: str, lines: Callable[[], list[dict[str, Any]]]) -> None:
    logging.getLogger("somewhere").warning("found %s here", text)
    logging.getLogger("somewhere").warning("found", extra={"what": text, "which": [text]})
    log_event("found", {"what": text})
    assert len(lines()) == 3
    assert "sesame" not in json.dumps(lines())


@pytest.mark.parametrize(
    "text",
    ["/v1/models/{name} took 12 ms", 'key "rate_hz": found 5', "monkey=1", "gs://bucket/path@2", "http://[::1]:80"],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert without_secrets(text) == text


def test_each_thread_logs_the_id_of_its_own_request(lines: Callable[[], list[dict[str, Any]]]) -> None:
    def answer(number: int) -> None:
        request_id.set(f"id{number}")
        for _ in range(20):
            log_request(route=f"/{number}", method="GET", status=200, duration_ms=1.0)

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(copy_context().run, answer, number) for number in range(8)]:
            each.result()
    assert len(lines()) == 160
    assert all(line["route"] == f"/{line['request_id'].removeprefix('id')}" for line in lines())


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    message = 'a\nb\r"quoted" \x1b[31m \u2028 \ud83d'  # the last one is half a character
    line = JsonLines().format(logging.makeLogRecord({"msg": message}))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == message
