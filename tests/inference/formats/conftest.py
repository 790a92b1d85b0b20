"""Recordings with events, some of them with names that formats could stumble over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from earmark.inference.events import Event, FileEvents
from earmark.inference.formats import open_writers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What a format does not hold is 0 when it is read back.
HOLD_FACTS = ("json", "parquet", "csv")


@pytest.fixture
def files() -> list[FileEvents]:
    return [
        FileEvents("rec/one, two.wav", 60.5, 48000, 2, (Event(0.0, 3.0, "dog", 0.9), Event(1.5, 4.25, "cat", 0.25))),
        FileEvents("rec/empty.wav", 10.0, 48000, 1, ()),
        FileEvents("rec/nächt.flac", 3600.123456, 44100, 1, (Event(12.5, 15.5, "Käuzchen", 0.5),)),
    ]


def write(folder: Path, files: Iterable[FileEvents], *formats: str, per_file: bool = False) -> Path:
    with open_writers(folder, formats, per_file=per_file, about={"model": "m"}) as writer:
        for file in files:
            writer.add(file)
    return folder


def as_held(files: Sequence[FileEvents], name: str) -> list[FileEvents]:
    """Return what a format can know of recordings."""
    held = [file for file in files if file.events or name in ("json", "audacity")]
    if name in HOLD_FACTS:
        return held
    bare = [replace(file, duration_s=0.0, rate_hz=0, n_channels=0) for file in held]
    return bare if name == "audacity" else [replace(file, path=str(Path(file.path).absolute())) for file in bare]
