from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from earmark.core.page import STYLE
from earmark.service.problems import Problem
from earmark.service.routes import page
from earmark.service.routes.page import TYPES, static_files

if TYPE_CHECKING:
    from fastapi import Request

MODULES = sorted(name for name in static_files() if name.endswith(".js"))
STYLES = sorted(name for name in static_files() if name.endswith(".css"))
FILE_LINES = 320


def text_of(name: str) -> str:
    return static_files()[name].content.decode()


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.include_router(page.router)

    @app.exception_handler(Problem)
    async def refuse(_: Request, problem: Problem) -> JSONResponse:
        return JSONResponse(problem.content("0"), problem.status)

    return TestClient(app)


def test_the_page_comes_with_its_policy(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", sorted(static_files()))
def test_each_file_has_its_type_and_is_not_sent_twice(client: TestClient, name: str) -> None:
    answer = client.get(f"/static/{name}")
    assert answer.status_code == 200
    assert answer.content
    assert answer.headers["content-type"] == TYPES[name[name.rfind(".") :]]
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(f"/static/{name}", headers={"If-None-Match": f'"other", W/{answer.headers["etag"]}'})
    assert again.status_code == 304
    assert not again.content
    assert again.headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize("path", ["/", "/static/app.js"])
def test_head_tells_the_same_without_the_content(client: TestClient, path: str) -> None:
    told, sent = client.head(path), client.get(path)
    assert told.status_code == 200
    assert told.headers["content-length"] == str(len(sent.content))
    assert told.headers["etag"] == sent.headers["etag"]
    assert not told.content


@pytest.mark.parametrize(
    "name",
    [
        "",
        "none.js",
        "../app.py",
        "%2e%2e/app.py",
        "..%2fapp.py",
        "..%5capp.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "app.js/",
        "app.js%00.css",
        "APP.JS",
    ],
)
def test_there_is_nothing_else(client: TestClient, name: str) -> None:
    answer = client.get(f"/static/{name}")
    assert answer.status_code == 404
    assert "static" not in answer.text


def test_other_methods_are_refused(client: TestClient) -> None:
    assert client.post("/").status_code == 405
    assert client.delete("/static/app.js").status_code == 405


def test_the_page_is_no_part_of_the_interface_for_programs() -> None:
    app = FastAPI()
    app.include_router(page.router)
    assert app.openapi()["paths"] == {}


def test_all_that_is_named_is_there() -> None:
    named = re.findall(r'(?:src|href)="static/([^"]+)"', text_of("index.html"))
    for module in MODULES:
        named += re.findall(r'(?:from |new URL\()"(?:\./)?([^"]+\.js)"', text_of(module))
    assert set(named) <= set(static_files())
    assert set(MODULES) <= set(named), "a module that nothing uses"


@pytest.mark.parametrize("module", MODULES)
def test_scripts_never_turn_text_into_markup_or_code(module: str) -> None:
    text = text_of(module)
    for trap in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "http://"):
        assert trap not in text
    assert text.count("\n") <= FILE_LINES


def test_nothing_is_written_into_the_page_that_the_policy_forbids() -> None:
    text = text_of("index.html")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|javascript:|https?://", text)


@pytest.mark.parametrize("style", STYLES)
def test_styles_use_the_colours_of_all_reports(style: str) -> None:
    text = text_of(style)
    assert "@import" not in text
    assert "url(" not in text
    known = set(re.findall(r"--([\w-]+):", "".join(text_of(each) for each in STYLES)))
    assert set(re.findall(r"var\(--([\w-]+)\)", text)) <= known


def test_colours_are_told_in_one_place_only() -> None:
    assert text_of("tokens.css").strip() in STYLE
    own = set(re.findall(r"--([\w-]+):", text_of("sound.css") + text_of("style.css")))
    assert not own & set(re.findall(r"--([\w-]+):", text_of("tokens.css")))


def brightness(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    digits = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((brightness(one), brightness(other)))
    return (bright + 0.05) / (dark + 0.05)


def colours() -> list[dict[str, str]]:
    """Return the tokens by name, in light and in dark."""
    text = text_of("tokens.css") + text_of("sound.css")
    dark = "".join(re.findall(r"@media \(prefers-color-scheme:dark\)\{:root\{([^}]*)\}", text))
    light = re.sub(r"@media \(prefers-color-scheme:dark\)\{:root\{[^}]*\}\}", "", text)
    tables = [dict(re.findall(r"--([\w-]+):#([0-9a-f]{3,6})", each)) for each in (light, dark)]
    return [tables[0], {**tables[0], **tables[1]}]


TEXTS = [
    *((text, ground) for text in ("ink", "soft", "accent") for ground in ("paper", "wash")),
    *((kind, ground) for kind in ("good", "warning", "bad") for ground in ("paper", f"{kind}-wash")),
    *(("ink", f"{kind}-wash") for kind in ("good", "warning", "bad", "info")),
    ("paper", "accent"),
    ("paper", "accent-strong"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_and_edges_can_be_seen(scheme: str) -> None:
    table = colours()[scheme == "dark"]
    assert len(table) >= 20
    for text, ground in TEXTS:
        assert contrast(table[text], table[ground]) >= 4.5, (text, ground)
    for edge in ("edge", "event", "bad", "accent"):  # WCAG 1.4.11: what is no text
        assert contrast(table[edge], table["paper"]) >= 3, edge


def test_the_contrast_is_that_of_the_standard() -> None:
    assert contrast("000000", "fff") == pytest.approx(21)
    assert contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.005)
