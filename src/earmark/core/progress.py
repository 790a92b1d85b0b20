"""How long work reports where it is, without deciding how that looks.

Library code takes a `Progress` and calls it; only the command line draws. `Silent` is the default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


class Progress(Protocol):
    """Receives the steps of long work."""

    def start(self, label: str, total: int) -> None:
        """Begin a stage of `total` steps; ends the stage before it."""
        ...

    def advance(self, n_steps: int = 1) -> None:
        """Count finished steps of the current stage."""
        ...

    def note(self, text: str) -> None:
        """Show a short text beside the current stage."""
        ...


class Silent:
    """A `Progress` that shows nothing."""

    def start(self, label: str, total: int) -> None:
        """Do nothing."""

    def advance(self, n_steps: int = 1) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


SILENT = Silent()


def track(items: Iterable[T], label: str, total: int, progress: Progress) -> Iterator[T]:
    """Yield items as one stage of progress."""
    progress.start(label, total)
    for item in items:
        yield item
        progress.advance()
