"""`earmark serve` as a process: its address, its end, its reload, and what it refuses to do."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from earmark.core.errors import ConfigError
from earmark.models.bundle import load_bundle, save_bundle
from earmark.service.options import ServeOptions
from earmark.service.run import address_of, listen_at, refuse_without_keys
from tests.service.serving import COMMAND, PATIENCE_S, Server, encoded, served, tone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAV = encoded(tone())


class HalfSent:
    """A request under way: the service has begun to read its body, and the rest is not sent yet."""

    def __init__(self, server: Server, content: bytes) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
        head = (
            "POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: audio/wav\r\n"
            f"Content-Length: {len(content)}\r\nExpect: 100-continue\r\n\r\n"
        )
        self._socket.sendall(head.encode())
        assert self._socket.recv(100).startswith(b"HTTP/1.1 100")  # the service reads the body from here on
        self._socket.sendall(content[:1000])
        self._rest = content[1000:]

    def finish(self) -> tuple[int, dict[str, object]]:
        """Send the rest and return status and content of the answer."""
        self._socket.sendall(self._rest)
        with self._socket, self._socket.makefile("rb") as file:
            status = int(file.readline().split()[1])
            length = 0
            while (line := file.readline().strip()) != b"":
                name, _, value = line.partition(b": ")
                length = int(value) if name.lower() == b"content-length" else length
            return status, json.loads(file.read(length))

    def ended(self) -> bytes:
        """Return what comes until the connection is closed, without sending the rest."""
        found = b""
        with self._socket:
            while part := self._socket.recv(65_536):
                found += part
        return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with served(tmp_path, "digits", "--drain", "60", "--timeout", "60") as made:
        yield made


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a service that no test ends."""
    with served(tmp_path_factory.mktemp("lasting"), "digits", "--max-upload-mb", "1") as made:
        yield made


def until_stopping(server: Server) -> httpx.Response:
    """Return the first answer of /readyz that is not 200."""
    while (response := httpx.get(f"{server.address}/readyz", timeout=PATIENCE_S)).status_code == 200:
        pass
    return response


def test_after_sigterm_requests_under_way_end_and_new_ones_are_refused(server: Server) -> None:
    under_way = HalfSent(server, WAV)
    with connect(f"ws://127.0.0.1:{server.port}/v1/stream") as stream:
        stream.send(json.dumps({"type": "start", "rate_hz": 16_000, "options": {"vad": "energy"}}))
        assert json.loads(stream.recv(PATIENCE_S))["type"] == "ready"
        server.process.send_signal(signal.SIGTERM)
        stopping = until_stopping(server)
        assert (stopping.status_code, stopping.json()["title"]) == (503, "Stopping")
        refused = server.post("/v1/classify", WAV)
        assert (refused.status_code, refused.json()["title"]) == (503, "Stopping")
        assert "retry-after" in refused.headers
        while json.loads(stream.recv(PATIENCE_S))["type"] != "end":
            pass
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(PATIENCE_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    status, answer = under_way.finish()
    assert status == 200, server.log.read_text()
    assert answer["label"] in load_bundle("digits").spec.labels
    assert server.process.wait(PATIENCE_S) == 0


def test_what_does_not_end_in_time_is_given_up(tmp_path: Path) -> None:
    with served(tmp_path, "digits", "--drain", "0.2", "--timeout", "60") as server:
        under_way = HalfSent(server, WAV)
        server.process.send_signal(signal.SIGTERM)
        assert b"200 OK" not in under_way.ended()
        assert server.process.wait(PATIENCE_S) == 0
        assert '"given up"' in server.log.read_text()


def test_a_second_signal_ends_it_at_once(server: Server) -> None:
    under_way = HalfSent(server, WAV)
    server.process.send_signal(signal.SIGINT)
    until_stopping(server)
    server.process.send_signal(signal.SIGINT)
    assert b"200 OK" not in under_way.ended()
    assert server.process.wait(PATIENCE_S) == 0


def test_a_body_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    with served(tmp_path, "digits", "--timeout", "0.3") as server:
        answer = HalfSent(server, WAV).ended()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"application/problem+json" in answer


def test_a_changed_bundle_takes_over_without_a_failed_request(tmp_path: Path) -> None:
    first = load_bundle("digits")
    folder = tmp_path / "bundle"
    shutil.copytree(first.folder, folder)
    with served(tmp_path, str(folder), "--reload", "0.1") as server:
        before = server.post("/v1/classify", WAV).json()
        newer = first.spec.model_copy(update={"summary": "another"})
        extra = {"known.onnx": (folder / "known.onnx").read_bytes()}
        change = threading.Thread(
            target=save_bundle, args=(folder, newer, (folder / "model.onnx").read_bytes()), kwargs={"extra": extra}
        )
        change.start()
        answer = before
        while answer["model"]["version"] == before["model"]["version"]:
            response = server.post("/v1/classify", WAV)
            assert response.status_code == 200, response.text
            answer = response.json()
        change.join()
        assert answer["scores"] == before["scores"]


def test_a_body_over_the_limit_is_refused_also_to_clients_that_send_it_all(lasting: Server) -> None:
    for headers in ({}, {"Connection": "close"}):
        response = lasting.post("/v1/classify", bytes(5_000_000), **headers)
        assert (response.status_code, response.json()["title"]) == (413, "Too large")


@pytest.mark.parametrize("promised", [10, 2000])
def test_a_content_length_that_lies_harms_nobody_else(lasting: Server, promised: int) -> None:
    with socket.create_connection(("127.0.0.1", lasting.port), PATIENCE_S) as client:
        client.sendall(
            f"POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: audio/wav\r\nContent-Length: {promised}"
            "\r\nConnection: close\r\n\r\n".encode()
            + WAV[:1000]
        )
        client.shutdown(socket.SHUT_WR)
        while client.recv(65_536):
            pass
    assert lasting.post("/v1/classify", WAV).status_code == 200


def test_endless_headers_are_cut_off(lasting: Server) -> None:
    with socket.create_connection(("127.0.0.1", lasting.port), PATIENCE_S) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ")
        answer = b""
        try:
            for _ in range(1000):
                client.sendall(b"a" * 65_536)
            answer = client.recv(100)
        except OSError:  # it was closed before all was sent
            pass
        assert answer[:12] in {b"", b"HTTP/1.1 400"}
    assert httpx.get(f"{lasting.address}/healthz").status_code == 200


def test_logs_are_json_lines_with_the_id_of_the_request(lasting: Server) -> None:
    lasting.post("/v1/classify?secret=5", WAV, **{"X-Request-ID": "mine-1"})
    while '"mine-1"' not in (text := lasting.log.read_text()) or not text.endswith("\n"):
        pass  # the line is written after the answer
    lines = [json.loads(line) for line in text.splitlines()]
    (told,) = [line for line in lines if line.get("request_id") == "mine-1"]
    assert (told["route"], told["status"], told["model"], told["audio_s"]) == ("/v1/classify", 200, "digits", 0.6)
    assert "secret" not in text


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", COMMAND, "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothing"], 1, "nothing: is neither a bundle folder nor a shipped model"),
        (["--host", "0.0.0.0"], 2, "earmark keys create NAME"),  # noqa: S104 - that is what is refused
        (["--max-waiting", "0"], 2, 'key "max_waiting"'),
    ],
)
def test_a_wrong_start_is_one_line(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    done = run(*arguments, "--port", "0", "--state-dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (code, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("earmark: ")
    assert said in last
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said_so() -> None:
    listener = listen_at("127.0.0.1", 0)
    with listener, pytest.raises(ConfigError, match="another --port"):
        listen_at("127.0.0.1", listener.getsockname()[1])


def test_an_address_is_as_a_browser_takes_it() -> None:
    with listen_at("127.0.0.1", 0) as listener:
        assert address_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_with_a_key_other_machines_may_be_served(tmp_path: Path) -> None:
    from earmark.service.auth import create_key
    from earmark.service.database import Database, database_url

    options = ServeOptions(host="0.0.0.0", state_dir=str(tmp_path))  # noqa: S104 - no socket is opened
    with pytest.raises(ConfigError):
        refuse_without_keys(options)
    database = Database(database_url("", str(tmp_path)))
    database.open()
    create_key(database, "ada")
    database.close()
    refuse_without_keys(options)


def test_without_a_key_nothing_is_answered_where_keys_are_needed(tmp_path: Path) -> None:
    from earmark.service.auth import create_key
    from earmark.service.database import Database, database_url

    database = Database(database_url("", str(tmp_path)))
    database.open()
    key, _ = create_key(database, "ada")
    database.close()
    with served(tmp_path, "digits", "--auth", "on") as server:
        refused = server.post("/v1/classify", WAV)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="earmark"')
        assert server.post("/v1/classify", WAV, Authorization=f"Bearer {key}").status_code == 200
        assert server.post("/v1/classify", WAV, **{"X-API-Key": key}).status_code == 200
        assert key not in server.log.read_text()
