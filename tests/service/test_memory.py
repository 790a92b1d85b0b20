"""Small files that hold gigabytes of sound take no more memory than an honest one."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from tests.service.serving import PATIENCE_S, encoded, tone

ROOT = Path(__file__).parents[2]
MOST_MORE_MB = 240.0  # ten seconds of eight channels, as distortion is measured, are 31 MB, several times over


def write_silence(path: Path, hours: float, rate_hz: int, n_channels: int) -> None:
    block = np.zeros((rate_hz, n_channels), np.float32)
    with soundfile.SoundFile(path, "w", rate_hz, n_channels, subtype="PCM_16", format="FLAC") as file:
        for _ in range(round(hours * 3600)):
            file.write(block)


def test_what_swells_when_decoded_does_not_fill_the_memory(tmp_path: Path) -> None:
    write_silence(tmp_path / "ten-minutes.flac", 1 / 6, 8000, 1)
    write_silence(tmp_path / "hours.flac", 3, 8000, 1)
    write_silence(tmp_path / "wide.flac", 0.1, 96_000, 8)
    promise = bytearray(encoded(tone(0.1)))
    promise[40:44] = struct.pack("<I", 0xF0000000)
    (tmp_path / "promise.wav").write_bytes(promise)
    (tmp_path / "channels.wav").write_bytes(encoded(tone(0.1, n_channels=200), subtype="PCM_16"))
    files = sorted(tmp_path.glob("*.*"))
    assert max(file.stat().st_size for file in files) < 2_500_000
    held = 0.1 * 3600 * 96_000 * 8 * 4 / 1e6
    assert held > 4 * MOST_MORE_MB  # what wide.flac would take as float32
    (tmp_path / "state").mkdir()
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/service/bombs.py"), str(tmp_path / "state"), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        timeout=5 * PATIENCE_S,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["after_mb"] - told["before_mb"] < MOST_MORE_MB, told
    statuses = {name: status for name, (status, _) in told["answers"].items()}
    assert statuses["/v1/classify ten-minutes.flac"] == 422
    assert "silent" in told["answers"]["/v1/classify ten-minutes.flac"][1]
    assert statuses["/v1/classify hours.flac"] == statuses["/v1/distortion hours.flac"] == 413
    assert statuses["/v1/classify wide.flac"] == 422
    assert statuses["/v1/classify promise.wav"] == statuses["/v1/distortion promise.wav"] == 422
    assert statuses["/v1/classify channels.wav"] == statuses["/v1/distortion channels.wav"] == 422
