"""The page at `/` and its files under `/static/`, read once; what is not among them does not exist."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from earmark.core.page import TOKENS
from earmark.service.problems import Problem

INDEX = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Nothing from elsewhere, nothing written into the page: not even a name of a file that looks like a script could run.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-cache",  # asked for each time, answered with 304: a new version is never half an old one
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class StaticFile:
    """A file of the page.

    Attributes:
        content: Its bytes.
        media_type: As in the header Content-Type.
        etag: A digest of the bytes, in quotes.
    """

    content: bytes
    media_type: str
    etag: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Return the files of the page by name; `tokens.css` holds the colours that reports have, too."""
    contents = {
        each.name: each.read_bytes()
        for each in files("earmark.service").joinpath("static").iterdir()
        if each.name[each.name.rfind(".") :] in TYPES
    }
    contents["tokens.css"] = TOKENS.lstrip().encode()
    return {name: _static_file(name, content) for name, content in contents.items()}


def _static_file(name: str, content: bytes) -> StaticFile:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return StaticFile(content, TYPES[name[name.rfind(".") :]], etag)


@router.api_route("/", methods=["GET", "HEAD"])
def page(request: Request) -> Response:
    """Return the page."""
    return _answer(request, INDEX)


@router.api_route("/static/{name:path}", methods=["GET", "HEAD"])
def static(request: Request, name: str) -> Response:
    """Return a file of the page. Raises Problem 404 for all other names."""
    return _answer(request, name)


def _answer(request: Request, name: str) -> Response:
    found = static_files().get(name)
    if found is None:
        raise Problem(404, "Not found", "The page has no such file; it begins at /.")
    headers = {**HEADERS, "ETag": found.etag}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("If-None-Match", "").split(",")}
    if found.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    # The body of a HEAD request is counted here and left out by the server.
    return Response(found.content, media_type=found.media_type, headers=headers)
