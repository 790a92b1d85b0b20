"""`earmark listen` on files and pipes; the sound card is in tests/inference/live/test_microphone.py."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from earmark.cli.listen_display import ScreenAudience, clock
from earmark.core.errors import ConfigError
from earmark.inference.live import Status

if TYPE_CHECKING:
    from tests.cli.conftest import Run

STREAM_HZ = 16_000
EARMARK = str(Path(sys.executable).with_name("earmark"))
QUICK = ("--vad", "energy", "--conf-thresh", "0", "--lead-ms", "0", "--hangover-ms", "100")


def noise_stream(rng: np.random.Generator, seconds: float = 1.0) -> np.ndarray:
    """Return a second of loud and of quiet noise between pauses."""
    parts = [(5e-4, seconds), (0.4, 1.0), (5e-4, seconds), (0.005, 1.0), (5e-4, seconds)]
    return np.concatenate([level * rng.normal(size=round(s * STREAM_HZ)) for level, s in parts]).clip(-1, 1)


@pytest.fixture
def stream(tmp_path: Path, rng: np.random.Generator) -> Path:
    soundfile.write(tmp_path / "stream.wav", noise_stream(rng), STREAM_HZ)
    return tmp_path / "stream.wav"


def rows_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_a_line_for_each_sound_and_a_summary(run: Run, bundle: Path, stream: Path) -> None:
    told = run("listen", "--model", bundle, "--source", stream, *QUICK)
    lines = told.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["0:01.0", "loud"], ["0:03.0", "quiet"]]
    assert lines[2].startswith("2 answers in 0:05.0; latency mean ")
    assert f"listens to {stream} at 16000 Hz, vad energy; Ctrl-C ends it" in told.stderr


def test_json_lines(run: Run, bundle: Path, stream: Path) -> None:
    rows = rows_of(run("listen", "--model", bundle, "--source", stream, "--json", *QUICK).stdout)
    assert [row["event"] for row in rows] == ["emission", "emission", "end"]
    first, _, end = rows
    assert first["label"] == "loud"
    assert first["occasion"] == "speech"
    assert first["accepted"] is True
    assert first["start_s"] == pytest.approx(1.0, abs=0.05)
    assert sum(first["scores"].values()) == pytest.approx(1, abs=1e-5)
    assert first["latency_ms"] > 0
    assert (end["n_emissions"], end["heard_s"], end["n_overruns"], end["dropped_s"]) == (2, 5.0, 0, 0.0)
    assert 0 < end["latency_mean_ms"] <= end["latency_p95_ms"]


def test_refused_answers_are_told_when_forced(run: Run, bundle: Path, stream: Path) -> None:
    arguments = ("listen", "--model", bundle, "--source", stream, "--vad", "energy", "--temp", 50, "--conf-thresh", 1)
    assert run(*arguments).stdout.startswith("0 answers in 0:05.0")
    assert "(not accepted)" in run(*arguments, "--force-emit").stdout


def test_raw_samples_on_standard_input(
    run: Run, bundle: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (noise_stream(rng) * 32767).astype("<i2").tobytes()
    command = [EARMARK, "listen", "--model", str(bundle), "--source", "-", "--json", *QUICK]
    for more in ([], ["--capture-rate", "16000", "--duration", "2"]):
        done = subprocess.run([*command, *more], input=content, capture_output=True, check=True)
        rows = rows_of(done.stdout.decode())
        assert [row.get("label") for row in rows] == (["loud", None] if more else ["loud", "quiet", None])


def test_a_key_on_a_pipe_asks_for_a_window(bundle: Path, stream: Path) -> None:
    command = [EARMARK, "listen", "--model", str(bundle), "--source", str(stream), "--realtime", "--ptt", "--json"]
    told = subprocess.run([*command, "--conf-thresh", "0"], input="\n", capture_output=True, text=True, check=True)
    assert "Enter judges one window" in told.stderr
    assert [row.get("occasion") for row in rows_of(told.stdout)] == ["capture", None]


def test_ctrl_c_is_the_way_to_end_it(bundle: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    soundfile.write(tmp_path / "long.wav", noise_stream(rng, 60), STREAM_HZ)
    command = [EARMARK, "listen", "--model", str(bundle), "--source", str(tmp_path / "long.wav"), "--realtime", *QUICK]
    listening = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    assert listening.stderr is not None
    listening.stderr.readline()
    time.sleep(0.5)
    listening.send_signal(signal.SIGINT)
    told, _ = listening.communicate(timeout=60)
    assert listening.returncode == 0
    assert told.splitlines()[-1].startswith("0 answers in 0:0")


def test_a_terminal_shows_level_state_answers_and_latency(bundle: Path, stream: Path) -> None:
    ours, theirs = pty.openpty()
    command = [EARMARK, "listen", "--model", str(bundle), "--source", str(stream), "--realtime", *QUICK]
    command += ["--max-lag-ms", "60000"]  # nothing is dropped, however busy the machine
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, env=environment) as shown:
        os.close(theirs)
        told = b""
        while True:
            try:
                told += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
        assert shown.wait() == 0
    os.close(ours)
    text = told.decode()
    for part in ("█", " dB", "● speech", "○ quiet", "0:01.0  loud", "latency mean", "2 answers in 0:05.0"):
        assert part in text


def status(**changes: Any) -> Status:
    plain = {"heard_s": 1.0, "level_db": -30.0, "speech": 0.1, "speaking": False, "hearing": True, "capturing": False}
    return Status(**(plain | changes))


def test_the_screen_names_every_state() -> None:
    from earmark.cli.listen_display import _state

    assert _state(status())[0] == "○ quiet 10%"
    assert _state(status(speaking=True, speech=0.97))[0] == "● speech 97%"
    assert _state(status(hearing=False))[0] == "○ not listening"
    assert _state(status(capturing=True, hearing=False))[0] == "● capturing"
    assert ScreenAudience("digits").__class__.__name__ == "ScreenAudience"


def test_places_in_a_stream() -> None:
    assert clock(0.04) == "0:00.0"
    assert clock(75.25) == "1:15.2"
    assert clock(3 * 3600 + 62.0) == "3:01:02.0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ptt", "--toggle", "--source", "x.wav"], "--ptt and --toggle contradict"),
        (["--source", "-", "--ptt"], "no key can come from there"),
        (["--realtime"], "--realtime is about --source"),
        (["--duration", "0", "--source", "x.wav"], "--duration 0: expected more than 0 s"),
        (["--vad", "loud", "--source", "x.wav"], "vad"),
        (["--vad-thresh", "1.5", "--source", "x.wav"], "vad_thresh"),
        (["--source", "x.wav", "--device", "1"], "--device and --source contradict"),
        (["--source", "x.wav", "--capture-rate", "8000"], "a file says its own rate"),
    ],
)
def test_what_contradicts_itself_is_refused(run: Run, bundle: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run("listen", "--model", bundle, *arguments)


def test_an_unknown_key_is_refused(run: Run, bundle: Path, stream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(ConfigError, match='--toggle-key "F13"'):
        run("listen", "--model", bundle, "--source", stream, "--toggle", "--toggle-key", "F13", *QUICK)
