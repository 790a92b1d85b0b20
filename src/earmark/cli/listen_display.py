"""How `earmark listen` shows what it hears: lines, JSON, or a screen with level and state."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from earmark.cli.console import counted, note, show, show_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from earmark.inference.live import Emission, Session, Status

N_SHOWN = 8
METER_COLUMNS = 30
QUIETEST_DB = -60.0
REFRESH_S = 0.1


def line_of(emission: Emission, latency_ms: float | None) -> str:
    """Return an answer as a line of text."""
    late = "" if latency_ms is None else f"  {latency_ms:.0f} ms"
    refused = "" if emission.accepted else "  (not accepted)"
    return f"{clock(emission.start_s)}  {emission.label}  {emission.probability:.1%}{late}{refused}"


def clock(place_s: float) -> str:
    """Return a place in a stream such as `1:02:03.4`, hours only where there are any."""
    minutes, seconds = divmod(place_s, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{seconds:04.1f}" if hours else f"{minutes}:{seconds:04.1f}"


def summary(session: Session) -> dict[str, Any]:
    """Return the JSON object at the end of a stream."""
    return {
        "event": "end",
        "heard_s": round(session.listener.heard_s, 3),
        "n_emissions": session.n_answers,
        "latency_mean_ms": _rounded(session.latencies.mean_ms),
        "latency_p95_ms": _rounded(session.latencies.p95_ms),
        "n_overruns": session.n_overruns,
        "overrun_s": round(session.overrun_s, 3),
        "dropped_s": round(session.dropped_s, 3),
    }


def summary_line(session: Session) -> str:
    """Return the line at the end of a stream."""
    told = session.latencies
    late = (
        ""
        if told.mean_ms is None
        else f"; latency mean {told.mean_ms:.0f} ms, p95 {told.p95_ms:.0f} ms after the pause"
    )
    return f"{counted(session.n_answers, 'answer')} in {clock(session.listener.heard_s)}{late}{_losses(session)}"


def _losses(session: Session) -> str:
    lost = f"; {counted(session.n_overruns, 'overrun')}" if session.n_overruns else ""
    return lost + (f"; {session.dropped_s:.1f} s dropped" if session.dropped_s else "")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


class LineAudience:
    """Prints a line for each answer."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def answered(self, emission: Emission, latency_ms: float | None) -> None:
        """Print it."""
        show(line_of(emission, latency_ms))

    def lost(self, start_s: float, duration_s: float, reason: str) -> None:
        """Say so on standard error."""
        note(f"earmark: {reason}: {duration_s:.2f} s from {clock(start_s)} on were not listened to")

    def moved(self, status: Status, session: Session) -> None:
        """Nothing is shown between answers."""


class JsonAudience(LineAudience):
    """Prints a JSON object for each answer and each loss."""

    def answered(self, emission: Emission, latency_ms: float | None) -> None:
        """Print it."""
        show_json(emission.to_dict() | {"latency_ms": _rounded(latency_ms)})

    def lost(self, start_s: float, duration_s: float, reason: str) -> None:
        """Print it."""
        show_json({"event": "lost", "start_s": round(start_s, 3), "duration_s": round(duration_s, 3), "reason": reason})


class ScreenAudience(LineAudience):
    """Draws level, state, the last answers and latency on a terminal, ten times a second."""

    def __init__(self, title: str) -> None:
        from rich.live import Live

        self._title = title
        self._last: deque[tuple[str, bool]] = deque(maxlen=N_SHOWN)
        self._drawn_s = 0.0
        self._live = Live(auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(None, None, None)
        for text, _ in self._last:  # what was on the screen stays readable above the summary
            show(text)

    def answered(self, emission: Emission, latency_ms: float | None) -> None:
        """Put it at the end of the list."""
        self._last.append((line_of(emission, latency_ms), emission.accepted))
        self._drawn_s = 0.0

    def lost(self, start_s: float, duration_s: float, reason: str) -> None:
        """Put it at the end of the list, too."""
        self._last.append((f"{clock(start_s)}  {duration_s:.2f} s not listened to: {reason}", False))
        self._drawn_s = 0.0

    def moved(self, status: Status, session: Session) -> None:
        """Draw anew, unless that was done just now."""
        now_s = time.monotonic()
        if now_s - self._drawn_s >= REFRESH_S:
            self._drawn_s = now_s
            self._live.update(self._picture(status, session), refresh=True)

    def _picture(self, status: Status, session: Session) -> RenderableType:
        from rich.console import Group
        from rich.panel import Panel
        from rich.text import Text

        share = min(1.0, max(0.0, 1 - status.level_db / QUIETEST_DB))
        n_full = round(share * METER_COLUMNS)
        colour = "red" if status.level_db > -1 else "yellow" if status.level_db > -6 else "green"
        meter = Text.assemble(
            ("█" * n_full, colour), ("░" * (METER_COLUMNS - n_full), "dim"), f" {max(status.level_db, -99):4.0f} dB  "
        )
        meter.append(*_state(status))
        answers = [Text(text, style="bold" if accepted else "dim") for text, accepted in self._last]
        return Panel(Group(meter, *answers, Text(_footer(status, session), style="dim")), title=self._title, width=76)


def _state(status: Status) -> tuple[str, str]:
    """Return the state in words, and the style to draw it in."""
    if status.capturing:
        return "● capturing", "bold red"
    if not status.hearing:
        return "○ not listening", "dim"
    if status.speaking:
        return f"● speech {status.speech:.0%}", "bold green"
    return f"○ quiet {status.speech:.0%}", ""


def _footer(status: Status, session: Session) -> str:
    told = session.latencies
    late = "" if told.mean_ms is None else f"  latency mean {told.mean_ms:.0f} ms, p95 {told.p95_ms:.0f} ms"
    return f"{clock(status.heard_s)}  {counted(session.n_answers, 'answer')}{late}{_losses(session)}"
