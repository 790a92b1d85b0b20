"""The picture of a damaged file: its spectrogram, above it where each fault is heard, below it the moments of proof."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.core.page import escape
from earmark.distortion.check.limits import found_types
from earmark.distortion.check.spectrogram import highest_hz, spectrograms, to_png
from earmark.distortion.words import clock, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.distortion.check.catalogue import Checked

# Okabe & Ito 2008, as in all pictures of earmark; beside a name each time, never alone.
COLOURS = {
    "clipping": "#d55e00",
    "compression": "#0072b2",
    "noise": "#009e73",
    "frequency": "#e69f00",
    "phase": "#cc79a7",
}
WIDTH = 960
LEFT = 92
RIGHT = 12
LANE = 17
PANEL = 150
MARKS = 24  # room for numbers between picture and axis
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
MOST_TICKS = 8
NEARLY_ALL = 0.8
MOST_SENTENCES = 8  # told and marked; the rest is counted
SHORTEST_MARK = 3.0


@dataclass(frozen=True)
class _Scale:
    """From seconds to the picture's units."""

    start_s: float
    duration_s: float

    def x(self, moment_s: float) -> float:
        share = (moment_s - self.start_s) / self.duration_s
        return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, max(0.0, share))


def draw(outcome: Checked) -> str:
    """Return the picture of a file with a report as SVG.

    Raises:
        AudioError: The file can no longer be read.
    """
    report = outcome.report or {}
    kinds = [kind for kind, _ in found_types(report)]
    split = "phase" in kinds and report["n_channels"] == 2
    start_s = outcome.part[0]
    duration_s, rate_hz = max(1e-3, report["duration_s"]), report["rate_hz"]
    panels = [to_png(each) for each in spectrograms(outcome.path, rate_hz, (start_s, duration_s), mid_and_side=split)]
    height_of_panel = PANEL if len(panels) == 1 else PANEL * 2 // 3
    # The report's times count from the begin of the part.
    scale = _Scale(0.0, duration_s)
    top = LANE * len(kinds) + 5
    parts = [_lane(kind, row, report["segments"], scale) for row, kind in enumerate(kinds)]
    names = ("mid", "side") if split else ("",)
    for row, (png, name) in enumerate(zip(panels, names, strict=True)):
        parts.append(_panel(png, name, top + row * (height_of_panel + 4), height_of_panel, highest_hz(rate_hz)))
    bottom = top + len(panels) * (height_of_panel + 4) - 4
    parts += [_edges(report["segments"], kinds, scale, (top, bottom)), _marks(report, scale, bottom)]
    axis = bottom + (MARKS if moments(report) else 2)
    parts.append(_time_axis(scale, axis))
    height = axis + 20
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(describe(report))}">{"".join(parts)}</svg>'
    )


def moments(report: dict[str, Any]) -> dict[int, tuple[float, float]]:
    """Return begin and end of what sentences about found faults speak of, by their number from 1 on.

    What speaks of nearly all of the file is not there.
    """
    told = [finding for finding in report["evidence"] if finding["type"] is not None][:MOST_SENTENCES]
    return {
        number: (finding["start_s"], finding["end_s"])
        for number, finding in enumerate(told, start=1)
        if finding["start_s"] is not None and finding["end_s"] - finding["start_s"] < NEARLY_ALL * report["duration_s"]
    }


def describe(report: dict[str, Any]) -> str:
    """Return in words what the picture shows."""
    told = []
    for kind, severity in found_types(report):
        places = [
            f"{clock(segment['start_s'])} to {clock(segment['end_s'])}"
            for segment in report["segments"]
            if segment["type"] == kind
        ]
        more = f" and {len(places) - 4} more" if len(places) > 4 else ""
        told.append(f"{kind} ({share(severity)}) from {', '.join(places[:4])}{more}" if places else kind)
    return f"Spectrogram of {clock(report['duration_s'])}: " + "; ".join(told)


def _lane(kind: str, row: int, segments: Sequence[dict[str, Any]], scale: _Scale) -> str:
    top = row * LANE + 2
    bars = []
    for segment in segments:
        if segment["type"] != kind:
            continue
        begin, end = scale.x(segment["start_s"]), scale.x(segment["end_s"])
        title = f"{kind} {clock(segment['start_s'])} to {clock(segment['end_s'])}, {share(segment['severity'])}"
        bars.append(
            f'<rect x="{begin:.1f}" y="{top}" width="{max(SHORTEST_MARK, end - begin):.1f}" height="10" rx="2" '
            f'fill="{COLOURS[kind]}"><title>{escape(title)}</title></rect>'
        )
    return (
        f'<text class="label" text-anchor="end" x="{LEFT - 8}" y="{top + 9}">{kind}</text>'
        f'<rect class="soft" x="{LEFT}" y="{top + 4}" width="{WIDTH - LEFT - RIGHT}" height="2"/>{"".join(bars)}'
    )


def _panel(png: bytes, name: str, top: int, height: int, highest: float) -> str:
    data = base64.b64encode(png).decode()
    step_hz = next(step for step in (1000, 2000, 5000, 10_000) if highest / step <= 4.9)
    image = (
        f'<image x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{height}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{data}"/>'
    )
    lines = [image]
    for hertz in range(0, int(highest) + 1, step_hz):
        y = top + height * (1 - hertz / highest)
        if hertz and y < top + 8:
            continue
        text = "0" if hertz == 0 else f"{hertz // 1000} kHz"
        lines.append(
            f'<text class="label" text-anchor="end" x="{LEFT - 8}" y="{min(y + 4, top + height):.1f}">{text}</text>'
        )
    if name:
        lines.append(
            f'<text x="{LEFT + 7}" y="{top + 15}" fill="#fff" stroke="#0a0c1c" stroke-width="3" paint-order="stroke" '
            f'font-size="12">{name}</text>'
        )
    return "".join(lines)


def _edges(segments: Sequence[dict[str, Any]], kinds: Sequence[str], scale: _Scale, span: tuple[int, int]) -> str:
    """Return lines through the spectrogram where a segment begins or ends inside it."""
    lines = []
    for segment in segments:
        if segment["type"] not in kinds:
            continue
        for moment_s in (segment["start_s"], segment["end_s"]):
            x = scale.x(moment_s)
            if LEFT + 2 < x < WIDTH - RIGHT - 2:
                lines.append(
                    f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{span[0]}" y2="{span[1]}" stroke-width="1.5" '
                    f'stroke="{COLOURS[segment["type"]]}" stroke-dasharray="4 3"/>'
                )
    return "".join(lines)


def _time_axis(scale: _Scale, top: int) -> str:
    step_s = next((step for step in _STEPS_S if scale.duration_s / step <= MOST_TICKS), scale.duration_s / MOST_TICKS)
    lines = [f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{top}" y2="{top}"/>']
    for index in range(int(scale.duration_s / step_s) + 1):
        moment_s = index * step_s
        x = scale.x(moment_s)
        text = clock(moment_s) if step_s >= 1 else f"{moment_s:.1f} s"
        lines.append(
            f'<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + 4}"/>'
            f'<text class="label" text-anchor="middle" x="{min(x, WIDTH - 16):.1f}" y="{top + 16}">{text}</text>'
        )
    return "".join(lines)


def _marks(report: dict[str, Any], scale: _Scale, top: int) -> str:
    """Return a numbered mark for each sentence that is about a moment; the list of sentences has the same numbers."""
    lines, right, middle = [], 0.0, top + 13
    for number, (begin_s, end_s) in sorted(moments(report).items(), key=lambda item: item[1]):
        x, end = scale.x(begin_s), scale.x(end_s)
        shown = min(max(x, right), WIDTH - RIGHT)
        right = shown + 19
        lines.append(
            f'<line class="mark" x1="{x:.1f}" x2="{end:.1f}" y1="{top + 1.5}" y2="{top + 1.5}" stroke-width="3"/>'
            f'<line class="mark" x1="{x:.1f}" x2="{shown:.1f}" y1="{top}" y2="{middle - 8}"/>'
            f'<circle class="dot" cx="{shown:.1f}" cy="{middle}" r="8"/>'
            f'<text class="count" text-anchor="middle" x="{shown:.1f}" y="{middle + 4}">{number}</text>'
        )
    return "".join(lines)
