"""Made-up reports of the shape of real ones, a catalogue of real sound, and a progress that remembers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import soundfile

from earmark.distortion import KINDS, apply_effect
from earmark.distortion.check.analyst import LEFT_OUT
from earmark.distortion.check.catalogue import Checked
from earmark.distortion.report import Assessable, DistortionReport, Finding, Segment, TypeAnswer

if TYPE_CHECKING:
    from earmark.audio import Waveform
    from earmark.distortion import Kind
    from tests.distortion.conftest import Make

Report = dict[str, Any]
Outcome = Callable[..., Checked]


def make_report(
    faults: dict[str, float] | None = None,
    *,
    untold: dict[str, str] | None = None,
    duration_s: float = 60.0,
    n_channels: int = 2,
    moments: bool = True,
) -> Report:
    """Return a report as the journal holds it; the first fault is heard from a quarter of the file to its end."""
    found = cast("dict[Kind, float]", faults or {})
    reasons = cast("dict[Kind, str]", untold or {})
    worst = sorted(found, key=lambda kind: -found[kind])[0] if found else None
    nothing = len(reasons) == len(KINDS)
    places: list[tuple[float | None, float | None]] = [(12.0, 13.0)] * 2 if moments else [(None, None)] * 2
    report = DistortionReport(
        has_distortion=None if nothing else bool(found),
        distortion_type=worst,
        severity=found[worst] if worst else 0.0,
        confidence=None if nothing else 0.97,
        types={
            kind: TypeAnswer(None, None, present=False)
            if kind in reasons
            else TypeAnswer(0.97 if kind in found else 0.02, found.get(kind, 0.0), present=kind in found)
            for kind in KINDS
        },
        segments=tuple(
            Segment(duration_s / 4, duration_s, kind, 0.9, severity)
            for kind, severity in sorted(found.items(), key=lambda item: -item[1])
        ),
        evidence=(
            *(
                Finding(kind, "flat_top_share", f"{kind} is seen <here>", 0.02, "", *places[0])
                for kind in sorted(found, key=lambda kind: -found[kind])
            ),
            Finding(None, "dc_offset", "a constant offset", 0.1, "", None, None),
        ),
        assessable={kind: Assessable(kind not in reasons, reasons.get(kind)) for kind in KINDS},
        duration_s=duration_s,
        rate_hz=44_100,
        n_channels=n_channels,
    )
    return {name: value for name, value in report.to_dict().items() if name not in LEFT_OUT}


@pytest.fixture
def outcome() -> Outcome:
    """Return a function that makes the outcome for a file: `outcome("a.wav", clipping=0.4)`."""

    def make(path: str, error: str = "", **faults: float) -> Checked:
        return Checked(Path(path), None if error else make_report(faults), error)

    return make


def save(path: Path, waveform: Waveform) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, waveform.samples.T, waveform.rate_hz, subtype="PCM_16")
    return path


def fill(folder: Path, make: Make, n_songs: int = 2) -> Path:
    """Write clean and damaged songs, a file that is no audio by name and one that is none by content."""
    rng = np.random.default_rng(1)
    for number in range(n_songs):
        song = make(2, 44_100, 2.0, seed=900 + number)
        save(folder / f"song{number}.wav", song)
        save(folder / "damaged" / f"clipped{number}.wav", apply_effect(song, "hard-clip", rng, severity=0.6).waveform)
        save(folder / "damaged" / f"phone{number}.wav", apply_effect(song, "telephone", rng, severity=0.8).waveform)
    (folder / "notes.txt").write_text("no audio")
    (folder / "torn.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture(scope="session")
def catalogue(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("songs"), make)


class Diary:
    """A `Progress` that keeps what it is told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int]] = []
        self.n_steps = 0
        self.notes: list[str] = []

    def start(self, label: str, total: int) -> None:
        self.stages.append((label, total))

    def advance(self, n_steps: int = 1) -> None:
        self.n_steps += n_steps

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def diary() -> Diary:
    return Diary()


def wait_until(ready: Callable[[], bool], limit_s: float = 60.0) -> None:
    end_s = time.monotonic() + limit_s
    while not ready():
        assert time.monotonic() < end_s, "it takes too long"
        time.sleep(0.02)
