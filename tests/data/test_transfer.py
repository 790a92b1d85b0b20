"""One file over HTTP, from a server on this machine that breaks off, is busy, lies and forgets."""

from __future__ import annotations

import http.server
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import DataError
from earmark.data import transfer as module
from earmark.data.transfer import transfer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 1000


@dataclass
class Server:
    """What the server does: statuses first, then the content, broken off after so many bytes each time."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    ranges: bool = True
    etag: str = '"v1"'
    length: bool = True
    retry_after: str = ""
    location: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)


class Handler(http.server.BaseHTTPRequestHandler):
    server_state: Server

    def do_GET(self) -> None:
        state = self.server_state
        state.asked.append(dict(self.headers.items()))
        if state.statuses:
            self.send_response(state.statuses.pop(0))
            self.send_header("Content-Length", "0")
            for name, value in (("Retry-After", state.retry_after), ("Location", state.location)):
                if value:
                    self.send_header(name, value)
            self.end_headers()
            return
        first = 0
        if state.ranges and "Range" in self.headers and self.headers.get("If-Range") == state.etag:
            first = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}")
        if state.etag:
            self.send_header("ETag", state.etag)
        if state.length:
            self.send_header("Content-Length", str(len(CONTENT) - first))
        self.end_headers()
        end = state.breaks.pop(0) if state.breaks else len(CONTENT)
        self.wfile.write(CONTENT[first:end])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@dataclass
class Diary:
    """A progress that keeps what it is told."""

    stages: list[tuple[str, int]] = field(default_factory=list)
    n_steps: int = 0

    def start(self, label: str, total: int) -> None:
        self.stages.append((label, total))

    def advance(self, n_steps: int = 1) -> None:
        self.n_steps += n_steps

    def note(self, text: str) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(module, "PAUSES_S", (0.0, 0.0, 0.0))
    state = Server()
    handler = type("Served", (Handler,), {"server_state": state})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{running.server_address[1]}/file"
        yield state
        running.shutdown()
        thread.join()


def test_a_file_comes_whole_with_progress_and_headers(server: Server, tmp_path: Path) -> None:
    diary = Diary()
    transfer(server.url, tmp_path / "file", headers={"Authorization": "Bearer x"}, label="a file", progress=diary)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert diary.stages == [("a file", len(CONTENT))]
    assert diary.n_steps == len(CONTENT)
    assert server.asked[0]["Authorization"] == "Bearer x"


def test_what_a_broken_line_brought_is_kept_and_continued(server: Server, tmp_path: Path) -> None:
    server.breaks = [100_000, 200_000]
    diary = Diary()
    transfer(server.url, tmp_path / "file", progress=diary)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert diary.n_steps == len(CONTENT)  # nothing came twice
    assert [asked.get("Range") is not None for asked in server.asked] == [False, True, True]


def test_a_line_that_brings_a_little_each_time_is_not_given_up(server: Server, tmp_path: Path) -> None:
    server.breaks = list(range(66_000, 256_000, 20_000))
    assert len(server.breaks) > len(module.PAUSES_S) + 1
    transfer(server.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize(("ranges", "etag"), [(False, '"v1"'), (True, ""), (True, 'W/"v1"')])
def test_a_server_that_cannot_continue_starts_anew(server: Server, tmp_path: Path, ranges: bool, etag: str) -> None:
    server.ranges, server.etag, server.breaks = ranges, etag, [100_000, 70_000]
    diary = Diary()
    transfer(server.url, tmp_path / "file", progress=diary)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [total for _, total in diary.stages] == [len(CONTENT)] * 3


def test_a_file_that_changes_meanwhile_is_fetched_from_its_start(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.breaks = [100_000]

    def change(pause_s: float) -> None:
        server.etag = '"v2"'

    monkeypatch.setattr(time, "sleep", change)
    transfer(server.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked[1]["If-Range"] == '"v1"'


@pytest.mark.parametrize("ranges", [True, False])
def test_a_server_that_always_breaks_at_one_place_is_given_up(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.ranges, server.breaks = ranges, [100_000] * 50
    with pytest.raises(DataError, match="no answer: "):
        transfer(server.url, tmp_path / "file")
    assert len(server.asked) == len(module.PAUSES_S) + 2  # the first that brought something, and four in vain


def test_a_busy_server_is_asked_again_when_it_says(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses_s: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses_s.append)
    server.statuses, server.retry_after = [503, 429], "7"
    transfer(server.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert pauses_s == [7, 7]
    server.statuses, server.retry_after = [503], "86400"
    transfer(server.url, tmp_path / "file")
    assert pauses_s[-1] == module.LONGEST_PAUSE_S
    server.statuses, server.retry_after = [503], "Wed, 21 Oct 2026 07:28:00 GMT"
    transfer(server.url, tmp_path / "file")
    assert pauses_s[-1] == 0


@pytest.mark.parametrize(("status", "n_asked"), [(404, 1), (403, 1), (503, 4), (500, 4)])
def test_a_refusal_is_told_at_once_and_a_fault_after_four_attempts(
    server: Server, tmp_path: Path, status: int, n_asked: int
) -> None:
    server.statuses = [status] * 9
    with pytest.raises(DataError, match=f"^the server answered {status}$"):
        transfer(server.url, tmp_path / "file")
    assert len(server.asked) == n_asked


def test_an_unstated_length_is_shown_as_the_one_expected(server: Server, tmp_path: Path) -> None:
    server.length = False
    diary = Diary()
    transfer(server.url, tmp_path / "file", n_bytes=123, progress=diary)
    assert diary.stages == [("download", 123)]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_that_cannot_be_reached_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda pause_s: pytest.fail("waited"))
    with pytest.raises(DataError, match="no answer: ConnectionError"):
        transfer("http://127.0.0.1:9/file", tmp_path / "file")


def test_an_address_that_makes_no_sense_is_a_reason_too(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no answer: "):
        transfer("http://", tmp_path / "file")
    server.statuses, server.location = [302] * 50, server.url
    with pytest.raises(DataError, match=r"the server answered 302|no answer: "):
        transfer(server.url, tmp_path / "file")


def test_an_old_file_under_the_name_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * (len(CONTENT) + 5))
    transfer(server.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
