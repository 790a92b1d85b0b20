"""Measure whole waveforms and streams, or each of their blocks: blocks in, `Measurements` out.

All go through the same blocks of ten seconds, so a stream gives exactly the numbers of the whole. Memory holds two
blocks and, of each second that has passed, some hundred numbers: an hour takes 4 MB more than a minute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import AudioError
from earmark.distortion.measures import bandwidth, clipping, events, grid, hum, levels, noise, stereo, tone
from earmark.distortion.measures.block import SILENCE, cut_blocks
from earmark.distortion.measures.measurements import Evidence, Measurements
from earmark.distortion.measures.spectra import take_spectra
from earmark.distortion.measures.table import LINE_NAMES, NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform
    from earmark.distortion.measures.block import Block, Part
    from earmark.distortion.measures.spectra import Spectra

# Moments that are kept with their times; more of them say nothing more.
MAX_EVIDENCE = 500
# Worth pointing at: one sample in ten thousand in flat tops.
FLAT_TOP_SHARE = 1e-4
TRACE = 7.0

FROM_SAMPLES = {"clipping": clipping, "hum": hum, "grid": grid, "events": events}
FROM_SPECTRA = {"levels": levels, "noise": noise, "bandwidth": bandwidth, "tone": tone, "stereo": stereo}
SUMMARIES = {
    **{name: module.summarise for name, module in FROM_SAMPLES.items()},
    **{name: module.summarise for name, module in FROM_SPECTRA.items()},
}
LINES = {"levels": levels, "clipping": clipping, "noise": noise, "bandwidth": bandwidth, "grid": grid}
LINES |= {"events": events, "stereo": stereo}


def measure(waveform: Waveform) -> Measurements:
    """Return all measures of a sound.

    Raises:
        AudioError: There is no sample, or a sample is NaN, infinite or beyond +-1e6.

    Example:
        >>> from earmark.audio import Waveform
        >>> wave = 0.5 * np.sin(np.arange(88200) * 0.1, dtype=np.float32)
        >>> round(measure(Waveform(np.clip(wave, -0.3, 0.3)[None], 44100))["flat_top_share"], 2)
        0.59
    """
    return measure_stream([waveform])


def measure_stream(waveforms: Iterable[Waveform]) -> Measurements:
    """Return all measures of waveforms that follow on each other, such as those of `stream_audio`, in little memory.

    Raises:
        AudioError: As `measure`; also if rate or channels change on the way.
    """
    whole = Gathered()
    for block in cut_blocks(waveforms):
        whole.add(block, gather(block))
    return whole.summarised()


def measure_blocks(waveforms: Iterable[Waveform]) -> Iterator[Measurements]:
    """Yield the measures of each block of ten seconds alone, in little memory.

    What a block gives does not depend on its neighbours; times, and the grid on which traces of codecs are looked for,
    count from the beginning of the first. A rest of less than one second belongs to the block before it, so a sound of
    20.5 s is two blocks.

    Raises:
        AudioError: As `measure_stream`.
    """
    for block in cut_blocks(waveforms):
        alone = Gathered()
        alone.add(block, gather(block))
        yield alone.summarised()


def gather(block: Block, spectra: Spectra | None = None) -> dict[str, Part]:
    """Return what a block adds to each family; its spectra are taken if they are not given."""
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        spectra = spectra or take_spectra(block)
        parts = {name: module.gather(block) for name, module in FROM_SAMPLES.items()}
        return parts | {name: module.gather(block, spectra) for name, module in FROM_SPECTRA.items()}


@dataclass
class Totals:
    """What the blocks so far have added: arrays named total_... are summed, all others follow on each other."""

    sums: Part = field(default_factory=dict)
    rows: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        """Take in the part of the next block."""
        for name, values in part.items():
            if name.startswith("total_"):
                self.sums[name] = self.sums[name] + values if name in self.sums else values
            else:
                self.rows.setdefault(name, []).append(values)

    def joined(self) -> Part:
        """Return everything so far."""
        return self.sums | {name: np.concatenate(rows) for name, rows in self.rows.items()}


@dataclass
class Gathered:
    """What one block, or those that follow on each other, have given so far; to be summarised at any time."""

    totals: dict[str, Totals] = field(default_factory=lambda: {name: Totals() for name in SUMMARIES})
    edges: list[int] = field(default_factory=list)
    rate_hz: int = 0
    n_channels: int = 0
    end_samples: int = 0
    peak: float = 0.0

    def add(self, block: Block, parts: dict[str, Part]) -> None:
        """Take in the next block and what `gather` made of it."""
        self.rate_hz, self.n_channels = block.rate_hz, len(block.samples)
        self.end_samples = block.start_samples + block.samples.shape[1]
        self.edges += [block.start_samples + second.start for second in block.seconds]
        self.peak = max(self.peak, block.peak)
        for name, part in parts.items():
            self.totals[name].add(part)

    def summarised(self) -> Measurements:
        """Return the measures of all that was added, at least one block."""
        parts = {name: total.joined() for name, total in self.totals.items()}
        found: dict[str, float] = {}
        for name, summarise in SUMMARIES.items():
            found |= summarise(parts[name])
        values, assessable = _vector(found)
        times_s = np.array([self.edges, [*self.edges[1:], self.end_samples]], dtype=np.float64).T / self.rate_hz
        line, line_assessable = _time_line(parts, len(self.edges))
        missing = [name for name in NAMES if name not in found]
        return Measurements(
            values=values,
            assessable=assessable,
            line=line,
            line_assessable=line_assessable,
            times_s=times_s,
            evidence=_evidence(parts, line, times_s),
            reasons={name: _reason(name, self.n_channels, self.rate_hz, self.peak) for name in missing},
            rate_hz=self.rate_hz,
            n_channels=self.n_channels,
            duration_s=(self.end_samples - self.edges[0]) / self.rate_hz,
        )


def _vector(found: dict[str, float]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    values = np.zeros(len(NAMES), dtype=np.float32)
    assessable = np.zeros(len(NAMES), dtype=np.bool_)
    for place, name in enumerate(NAMES):
        if name in found:
            values[place], assessable[place] = found[name], True
    if not np.isfinite(values).all():
        wrong = NAMES[int(np.flatnonzero(~np.isfinite(values))[0])]
        raise AudioError(f"measure {wrong} came out as {found[wrong]}, expected a number; please report this file")
    return values, assessable


def _time_line(parts: dict[str, Part], n_seconds: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    line = np.full((n_seconds, len(LINE_NAMES)), np.nan)
    for name, module in LINES.items():
        for column, values in module.line(parts[name]).items():
            line[:, LINE_NAMES.index(column)] = values
    known = np.isfinite(line)
    return np.where(known, line, 0).astype(np.float32), known


def _evidence(parts: dict[str, Part], line: NDArray[np.float32], times_s: NDArray[np.float64]) -> tuple[Evidence, ...]:
    """Return clicks, drop-outs, and the seconds with flat tops or codec traces, the strongest 500 of each kind."""
    clicks = [
        Evidence("clicks_per_s", float(start), float(end), float(20 * np.log10(ratio)), "dB")
        for start, end, ratio in parts["events"]["click_times"]
    ]
    gaps = [
        Evidence("dropouts_per_s", float(start), float(end), 1000 * float(end - start), "ms")
        for start, end in parts["events"]["dropout_times"]
    ]
    found = _strongest(clicks) + _strongest(gaps)
    for column, least, unit in (("flat_top_share", FLAT_TOP_SHARE, ""), ("codec_trace", TRACE, "sd")):
        values = line[:, LINE_NAMES.index(column)]
        found += _strongest(
            [
                Evidence(column, float(times_s[row, 0]), float(times_s[row, 1]), float(values[row]), unit)
                for row in np.flatnonzero(values >= least)
            ]
        )
    return tuple(sorted(found, key=lambda moment: (moment.start_s, moment.measure)))


def _strongest(moments: list[Evidence]) -> list[Evidence]:
    return sorted(moments, key=lambda moment: -moment.value)[:MAX_EVIDENCE]


def _reason(name: str, n_channels: int, rate_hz: int, peak: float) -> str:
    """Return in a few words why a measure has no value."""
    if peak < SILENCE:
        return "the file is silent (below -84 dBFS)"
    if name in STEREO_NAMES:
        needed = "needs sound in both channels, in this band, for 0.8 s"
        return needed if n_channels == 2 else f"needs 2 channels, found {n_channels}"
    if name.endswith(("_trace", "_depth_db")):
        if grid.plan_for(rate_hz) is None:
            return f"needs a rate of 32 kHz or more that divides evenly, found {rate_hz} Hz"
        return "needs 0.2 s of sound above -60 dBFS, at a rate that shares a grid with the codec"
    other = {"hum_50_db": "needs 2 s of sound at 2 kHz or more", "flat_top_dbfs": "no flat top found"}
    other |= dict.fromkeys(("hum_60_db", "hum_dbfs"), other["hum_50_db"])
    return other.get(name) or f"needs a longer or louder sound, or a higher rate than {rate_hz} Hz"


STEREO_NAMES = frozenset(NAMES[NAMES.index("mid_side_db") :])
