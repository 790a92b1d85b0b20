"""The process itself: SIGTERM in the middle of a stream, and what it logs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from websockets.sync.client import connect

from tests.inference.live.conftest import stream_of
from tests.service.live.conftest import begin, emissions, pcm, receive, until_closed

if TYPE_CHECKING:
    from pathlib import Path

SERVE = """
import sys
from earmark.service.options import ServeOptions
from earmark.service.run import serve

serve(ServeOptions(models=(sys.argv[1],), port=0, state_dir=sys.argv[2]), lambda address: print(address, flush=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")
def test_a_stream_is_told_that_the_process_ends_and_the_log_is_json(bundle_folder: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(bundle_folder), str(tmp_path / "state")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "EARMARK_LOG_LEVEL": "INFO"},
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip().replace("http:", "ws:")
            assert address
            told = _stream_until_the_end(f"{address}/v1/stream?key=sesame", process)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()  # nothing where it has ended
    assert process.returncode == 0
    assert [one["label"] for one in emissions(told)] == ["loud"]
    assert told[-1]["type"] == "end"
    assert told[-1]["reason"] == "server is stopping"
    lines = [json.loads(line) for line in errors.splitlines()]
    *_, ended = (line for line in lines if line["message"] == "request")
    assert (ended["route"], ended["status"], ended["model"], ended["audio_s"]) == ("/v1/stream", 1012, "tones", 1.5)
    assert {line["message"] for line in lines} >= {"serving", "model loaded", "stopping", "stopped"}
    assert ended["caller"] == "local"
    assert len(ended["request_id"]) == 32
    assert "sesame" not in errors


def _stream_until_the_end(address: str, process: subprocess.Popen[str]) -> list[dict[str, object]]:
    """Send a tone, end the process, and return what was told from then on."""
    for _ in range(1000):  # while the model is being loaded
        with connect(address, compression=None) as client:
            if begin(client)["type"] == "error":
                continue
            client.send(pcm(stream_of((0, 1.0), (0.5, 0.5))))
            assert receive(client)["type"] == "status"
            process.send_signal(signal.SIGTERM)
            return until_closed(client)
    raise AssertionError("the model was never ready")
