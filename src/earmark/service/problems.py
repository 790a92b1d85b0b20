"""What a client is told when something is wrong: RFC 9457 problem details, without paths, traces or keys."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from earmark.service.monitoring.logs import request_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

MEDIA_TYPE = "application/problem+json"
SCHEMA_NAME = "Problem"
LONGEST_DETAIL = 1000
LONGEST_FOUND = 60  # characters of what a client sent, where it is quoted
CHALLENGE = 'Bearer realm="earmark"'


class Problem(Exception):  # noqa: N818  a refusal of a request, answered to the client, never shown as an error here
    """Refuse a request.

    Args:
        status: HTTP status.
        title: The kind of problem, the same for all of its kind, such as "Unknown model".
        detail: What was found, what was expected and what to do; holds no path and no key.
        retry_after_s: When to come back.
    """

    def __init__(self, status: int, title: str, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.retry_after_s = retry_after_s

    @property
    def reason(self) -> str:
        """The title as one word, as metrics count it: "too_large"."""
        return self.title.lower().replace(" ", "_")

    def content(self, request_id: str) -> dict[str, Any]:
        """Return the JSON object of the answer."""
        return {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail[:LONGEST_DETAIL],
            "request_id": request_id,
        }

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        """Return the answer to the request that is being served."""
        told = dict(headers or {})
        if self.retry_after_s is not None:
            told["Retry-After"] = str(max(1, math.ceil(self.retry_after_s)))
        if self.status == HTTPStatus.UNAUTHORIZED:
            told["WWW-Authenticate"] = CHALLENGE
        return JSONResponse(self.content(request_id.get()), self.status, headers=told, media_type=MEDIA_TYPE)


def failed() -> Problem:
    """Return the problem of an error that nobody expected: the log has the rest, under the same request id."""
    return Problem(500, "Internal error", "The service failed; its log says why under this request id.")


def handle_problems(app: FastAPI) -> None:
    """Answer everything that goes wrong in a route or before it with problem details."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)


def _answer_problem(request: Request, error: Exception) -> JSONResponse:
    problem = error if isinstance(error, Problem) else failed()
    if problem.status < HTTPStatus.INTERNAL_SERVER_ERROR:  # what is too much for it, each part counts itself
        request.app.state.service.monitor.refused(problem.reason)
    return problem.response()


def _answer_invalid(_request: Request, error: Exception) -> JSONResponse:
    """Name the first parameter that is wrong, what was found and what is expected."""
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    first: dict[str, Any] = found[0] if found else {"loc": (), "msg": "is not understood"}
    place = " ".join(str(part) for part in first["loc"])
    given = first.get("input")
    quoted = f", found {str(given)[:LONGEST_FOUND]!r}" if isinstance(given, str | int | float) else ""
    message = str(first["msg"])
    detail = f"{place}: {message[:1].lower()}{message[1:]}{quoted}."
    return Problem(422, "Invalid request", detail).response()


def _answer_http(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework refuses: unknown addresses, wrong methods, broken forms."""
    if isinstance(error.__cause__, Problem):  # a body over the limit, found while the framework read it
        return _answer_problem(request, error.__cause__)
    if not isinstance(error, HTTPException):
        return failed().response()
    status = HTTPStatus(error.status_code)
    details = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address; GET /openapi.json tells what there is.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take this method; the header Allow says which it does.",
    }
    detail = details.get(status) or (str(error.detail) if status < HTTPStatus.INTERNAL_SERVER_ERROR else "")
    return Problem(status, status.phrase.capitalize(), detail or status.description).response(error.headers)


_WHEN = {
    400: "The form is broken",
    401: "No key, or one that does not count",
    403: "Not allowed from there, or this reference is not allowed",
    404: "No such model, or nothing at the reference",
    408: "The body did not arrive in time",
    409: "In conflict with what is known",
    413: "The body or the sound in it is over the limit",
    415: "This is no sound, or the body is of no known kind",
    422: "A parameter or the sound is not usable; the detail says why",
    429: "Too many requests with this key",
    500: "The service failed",
    502: "Storage cannot be reached or refuses",
    503: "Too busy, still loading, or stopping",
    504: "There was no answer in time",
}
_EXAMPLES = {
    413: Problem(413, "Too large", "Found a body of more than 50 MB, expected at most 50 MB; send shorter sound."),
    415: Problem(415, "Not a sound", "take.png: looks like a PNG picture, expected WAV, FLAC, OGG, MP3 or another."),
    422: Problem(422, "Sound refused", "take.wav: is silent (level -120 dB), expected sound above -90 dB."),
    503: Problem(503, "Too busy", "64 requests wait for this model already; come back later."),
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route declares in `responses`: each of these statuses with the schema of problems."""
    return {status: _declared(status) for status in sorted(statuses)}


def _declared(status: int) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{SCHEMA_NAME}"}}
    if status in _EXAMPLES:
        content["example"] = _EXAMPLES[status].content("3f2a9c0d5b7e4f18a6c2d4e8f0b1a3c5")
    declared: dict[str, Any] = {"description": _WHEN[status], "content": {MEDIA_TYPE: content}}
    if status in {429, 503, 504}:
        declared["headers"] = {
            "Retry-After": {"description": "Seconds until it may work.", "schema": {"type": "integer", "minimum": 1}}
        }
    if status == HTTPStatus.UNAUTHORIZED:
        declared["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return declared


EVERYWHERE = (500, 503, 504)
WITH_KEY = (*EVERYWHERE, 401, 403, 429)
"""What every /v1 route can answer, whatever it does."""

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": SCHEMA_NAME,
    "description": "Problem details (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "Always about:blank: the title says the kind."},
        "title": {"type": "string", "description": "The kind of problem."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What was found, what was expected, what to do."},
        "request_id": {"type": "string", "description": "As in the header X-Request-ID and in the log."},
    },
}
