"""A server between a client and object storage that makes things go wrong on order."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.storage_servers import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Reply:
    """What the upstream server answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Trouble:
    """What goes wrong for requests whose line matches, the first `times` times."""

    pattern: str
    action: Callable[[BaseHTTPRequestHandler, Reply], None]
    times: float = float("inf")
    n_done: int = 0


@dataclass
class Proxy:
    """A server that hands requests on to another one, except where trouble was ordered."""

    port: int
    troubles: list[Trouble] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def order(
        self, pattern: str, action: Callable[[BaseHTTPRequestHandler, Reply], None], times: float = float("inf")
    ) -> Trouble:
        self.troubles.append(Trouble(pattern, action, times))
        return self.troubles[-1]

    def trouble_for(self, line: str) -> Trouble | None:
        with self.lock:
            self.requests.append(line)
            for trouble in self.troubles:
                if re.search(trouble.pattern, line) and trouble.n_done < trouble.times:
                    trouble.n_done += 1
                    return trouble
        return None

    def n_requests(self, pattern: str) -> int:
        with self.lock:
            return sum(re.search(pattern, line) is not None for line in self.requests)


@contextlib.contextmanager
def proxy(upstream: int) -> Iterator[Proxy]:
    """Run a proxy in threads of this process."""
    made = Proxy(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # S3 clients ask before they send a body, which 1.0 has no answer to

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            trouble = made.trouble_for(f"{self.command} {self.path}")
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            reply = _upstream(upstream, self.command, self.path, body, headers)
            with contextlib.suppress(OSError):  # the client may have lost patience
                if trouble is None:
                    answer(self, reply)
                else:
                    trouble.action(self, reply)
            self.close_connection = True

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _upstream(port: int, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Reply(response.status, response.getheaders(), response.read())


def send_head(handler: BaseHTTPRequestHandler, reply: Reply, length: str) -> None:
    """Send status and headers."""
    handler.send_response(reply.status)
    for name, value in reply.headers:
        if name.lower() not in {"connection", "transfer-encoding", "content-length", "server", "date"}:
            handler.send_header(name, value)
    handler.send_header("Content-Length", length)
    handler.send_header("Connection", "close")
    handler.end_headers()


def answer(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Send a reply as it is."""
    length = next((value for name, value in reply.headers if name.lower() == "content-length"), "")
    send_head(handler, reply, length if handler.command == "HEAD" and length else str(len(reply.body)))
    handler.wfile.write(reply.body)


def status(code: int, text: str = "out of order") -> Callable[[BaseHTTPRequestHandler, Reply], None]:
    """Answer with a status, in the words of Amazon or of Google."""
    amazon = {401: "Unauthorized", 403: "InvalidAccessKeyId", 404: "NoSuchKey", 503: "ServiceUnavailable"}

    def act(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if "AWS4" in handler.headers.get("Authorization", ""):
            body = f"<Error><Code>{amazon.get(code, 'Other')}</Code><Message>{text}</Message></Error>"
        else:
            body = f'{{"error": {{"code": {code}, "message": "{text}"}}}}'
        answer(handler, Reply(code, [], body.encode()))

    return act


def drop(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Promise the whole body, send half of it, and hang up."""
    send_head(handler, reply, str(len(reply.body)))
    handler.wfile.write(reply.body[: len(reply.body) // 2])
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def truncate(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Send half of the body as if it were the whole."""
    answer(handler, Reply(reply.status, _without_checksums(reply), reply.body[: len(reply.body) // 2]))


def corrupt(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Send a body of the right length in which one byte is wrong."""
    wrong = bytes([reply.body[0] ^ 0xFF]) + reply.body[1:]
    answer(handler, Reply(reply.status, _without_checksums(reply), wrong))


def stall(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Send half of the body, then nothing until the client hangs up."""
    send_head(handler, reply, str(len(reply.body)))
    handler.wfile.write(reply.body[: len(reply.body) // 2])
    handler.wfile.flush()
    handler.connection.settimeout(PATIENCE_S)
    handler.connection.recv(1)


def trickle(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Send the body slowly."""
    send_head(handler, reply, str(len(reply.body)))
    step = max(1, len(reply.body) // 5)
    for start in range(0, len(reply.body), step):
        handler.wfile.write(reply.body[start : start + step])
        handler.wfile.flush()
        time.sleep(0.1)


def _without_checksums(reply: Reply) -> list[tuple[str, str]]:
    return [(name, value) for name, value in reply.headers if "checksum" not in name.lower()]
