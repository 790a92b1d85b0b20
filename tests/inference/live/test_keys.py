from __future__ import annotations

import os
import pty
import sys
import termios
import time
from collections import deque
from typing import Any

import pytest

from earmark.core.errors import ConfigError
from earmark.inference.live.keys import key_signals, parse_key


def wait_for(signals: deque[Any], n_signals: int) -> None:
    until_s = time.monotonic() + 20
    while len(signals) < n_signals and time.monotonic() < until_s:
        time.sleep(0.005)


@pytest.mark.parametrize(("name", "key"), [("space", " "), ("Enter", "\n"), ("x", "x"), ("tab", "\t")])
def test_keys_by_name(name: str, key: str) -> None:
    assert parse_key(name) == key


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match='"F13": expected one character, or one of space, enter, tab'):
        parse_key("F13")


def test_keys_of_a_terminal_count_at_once_and_it_is_as_before_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    signals: deque[Any] = deque()
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        before = termios.tcgetattr(theirs)
        with key_signals(" ", signals):
            assert not termios.tcgetattr(theirs)[3] & termios.ICANON
            os.write(ours, b"a b ")
            wait_for(signals, 2)
        assert list(signals) == [" ", " "]
        assert termios.tcgetattr(theirs) == before
        os.write(ours, b"\n\x04")  # lets the thread end
        os.close(ours)


def test_characters_of_a_pipe_count(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    signals: deque[Any] = deque()
    with os.fdopen(reading, "r") as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        with key_signals("\n", signals):
            os.write(writing, b"\nx\n")
            wait_for(signals, 2)
            os.close(writing)
            time.sleep(0.05)
    assert list(signals) == ["\n", "\n"]
