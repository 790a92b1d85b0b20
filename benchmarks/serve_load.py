"""How many requests does `earmark serve` answer, how fast, and does its memory stay flat?

    python -m benchmarks.serve_load             against the same bundle behind a plain FastAPI endpoint
    python -m benchmarks.serve_load --memory    memory over 10,000 requests
    chrt -r 5 python -m benchmarks.serve_load   on a machine that others use, too (as root)

Two bundles: the shipped digits with a clip of fsdd, and a head on mn04 with a clip of 10 s. Both servers run, but only
one gets requests at a time, in turns, so that a busy machine is unfair to neither: compare the two, not two days. Load
comes from `wrk` (Debian: wrk), whose own share of a core is told. Needs fsdd and esc50 in EARMARK_DATA_DIR and the
weights of mn04.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from earmark.audio import read_audio
from earmark.data import Dataset, load_dataset
from earmark.training import TrainingOptions, prepare, save_trained, train

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS = (1, 8, 64)
MARKS = (1_000, 5_000, 10_000)
WARM_UP_S = 1
PATIENCE_S = 60.0
TEN_S = 10
SCRIPT = """
local file = io.open(os.getenv("CLIP"), "rb")
local border = "earmark-load"
wrk.method = "POST"
wrk.headers["Content-Type"] = "multipart/form-data; boundary=" .. border
wrk.body = "--" .. border .. '\\r\\nContent-Disposition: form-data; name="file"; filename="clip.wav"\\r\\n'
  .. "Content-Type: audio/wav\\r\\n\\r\\n" .. file:read("*a") .. "\\r\\n--" .. border .. "--\\r\\n"
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %f %f %f %f %d %d\\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
    e.status + e.connect + e.read + e.write + e.timeout, summary.requests))
end
"""


@dataclass(frozen=True)
class Load:
    """What came of a load: requests per second, latencies, those that failed, and what each cost the server."""

    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    n_failed: int
    n_requests: int
    cpu_ms: float
    client_share: float  # of one core

    def __str__(self) -> str:
        failed = f", {self.n_failed} FAILED" if self.n_failed else ""
        return (
            f"{self.per_s:7.1f} requests/s, p50 {self.p50_ms:7.1f}, p95 {self.p95_ms:7.1f}, p99 {self.p99_ms:7.1f} ms, "
            f"{self.cpu_ms:5.1f} ms of CPU each, client {self.client_share:4.0%} of a core{failed}"
        )


@dataclass(frozen=True)
class Server:
    """A server that runs as a process of its own."""

    name: str
    address: str
    process: subprocess.Popen[str]

    def cpu_s(self) -> float:
        """Return the time that its threads had on a core."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Return its resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else float("nan")

    def load(self, clip: Path, n_clients: int, seconds: int) -> Load:
        """Send requests from so many clients, each the next one when it has its answer."""
        self._drain(clip)
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(SCRIPT)
            script.flush()
            command = ["wrk", "-t1", f"-c{n_clients}", f"-d{seconds}s", "--timeout", "60s", "-s", script.name]
            before, client_before = self.cpu_s(), resource.getrusage(resource.RUSAGE_CHILDREN)
            began_s = time.perf_counter()
            done = subprocess.run(  # noqa: S603 - our own command line
                [*command, f"{self.address}/v1/classify"],
                env=os.environ | {"CLIP": str(clip)},
                check=True,
                capture_output=True,
                text=True,
            )
        taken_s, client = time.perf_counter() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
        client_s = client.ru_utime + client.ru_stime - client_before.ru_utime - client_before.ru_stime
        words = next(line for line in done.stdout.splitlines() if line.startswith("RESULT")).split()[1:]
        per_s, p50_ms, p95_ms, p99_ms = map(float, words[:4])
        n_failed, n_requests = map(int, words[4:])
        cpu_ms = 1000 * (self.cpu_s() - before) / max(1, n_requests)
        per_s *= (n_requests - n_failed) / max(1, n_requests)
        return Load(per_s, p50_ms, p95_ms, p99_ms, n_failed, n_requests, cpu_ms, client_s / taken_s)

    def _drain(self, clip: Path) -> None:
        """Wait for what the clients of the last turn left behind: the answer to one more request."""
        border = "earmark-load"
        head = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="clip.wav"\r\n\r\n'
        body = head.encode() + clip.read_bytes() + f"\r\n--{border}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={border}"}
        request = urllib.request.Request(f"{self.address}/v1/classify", body, kind)  # noqa: S310 - http
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            with contextlib.suppress(urllib.error.HTTPError):  # it is still too busy
                urllib.request.urlopen(request).close()  # noqa: S310 - http
                return
            time.sleep(0.1)


@contextlib.contextmanager
def earmark_serve(bundle: str, folder: Path) -> Iterator[Server]:
    """Run `earmark serve`."""
    command = [sys.executable, "-c", "from earmark.cli.main import main; main()", "serve", bundle, "--port", "0"]
    with _process([*command, "--state-dir", str(folder)], stdout=subprocess.PIPE) as process:
        address = process.stdout.readline().strip() if process.stdout else ""
        yield _waited(Server("earmark serve", address, process), "/readyz")


@contextlib.contextmanager
def plain_endpoint(bundle: str) -> Iterator[Server]:
    """Run the plain endpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.plain_endpoint:app", "--port", str(port)]
    with _process([*command, "--log-level", "warning", "--no-access-log"], BUNDLE=bundle) as process:
        yield _waited(Server("plain FastAPI", f"http://127.0.0.1:{port}", process), "/openapi.json")


@contextlib.contextmanager
def _process(command: list[str], stdout: int | None = None, **variables: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603 - our own command line
        command, stdout=stdout, stderr=subprocess.DEVNULL, text=True, env=os.environ | variables
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _waited(server: Server, path: str) -> Server:
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s and server.process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(server.address + path):  # noqa: S310 - http
            return server
        time.sleep(0.1)
    sys.exit(f"{server.name} did not start")


def digits(_: Path) -> tuple[str, Path]:
    """Return the shipped bundle and a clip."""
    return "digits", load_dataset("fsdd").clips[0].path


def head_on_mn04(folder: Path) -> tuple[str, Path]:
    """Return a bundle that tells four classes of esc50 by mn04, and a clip of ten seconds."""
    whole = load_dataset("esc50")
    labels = whole.labels[:4]
    chosen = Dataset.of("esc50", [clip for clip in whole.clips if clip.labels[0] in labels])
    options = TrainingOptions(recipe="mn04", folds="grouped:3")
    bundle = save_trained(train(prepare(chosen, options), options, "cv"), folder / "mn04-head", "mn04-head")
    parts = [read_audio(clip.path, rate_hz=44_100, mono=True).samples[0] for clip in chosen.clips[:3]]
    path = folder / "ten-seconds.wav"
    soundfile.write(path, np.concatenate(parts)[: TEN_S * 44_100], 44_100, subtype="PCM_16")
    return str(bundle.folder), path


CASES = {"digits": digits, "mn04": head_on_mn04}


def compare(case: str, folder: Path, arguments: argparse.Namespace) -> None:
    """Print what both servers do for each number of clients, round by round, and the medians."""
    bundle, clip = CASES[case](folder)
    print(f"\n{case}: {clip.stat().st_size / 1000:.0f} kB, {read_audio(clip).duration_s:.2f} s", flush=True)
    with earmark_serve(bundle, folder / f"state-{case}") as ours, plain_endpoint(bundle) as plain:
        servers = (ours, plain)
        for server in servers:
            server.load(clip, 8, WARM_UP_S)
        for n_clients in arguments.clients:
            loads: dict[str, list[Load]] = {server.name: [] for server in servers}
            for number in range(arguments.rounds):
                for server in servers[:: 1 if number % 2 == 0 else -1]:
                    loads[server.name].append(server.load(clip, n_clients, arguments.seconds))
            for name, each in loads.items():
                print(f"{n_clients:3} clients, {name:13}: {_median(each)}", flush=True)
            print(f"{n_clients:3} clients, ours to plain: {_ratios(*loads.values())}", flush=True)


def _median(loads: list[Load]) -> Load:
    middle = {field.name: statistics.median(getattr(load, field.name) for load in loads) for field in fields(Load)}
    sums = {name: sum(getattr(load, name) for load in loads) for name in ("n_failed", "n_requests")}
    return Load(**(middle | sums))


def _ratios(ours: list[Load], plain: list[Load]) -> str:
    def middle(name: str) -> str:
        pairs = [getattr(one, name) / max(1e-9, getattr(other, name)) for one, other in zip(ours, plain, strict=True)]
        return f"{statistics.median(pairs):.2f}"

    return f"requests/s x {middle('per_s')}, p50 x {middle('p50_ms')}, p95 x {middle('p95_ms')} (medians of rounds)"


def memory(case: str, folder: Path) -> None:
    """Print the server's memory after so many requests of eight clients."""
    bundle, clip = CASES[case](folder)
    with earmark_serve(bundle, folder / f"state-{case}") as server:
        print(f"\n{case}: {server.memory_mb():.0f} MB when ready", flush=True)
        n_done = n_failed = 0
        for mark in MARKS:
            while n_done < mark:
                load = server.load(clip, 8, 2)
                n_done, n_failed = n_done + load.n_requests, n_failed + load.n_failed
            print(f"{server.memory_mb():.0f} MB after {n_done:,} requests, {n_failed} failed", flush=True)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), help="which bundles")
    parser.add_argument("--clients", nargs="+", type=int, default=list(CLIENTS), help="clients at once")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each server")
    parser.add_argument("--seconds", type=int, default=5, help="length of a turn")
    parser.add_argument("--memory", action="store_true", help="memory over 10,000 requests instead")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk was not found; install it (Debian: apt install wrk)")
    with tempfile.TemporaryDirectory(prefix="serve-load-") as name:
        for case in arguments.cases:
            if arguments.memory:
                memory(case, Path(name))
            else:
                compare(case, Path(name), arguments)


if __name__ == "__main__":
    main()
