"""Freed blocks go back to the system, measured in a process of its own."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from earmark.core.memory import giving_memory_back

# glibc moves its limit when the first large block is freed; then 64 blocks with a small one behind each make holes.
PROGRAM = """
import sys
from contextlib import nullcontext
from pathlib import Path
import numpy as np
from earmark.core.memory import giving_memory_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

with giving_memory_back() if sys.argv[1] == "back" else nullcontext():
    np.ones(3_000_000)
    before = resident()
    large, small = [], []
    for _ in range(64):
        large.append(np.ones(125_000))
        small.append(np.ones(1000))
    del large
print(resident() - before)
"""


def held_bytes(how: str) -> int:
    command = [sys.executable, "-c", PROGRAM, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="no glibc"
)
def test_holes_between_small_blocks_are_given_back() -> None:
    assert held_bytes("kept") > 50e6
    assert held_bytes("back") < 10e6


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(name: object) -> None:
        asked.append(name)
        raise OSError("no libc")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    monkeypatch.setattr(sys, "platform", "darwin")
    with giving_memory_back():
        assert asked == []
    monkeypatch.setattr(sys, "platform", "linux")
    with giving_memory_back():
        assert asked == [None]
