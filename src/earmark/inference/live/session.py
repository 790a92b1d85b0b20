"""A stream from its source to its answers: capture, listen, tell; drop rather than lag.

A live source is read by a thread of its own into a ring. Where judging falls further behind than allowed, all that
waits is dropped, and told: an answer that comes late is worse than none, and so is a delay that only grows.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from earmark.core.units import samples_to_seconds, seconds_to_samples
from earmark.inference.live.latency import Latencies
from earmark.inference.live.ring import Arrival, Ring

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.inference.live.emission import Emission, Status
    from earmark.inference.live.listener import Listener
    from earmark.inference.live.sources import Source

RING_S = 5.0
TAKE_S = 0.1
POLL_S = 0.004
JOIN_S = 2.0

Trigger = Literal["none", "capture", "toggle"]


class Audience(Protocol):
    """Is told what happens, in the thread that listens."""

    def answered(self, emission: Emission, latency_ms: float | None) -> None:
        """An answer, and how long after the end of its speech and the pause it came, in ms."""
        ...

    def lost(self, start_s: float, duration_s: float, reason: str) -> None:
        """Sound that was not listened to, from where in the stream, and why."""
        ...

    def moved(self, status: Status, session: Session) -> None:
        """Some more sound was heard."""
        ...


@dataclass(frozen=True)
class Terms:
    """How a session goes.

    Attributes:
        hangover_s: The pause by which the end of speech is known; latencies are told without it.
        duration_s: How much of the stream to hear; None hears all of it.
        max_lag_s: How far a live source may run ahead before sound is dropped.
        trigger: What a signal does: judge one window, or begin and stop to listen.
    """

    hangover_s: float
    duration_s: float | None = None
    max_lag_s: float = 1.0
    trigger: Trigger = "none"


@dataclass
class Session:
    """One stream that is listened to.

    Attributes:
        source: Where it comes from.
        listener: What answers.
        audience: Who is told.
        terms: How.
        latencies: Of the answers so far.
        n_answers: How many there were.
        dropped_s: Sound that was dropped because judging fell behind.
        signals: Whoever wants to trigger something appends to it, from any thread.
    """

    source: Source
    listener: Listener
    audience: Audience
    terms: Terms
    latencies: Latencies = field(default_factory=Latencies)
    n_answers: int = 0
    dropped_s: float = 0.0
    signals: deque[Any] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._ring = Ring(seconds_to_samples(RING_S, self.source.rate_hz))
        self._stop = threading.Event()
        self._arrival = Arrival(0, time.monotonic())
        if self.terms.trigger != "none":
            self.listener.hear(wanted=False)

    @property
    def n_overruns(self) -> int:
        """How often sound was lost between the sound card and the ring."""
        return self._ring.n_overruns

    @property
    def overrun_s(self) -> float:
        """How much sound was lost there, as far as that is known."""
        return samples_to_seconds(self._ring.n_lost, self.source.rate_hz)

    def run(self) -> None:
        """Listen until the stream ends, or has lasted as long as it may.

        Raises:
            AudioError: The sound card was unplugged, or the source is damaged.
        """
        if self.source.live:
            self._run_live()
        else:
            for block in self.source.blocks():
                self._obey()
                self._arrival = Arrival(self._arrival.place + len(block), time.monotonic())
                if not self._hear(block):
                    break
        self._tell(self.listener.finish())

    def _run_live(self) -> None:
        thread = threading.Thread(target=self._capture, name="earmark capture", daemon=True)
        thread.start()
        try:
            while self._step():
                self._obey()
        finally:
            self._stop.set()
            thread.join(JOIN_S)
        if self._ring.error is not None:
            raise self._ring.error

    def _capture(self) -> None:
        """Run in the capture thread; whatever goes wrong there is told in the other."""
        try:
            self.source.record(self._ring, self._stop.is_set)
        except Exception as error:
            self._ring.close(error)
        else:
            self._ring.close()

    def _step(self) -> bool:
        """Hear what has come; return whether there may be more."""
        closed, rate_hz = self._ring.closed, self.source.rate_hz  # closed before looked, so that nothing is left behind
        waiting_s = samples_to_seconds(self._ring.n_waiting, rate_hz)
        if waiting_s > self.terms.max_lag_s:
            n_dropped = self._ring.drop()
            self.dropped_s += samples_to_seconds(n_dropped, rate_hz)
            self._skip(n_dropped, "listening fell behind")
            return True
        self._arrival = self._ring.arrival
        n_lost, samples = self._ring.take(seconds_to_samples(TAKE_S, rate_hz))
        if n_lost:
            self._skip(n_lost, "capture overrun")
        if len(samples):
            return self._hear(samples)
        if not closed and not n_lost:
            time.sleep(POLL_S)
        return not closed or n_lost > 0

    def _skip(self, n_samples: int, reason: str) -> None:
        start_s = self.listener.heard_s
        self.listener.skip(n_samples)
        self.audience.lost(start_s, samples_to_seconds(n_samples, self.source.rate_hz), reason)

    def _hear(self, samples: NDArray[Any]) -> bool:
        limit_s = self.terms.duration_s
        if limit_s is not None:
            left = seconds_to_samples(limit_s - self.listener.heard_s, self.source.rate_hz)
            samples = samples[: max(0, left)]
        self._tell(self.listener.push(samples))
        self.audience.moved(self.listener.status, self)
        return limit_s is None or self.listener.heard_s < limit_s

    def _obey(self) -> None:
        while self.signals:
            self.signals.popleft()
            if self.terms.trigger == "capture":
                self.listener.capture()
            else:
                self._tell(self.listener.hear(wanted=not self.listener.hearing))

    def _tell(self, emissions: list[Emission]) -> None:
        for emission in emissions:
            latency_ms = self._latency_ms(emission)
            if latency_ms is not None:
                self.latencies.add(latency_ms)
            self.n_answers += 1
            self.audience.answered(emission, latency_ms)

    def _latency_ms(self, emission: Emission) -> float | None:
        """Return the time from the end of the sound to now, less the pause; None where the stream ended before it."""
        pause_s = self.terms.hangover_s if emission.occasion == "speech" else 0.0
        if emission.decided_s - emission.end_s < pause_s:
            return None
        ahead_s = samples_to_seconds(self._arrival.place, self.source.rate_hz) - emission.end_s
        return (time.monotonic() - self._arrival.time_s + ahead_s - pause_s) * 1000
