"""Recorded digits over the websocket are told as `earmark listen` tells them from the same file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from tests.inference.live.test_digits import strung
from tests.service.live.conftest import STREAM_HZ, begin, emissions, hear

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.service.live.conftest import Running

pytestmark = pytest.mark.real

SAID = [(digit, speaker) for speaker in ("jackson", "lucas") for digit in (3, 1, 4, 5, 9)]
NOT_COMPARED = {"type", "event", "compute_ms", "latency_ms"}


def told_by_listen(path: Path, vad: str) -> list[dict[str, Any]]:
    call = [sys.executable, "-c", "from earmark.cli.main import main; main()"]
    done = subprocess.run(
        [*call, "listen", "--source", str(path), "--vad", vad, "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line for line in lines if line["event"] == "emission"]


@pytest.mark.parametrize(("block", "vad"), [(640, "energy"), (50_000, "energy"), (3200, "silero")])
def test_digits_are_told_as_by_listen(
    request: pytest.FixtureRequest, block: int, vad: str, fsdd_dir: Path, tmp_path: Path, serve: Callable[..., Running]
) -> None:
    if vad == "silero":
        request.getfixturevalue("silero_weights")
    rng = np.random.default_rng(0)
    stream = strung([fsdd_dir / "recordings" / f"{digit}_{speaker}_7.wav" for digit, speaker in SAID], rng)
    path = tmp_path / "said.wav"
    soundfile.write(path, stream, STREAM_HZ, subtype="PCM_16")
    content = soundfile.read(path, dtype="int16")[0].astype("<i2").tobytes()
    with serve(models=("digits",)).connect() as client:
        assert begin(client, options={"vad": vad})["model"]["name"] == "digits"
        found = emissions(hear(client, content, block))
    expected = told_by_listen(path, vad)
    assert [one["label"] for one in found] == [one["label"] for one in expected]
    assert sum(one["label"] == str(digit) for one, (digit, _) in zip(found, SAID, strict=True)) >= 9
    for one, other in zip(found, expected, strict=True):
        assert {k: v for k, v in one.items() if k not in NOT_COMPARED} == {
            k: v for k, v in other.items() if k not in NOT_COMPARED
        }
