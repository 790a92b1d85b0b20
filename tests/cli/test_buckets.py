"""Recordings in a bucket: heard and cut through emulators of Google Cloud Storage and Amazon S3."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from earmark.core.settings import settings
from earmark.data import storage_faults
from earmark.inference.formats import read_events
from earmark.inference.segments import read_sheet
from tests.cli.test_analyze import contents, write
from tests.storage_proxy import Proxy, answer, stall
from tests.storage_servers import BUCKET, PATIENCE_S, Server, environment, point_at

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.storage_proxy import Reply

pytest.importorskip("fsspec")
NAMES = ("a.wav", "night/b c.flac", "night/ö.wav")
DOWNLOAD = r"GET (/download\S*|/calls/season/)\S*flac"  # as Google and Amazon spell it
LISTING = r"GET (/storage/v1/b/calls/o\?|/calls\?)"
COMMAND = "from earmark.cli.main import main; main()"


@pytest.fixture
def way(server: Server, middle: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, _own_settings: None) -> Proxy:
    """A bucket with three recordings, reached through a proxy."""
    server.wipe()
    for place, name in enumerate(NAMES):
        file = write(tmp_path / "in" / name, ("lqlsq", "ql", "slq")[place])
        server.put(f"season/{name}", file.read_bytes())
    server.put("season/notes.txt", b"rain")
    monkeypatch.setattr(storage_faults, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setenv("EARMARK_MAX_WORKERS", "1")
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("EARMARK_STORAGE_RETRIES", "1")
    monkeypatch.setenv("EARMARK_STORAGE_TIMEOUT_S", "20")
    point_at(monkeypatch, server.scheme, middle.port)
    settings.cache_clear()
    middle.troubles.clear()
    middle.requests.clear()
    return middle


@pytest.fixture
def address(server: Server) -> str:
    return f"{server.scheme}://{BUCKET}/season"


def events_of(path: Path) -> dict[str, list[tuple[float, float, str, float]]]:
    """Return the events in a file of detections by the last part of the recording's name."""
    return {
        file.path.rpartition("/")[2]: [(e.start_s, e.end_s, e.label, e.probability) for e in file.events]
        for file in read_events(path)
    }


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_bucket_is_heard_like_a_folder(run: Run, bundle: Path, tmp_path: Path, address: str, workers: int) -> None:
    run("analyze", tmp_path / "in", "-m", bundle, "-o", tmp_path / "here")
    told = run("analyze", f"{address}/", "-m", bundle, "-o", tmp_path / "there", "--workers", workers)
    assert "3 recordings" in told.stderr
    here, there = (events_of(tmp_path / name / "detections.csv") for name in ("here", "there"))
    assert there == here
    assert sum(map(len, here.values())) >= 7
    assert read_events(tmp_path / "there" / "detections.csv")[0].path == f"{address}/a.wav"
    assert not list((tmp_path / "cache" / "analyze").glob("fetched-*"))


def test_what_is_known_is_not_fetched_again(
    way: Proxy, server: Server, run: Run, bundle: Path, tmp_path: Path, address: str
) -> None:
    options = ("-m", bundle, "--json", "--results", tmp_path / "kept.jsonl")
    first = run("analyze", address, *options).stdout
    way.requests.clear()
    again = run("analyze", address, *options)
    assert (again.stdout, "all known from an earlier run" in again.stderr) == (first, True)
    assert not way.n_requests(r"GET .*a\.wav")
    server.put("season/a.wav", write(tmp_path / "other.wav", "qlqlq").read_bytes())
    changed = [json.loads(line) for line in run("analyze", address, *options).stdout.splitlines()]
    same = [new["events"] == json.loads(old)["events"] for new, old in zip(changed, first.splitlines(), strict=True)]
    assert same == [False, True, True]
    assert way.n_requests(r"GET .*a\.wav")
    assert not way.n_requests(r"GET .*flac")


def test_a_run_that_was_killed_while_it_fetched_goes_on(
    way: Proxy, server: Server, run: Run, bundle: Path, tmp_path: Path, address: str
) -> None:
    """Kill the command while half of the second recording is here, with what was heard in the first one kept."""
    options = [f"{address}/", "-m", str(bundle), "--workers", "1"]
    run("analyze", *options, "-o", tmp_path / "whole", "--results", tmp_path / "whole.jsonl")
    reached = threading.Event()

    def hold(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        reached.set()
        stall(handler, reply)

    way.order(DOWNLOAD, hold)
    command = [sys.executable, "-c", COMMAND, "analyze", *options, "-o", str(tmp_path / "out")]
    command += ["--results", str(tmp_path / "kept.jsonl")]
    told = {**os.environ, **environment(server.scheme, way.port)}
    process = subprocess.Popen(command, env=told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert reached.wait(PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    left = [*(tmp_path / "out").glob(".writing-*"), *(tmp_path / "cache" / "analyze").glob("fetched-*")]
    assert {path.name.partition("-")[0] for path in left} == {".writing", "fetched"}
    assert (tmp_path / "kept.jsonl").read_bytes().count(b"\n") == 2
    way.troubles.clear()
    way.requests.clear()
    run("analyze", *options, "-o", tmp_path / "out", "--results", tmp_path / "kept.jsonl")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert not way.n_requests(r"GET .*a\.wav")
    assert not any(path.exists() for path in left)


@pytest.mark.parametrize("change", ["replaced", "deleted"])
@pytest.mark.parametrize("while_fetching", ["wav", "flac"])
def test_an_object_that_is_not_what_was_found_is_named_and_the_others_are_heard(
    way: Proxy, server: Server, run: Run, bundle: Path, tmp_path: Path, change: str, while_fetching: str
) -> None:
    address = f"{server.scheme}://{BUCKET}/season"
    other = write(tmp_path / "other.wav", "qlqlqlq").read_bytes()

    def act(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if change == "deleted":
            server.delete("season/night/b c.flac")
        else:
            server.put("season/night/b c.flac", other)
        answer(handler, reply)

    way.order(DOWNLOAD.replace("flac", while_fetching), act, times=1)
    options = (f"{address}/", "-m", bundle, "-o", tmp_path / "out", "--results", tmp_path / "kept.jsonl")
    told = run("analyze", *options, code=1)
    assert "1 of 3 recordings could not be read" in told.stderr
    (row,) = csv.DictReader((tmp_path / "out" / "unreadable.csv").read_text(encoding="utf-8").splitlines())
    assert row["file"] == f"{address}/night/b c.flac"
    assert ("is not there" if change == "deleted" else "changed since it was found; run again") in row["reason"]
    assert set(events_of(tmp_path / "out" / "detections.csv")) == {"a.wav", "ö.wav"}
    run("analyze", *options)
    there = {"b c.flac"} if change == "replaced" else set()
    assert set(events_of(tmp_path / "out" / "detections.csv")) == {"a.wav", "ö.wav"} | there


@pytest.mark.usefixtures("way")
def test_clips_are_cut_out_of_recordings_in_a_bucket(
    server: Server, run: Run, bundle: Path, tmp_path: Path, address: str
) -> None:
    run("analyze", tmp_path / "in", "-m", bundle, "-o", tmp_path / "here")
    run("analyze", f"{address}/", "-m", bundle, "-o", tmp_path / "there")
    for name in ("here", "there"):
        run("segments", tmp_path / name / "detections.csv", "-o", tmp_path / f"clips-{name}", "--padding", 0.25)
    here, there = (
        {path.name: path.read_bytes() for path in (tmp_path / f"clips-{name}").rglob("*.wav")}
        for name in ("here", "there")
    )
    assert there == here
    assert len(here) >= 7
    assert {each.recording for each in read_sheet(tmp_path / "clips-there")} == {f"{address}/{name}" for name in NAMES}
    assert not list((tmp_path / "cache" / "analyze").glob("fetched-*"))
    server.delete("season/a.wav")
    told = run("segments", tmp_path / "there" / "detections.csv", "-o", tmp_path / "fewer", code=1)
    assert f"{address}/a.wav: is not there" in told.stderr
    assert {each.recording for each in read_sheet(tmp_path / "fewer")} == {f"{address}/{name}" for name in NAMES[1:]}
    # What a person says of where recordings are comes before the bucket.
    run("segments", tmp_path / "there" / "detections.csv", "-o", tmp_path / "copied", "--audio-dir", tmp_path / "in")
