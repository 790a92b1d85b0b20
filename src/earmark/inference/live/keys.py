"""Keys as signals, while something else goes on: each key from the terminal at once, or lines from a pipe."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator

NAMES = {"space": " ", "enter": "\n", "tab": "\t"}
END = ""


def parse_key(name: str) -> str:
    """Return the character of a key: one character, or "space", "enter", "tab".

    Raises:
        ConfigError: It is neither.
    """
    key = NAMES.get(name.lower(), name)
    if len(key) != 1:
        raise ConfigError(f'--toggle-key "{name}": expected one character, or one of {", ".join(NAMES)}')
    return key


@contextlib.contextmanager
def key_signals(key: str, signals: deque[Any]) -> Iterator[None]:
    """Append to `signals` each time that the key is pressed, while the block runs.

    On a terminal keys count at once and are not shown; where standard input is a pipe, its characters count.
    """
    file_number = sys.stdin.fileno()
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            try:
                pressed = os.read(file_number, 1).decode(errors="replace")
            except OSError:
                return
            if pressed == END:
                return
            if pressed.replace("\r", "\n") == key and not ended.is_set():
                signals.append(pressed)

    with _single_keys(file_number):
        threading.Thread(target=read, name="earmark keys", daemon=True).start()
        try:
            yield
        finally:
            ended.set()


@contextlib.contextmanager
def _single_keys(file_number: int) -> Iterator[None]:
    """Let a terminal give each key at once and keep it to itself; Ctrl-C still interrupts."""
    if not os.isatty(file_number):
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(file_number)
    try:
        tty.setcbreak(file_number)
        yield
    finally:
        termios.tcsetattr(file_number, termios.TCSADRAIN, before)
