"""A labelled stretch of a recording: points at audio, never holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Clip:
    """One example of a dataset.

    Attributes:
        id: Unique within its dataset, stable across machines (no absolute path in it).
        path: The audio file.
        labels: What is heard; empty for an explicit negative.
        group: Speaker, recording, site, pack or source track; never on two sides of a split.
        start_s: Where the clip begins in the file.
        duration_s: Its length, or None for up to the end of the file.
        fold: The name of a split that came with the data, or None.
    """

    id: str
    path: Path
    labels: tuple[str, ...]
    group: str
    start_s: float = 0.0
    duration_s: float | None = None
    fold: str | None = None
