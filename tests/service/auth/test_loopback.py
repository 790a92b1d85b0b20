from __future__ import annotations

import pytest
from starlette.requests import Request

from earmark.service.auth.loopback import is_loopback, keys_needed, refuse_foreign
from earmark.service.options import ServeOptions
from earmark.service.problems import Problem


def asking(**headers: str) -> Request:
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": named})


@pytest.mark.parametrize(
    ("host", "auth", "needed"),
    [
        ("127.0.0.1", "auto", False),
        ("127.8.9.1", "auto", False),
        ("localhost", "auto", False),
        ("::1", "auto", False),
        ("127.0.0.1", "on", True),
        ("0.0.0.0", "auto", True),  # noqa: S104 - the very thing that is looked for
        ("::", "auto", True),
        ("", "auto", True),
        ("192.168.1.4", "auto", True),
        ("service.example", "auto", True),
    ],
)
def test_keys_are_off_only_on_loopback(host: str, auth: str, *, needed: bool) -> None:
    assert keys_needed(ServeOptions.model_validate({"host": host, "auth": auth})) is needed


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:80", "[::1]:8000", "127.1.2.3:9"])
def test_this_machine_is_answered_under_all_its_names(host: str) -> None:
    refuse_foreign(asking(host=host), ServeOptions())


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1:8000", "", "a@localhost",
     "localhost/x", "localhost:port", "[::1"],
)  # fmt: skip
def test_another_name_for_this_machine_is_refused(host: str) -> None:
    with pytest.raises(Problem, match="own machine") as caught:
        refuse_foreign(asking(host=host), ServeOptions())
    assert caught.value.status == 403


def test_no_host_and_two_hosts_are_refused() -> None:
    with pytest.raises(Problem):
        refuse_foreign(asking(), ServeOptions())
    two = Request({"type": "http", "headers": [(b"host", b"localhost"), (b"host", b"evil.example")]})
    with pytest.raises(Problem):
        refuse_foreign(two, ServeOptions())


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("127.0.0.1", "http://127.0.0.1"),
    ],
)
def test_a_page_of_the_service_itself_is_answered(host: str, origin: str) -> None:
    refuse_foreign(asking(host=host, origin=origin), ServeOptions())


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", "http://localhost:3000", "http://127.0.0.1:8000", "file://", "http://a@localhost:8000",
     "chrome-extension://abc"],
)  # fmt: skip
def test_a_page_of_another_place_is_refused(origin: str) -> None:
    with pytest.raises(Problem, match="no pages of other places"):
        refuse_foreign(asking(host="localhost:8000", origin=origin), ServeOptions())


def test_where_keys_are_asked_for_the_name_does_not_matter() -> None:
    refuse_foreign(asking(host="service.example", origin="https://page.example"), ServeOptions(auth="on"))


def test_no_name_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: pytest.fail("asked a name server"))
    assert not is_loopback("localtest.me")
