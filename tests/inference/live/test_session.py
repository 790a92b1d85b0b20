"""Sessions on real files and pipes; capture threads, drops and overruns with sources that behave like cards."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.core.errors import AudioError
from earmark.inference.live import FileSource, Listener, PcmSource, Session, Terms
from tests.inference.live.conftest import STREAM_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.inference.live import Emission, Status
    from earmark.inference.live.ring import Ring

    Make = Callable[..., Listener]

HANGOVER_S = 0.25


@dataclass
class Notes:
    """An audience that writes everything down."""

    answers: list[tuple[Emission, float | None]] = field(default_factory=list)
    losses: list[tuple[float, float, str]] = field(default_factory=list)
    n_moves: int = 0
    pause_s: float = 0.0

    def answered(self, emission: Emission, latency_ms: float | None) -> None:
        self.answers.append((emission, latency_ms))

    def lost(self, start_s: float, duration_s: float, reason: str) -> None:
        self.losses.append((start_s, duration_s, reason))

    def moved(self, status: Status, session: Session) -> None:
        self.n_moves += 1
        time.sleep(self.pause_s)

    @property
    def labels(self) -> list[str]:
        return [emission.label for emission, _ in self.answers]


@dataclass
class Card:
    """A source that comes at its own pace: blocks of 20 ms, `speed` times as fast as they sound."""

    samples: NDArray[np.float32]
    speed: float = 1.0
    rate_hz: int = STREAM_HZ
    live: bool = True
    name: str = "card"
    fault: Exception | None = None

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        return iter(())

    def record(self, ring: Ring, stopped: Callable[[], bool]) -> None:
        began_s = time.monotonic()
        for first in range(0, len(self.samples), 320):
            due_s = began_s + (first + 320) / self.rate_hz / self.speed
            time.sleep(max(0.0, due_s - time.monotonic()))
            if stopped():
                return
            ring.write(self.samples[first : first + 320], due_s)
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def tones_file(two_tones: NDArray[np.float32], tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "tones.wav", two_tones, STREAM_HZ)
    return tmp_path / "tones.wav"


def test_a_file_as_fast_as_it_goes(make_listener: Make, tones_file: Path) -> None:
    notes = Notes()
    source = FileSource(tones_file)
    session = Session(source, make_listener(source.rate_hz), notes, Terms(HANGOVER_S))
    session.run()
    assert notes.labels == ["loud", "quiet"]
    assert session.n_answers == 2
    assert session.listener.heard_s == pytest.approx(4.0)
    assert notes.n_moves == 200
    assert all(latency is not None and latency >= 0 for _, latency in notes.answers)
    assert session.latencies.mean_ms == pytest.approx(np.mean([latency for _, latency in notes.answers if latency]))
    assert session.latencies.p95_ms is not None
    assert (notes.losses, session.n_overruns, session.dropped_s) == ([], 0, 0.0)


def test_it_stops_after_its_duration(make_listener: Make, tones_file: Path) -> None:
    notes = Notes()
    session = Session(FileSource(tones_file), make_listener(), notes, Terms(HANGOVER_S, duration_s=1.499))
    session.run()
    assert session.listener.heard_s == pytest.approx(1.499)
    assert notes.labels == ["loud"]  # the speech that was under way
    assert notes.answers[0][1] is None  # it did not wait for the pause, so there is no latency to tell


def test_a_file_in_real_time_takes_as_long_as_it_sounds(make_listener: Make, tones_file: Path) -> None:
    notes, began_s = Notes(), time.monotonic()
    session = Session(FileSource(tones_file, realtime=True), make_listener(), notes, Terms(HANGOVER_S, max_lag_s=60))
    session.run()
    assert time.monotonic() - began_s >= 4.0
    assert notes.labels == ["loud", "quiet"]
    assert session.listener.heard_s == pytest.approx(4.0)


def test_raw_samples_from_a_pipe(make_listener: Make, two_tones: NDArray[np.float32]) -> None:
    notes = Notes()
    pipe = io.BytesIO((two_tones * 32767).astype("<i2").tobytes())
    Session(PcmSource(STREAM_HZ, pipe=pipe), make_listener(), notes, Terms(HANGOVER_S)).run()
    assert notes.labels == ["loud", "quiet"]


def test_half_a_sample_at_the_end_of_a_pipe_is_an_error(make_listener: Make) -> None:
    source = PcmSource(STREAM_HZ, pipe=io.BytesIO(b"\0" * 999))
    with pytest.raises(AudioError, match="ends within a sample"):
        Session(source, make_listener(), Notes(), Terms(HANGOVER_S)).run()


def test_what_cannot_be_judged_in_time_is_dropped_and_told(make_listener: Make, two_tones: NDArray[np.float32]) -> None:
    notes = Notes(pause_s=0.1)  # slower than the card
    session = Session(Card(two_tones, speed=4.0), make_listener(), notes, Terms(HANGOVER_S, max_lag_s=0.3))
    session.run()
    dropped_s = sum(duration_s for _, duration_s, _ in notes.losses)
    assert notes.losses
    assert {reason for *_, reason in notes.losses} == {"listening fell behind"}
    assert session.dropped_s == pytest.approx(dropped_s)
    assert session.listener.heard_s == pytest.approx(4.0)  # time in the stream goes on over what was dropped


def test_overruns_are_counted_and_told(make_listener: Make, two_tones: NDArray[np.float32]) -> None:
    notes = Notes()
    stream = np.tile(two_tones, 3)  # 12 s at once into a ring of 5 s
    session = Session(Card(stream, speed=1e6), make_listener(), notes, Terms(HANGOVER_S, max_lag_s=60))
    notes.pause_s = 0.002
    session.run()
    assert session.n_overruns > 0
    assert session.overrun_s > 0
    told_s = sum(duration_s for _, duration_s, _ in notes.losses)
    assert session.listener.heard_s <= 12.0
    assert told_s <= session.overrun_s + 1e-6


def test_an_error_of_the_card_ends_it(make_listener: Make, two_tones: NDArray[np.float32]) -> None:
    card = Card(two_tones[:8000], speed=10, fault=AudioError("card: was unplugged"))
    with pytest.raises(AudioError, match="unplugged"):
        Session(card, make_listener(), Notes(), Terms(HANGOVER_S, max_lag_s=60)).run()


def test_a_signal_asks_for_a_window(make_listener: Make, tones_file: Path) -> None:
    notes = Notes()
    session = Session(FileSource(tones_file), make_listener(), notes, Terms(HANGOVER_S, trigger="capture"))
    session.signals.append("\n")
    session.run()
    assert [emission.occasion for emission, _ in notes.answers] == ["capture"]


def test_a_signal_begins_and_stops_to_listen(make_listener: Make, tones_file: Path) -> None:
    notes = Notes()
    session = Session(FileSource(tones_file), make_listener(), notes, Terms(HANGOVER_S, trigger="toggle"))
    session.run()
    assert notes.answers == []  # it begins without listening
    session = Session(FileSource(tones_file), make_listener(), notes, Terms(HANGOVER_S, trigger="toggle"))
    session.signals.append(" ")
    session.run()
    assert notes.labels == ["loud", "quiet"]


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(AudioError, match=r"text\.wav"):
        FileSource(tmp_path / "text.wav")
