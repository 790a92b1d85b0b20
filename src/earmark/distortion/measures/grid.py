"""Traces of lossy codecs: the one frame grid on which many coefficients are all but zero.

A codec rounds the coefficients of its transform, many of them to zero. Taking decoded sound apart with the same filters
at the same frame positions finds those zeros again; one sample beside, they are gone (Herre and Schug, "Analysis of
decompressed audio", AES 109, 2000; Kim and Rafii, "Lossy audio compression identification", EUSIPCO 2018). So: the mean
logarithm of some coefficients for every frame offset. The trace is how far the lowest offset lies under the median, in
robust standard deviations of all offsets; sound that was never coded gives about 3, the least of that many chance
values. The depth in dB says how hard was rounded.

Two sections of 0.37 s in each block of ten seconds are looked at: the steadiest of seven. Offsets count from the start
of the file, so that blocks add up and long files show weaker traces. Coded at another rate than the file has now, only
Opus is found (it always works at 48 kHz); files of 64 kHz and more are looked at at half or a quarter of their rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.measures import filterbanks
from earmark.distortion.measures.scale import DB_PER_NEPER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.measures.block import Block, Part

LOWEST_RATE_HZ = 32000
HIGHEST_BASE_HZ = 48000
SECTION_SAMPLES = 16384
N_CANDIDATES, N_SECTIONS = 7, 2
FEWEST_FRAMES = 4
# Below -60 dBFS the rounding to 16 bits hides the zeros.
QUIETEST_PEAK = 1e-3
LINES_AT_ONCE = 8  # a megabyte with all that comes of it: stays in the cache
LOG_OFFSET = 1e-6  # an eighth of the rounding noise of 16 bits in a coefficient
# Offsets whose neighbours are low too are music, not a grid.
NEIGHBOURS = 31
OPUS_RATE_HZ = 48000


@dataclass(frozen=True)
class Codec:
    """A codec's frames and the lines that are looked at.

    Attributes:
        n_lines: Samples from frame to frame.
        lines: First and last line, and how many between.
    """

    n_lines: int
    lines: tuple[int, int, int]

    def chosen(self) -> NDArray[np.int64]:
        """Return the numbers of the lines."""
        return np.unique(np.linspace(*self.lines).astype(np.int64))


# Lines in the middle of the spectrum: further down little is rounded to zero, further up low bit rates keep nothing.
CODECS = {
    "mp3": Codec(576, (80, 330, 24)),
    "aac_kbd": Codec(1024, (60, 500, 24)),
    "aac_sine": Codec(1024, (60, 500, 24)),
    "vorbis": Codec(1024, (60, 500, 24)),
    "opus": Codec(960, (100, 330, 24)),
}
WINDOWS = {
    "aac_kbd": filterbanks.kaiser_bessel_window,
    "aac_sine": filterbanks.sine_window,
    "vorbis": filterbanks.vorbis_window,
}


@dataclass(frozen=True)
class Plan:
    """How sections of one rate are looked at.

    Attributes:
        factor: The rate is divided by this first.
        opus_section: Samples of a section for Opus at the divided rate; 0 where it shares no grid with 48 kHz.
        opus_steps: What they are on Opus' grid.
        opus_frame: Offsets that Opus frames are apart there.
    """

    factor: int
    opus_section: int
    opus_steps: int
    opus_frame: int


@lru_cache(maxsize=8)
def plan_for(rate_hz: int) -> Plan | None:
    """Return how to look at a rate; None below 32 kHz or if it does not divide."""
    factor = -(-rate_hz // HIGHEST_BASE_HZ)
    if rate_hz % factor or rate_hz // factor < LOWEST_RATE_HZ:
        return None
    ratio = Fraction(OPUS_RATE_HZ, rate_hz // factor)
    if ratio == 1:
        return Plan(factor, SECTION_SAMPLES, SECTION_SAMPLES, filterbanks.CELT_LINES)
    if ratio.denominator > 640 or rate_hz % 50:
        return Plan(factor, 0, 0, 0)
    # After resampling, frames begin between samples: looked for at every half sample of 48 kHz.
    step = 2 * ratio.denominator
    section = step * round(SECTION_SAMPLES / step)
    return Plan(factor, section, int(section * 2 * ratio), 2 * filterbanks.CELT_LINES)


def gather(block: Block) -> Part:
    """Return what a block adds: the sums of logarithms by offset, and the trace of each codec in this block."""
    plan = plan_for(block.rate_hz)
    seconds = np.array([float(len(block.seconds))])
    blank = {"traces": np.zeros((1, len(CODECS))), "assessable": np.zeros(1), "seconds": seconds}
    if plan is None or block.peak < QUIETEST_PEAK:
        return blank
    sums = {name: np.zeros(frame_offsets(name, plan)) for name in CODECS}
    counts = dict.fromkeys(CODECS, 0)
    for start in _steady_sections(block, plan):
        for name in CODECS:
            curve, count = _curve(name, block, start, plan)
            sums[name] += curve
            counts[name] += count
    traces = [trace(sums[name] / counts[name])[0] if counts[name] else 0.0 for name in CODECS]
    part = {f"total_{name}": sums[name] for name in CODECS}
    part |= {f"total_n_{name}": np.array([float(counts[name])]) for name in CODECS}
    return part | blank | {"traces": np.array([traces]), "assessable": np.array([float(any(counts.values()))])}


def summarise(part: Part) -> dict[str, float]:
    """Return the measures of the whole file; nothing for a codec that cannot be told."""
    found: dict[str, float] = {}
    for name in CODECS:
        count = float(part[f"total_n_{name}"][0]) if f"total_n_{name}" in part else 0.0
        if count:
            score, depth_db, _ = trace(part[f"total_{name}"] / count)
            found |= {f"{name}_trace": score, f"{name}_depth_db": depth_db}
    return found


def line(part: Part) -> dict[str, NDArray[np.float64]]:
    """Return the strongest trace of each second, the same for all of a block; NaN where it cannot be told."""
    strongest = np.where(part["assessable"] > 0, part["traces"].max(axis=1), np.nan)
    return {"codec_trace": np.repeat(strongest, part["seconds"].astype(np.int64))}


def trace(curve: NDArray[np.float64]) -> tuple[float, float, int]:
    """Return trace in standard deviations, depth in dB and the offset, of mean logarithms by offset."""
    around = np.concatenate([curve[-(NEIGHBOURS // 2) :], curve, curve[: NEIGHBOURS // 2]])
    sums = np.concatenate([[0.0], np.cumsum(around)])
    level = curve - (sums[NEIGHBOURS:] - sums[:-NEIGHBOURS]) / NEIGHBOURS
    middle = float(np.median(level))
    spread = 1.4826 * float(np.median(np.abs(level - middle)))
    offset = int(level.argmin())
    depth = middle - float(level[offset])
    if spread < 1e-9:
        return 0.0, 0.0, offset
    return min(depth / spread, 200.0), 2 * DB_PER_NEPER * depth, offset


def frame_offsets(name: str, plan: Plan) -> int:
    """Return the number of offsets that are told apart."""
    return (plan.opus_frame or filterbanks.CELT_LINES) if name == "opus" else CODECS[name].n_lines


def _steady_sections(block: Block, plan: Plan) -> list[int]:
    """Return where the sections begin whose quietest eighth is loudest."""
    main, n_section = block.main, max(SECTION_SAMPLES, plan.opus_section) * plan.factor
    room = main.size - n_section - max(1024 * plan.factor, block.rate_hz // 50)
    if room <= 0:
        return [0]
    starts = [room * index // (N_CANDIDATES - 1) for index in range(N_CANDIDATES)]
    eighths = [np.array_split(main[start : start + n_section], 8) for start in starts]
    quietest = [min(float(part @ part) for part in parts) for parts in eighths]
    best = sorted(range(N_CANDIDATES), key=lambda index: quietest[index])[-N_SECTIONS:]
    return sorted(starts[index] for index in best)


def _curve(name: str, block: Block, start: int, plan: Plan) -> tuple[NDArray[np.float64], int]:
    """Return the sum of log |coefficient| by offset, and how many coefficients each sum has."""
    import scipy.fft

    n_offsets, is_opus = frame_offsets(name, plan), name == "opus"
    if is_opus and not plan.opus_steps:
        return np.zeros(n_offsets), 0
    n_section, steps = (plan.opus_section, plan.opus_steps) if is_opus else (SECTION_SAMPLES, SECTION_SAMPLES)
    period = block.rate_hz // 50 if is_opus else CODECS[name].n_lines * plan.factor
    begin = start + -(block.start_samples + start) % period  # frames count from the beginning of the file
    section = block.main[begin : begin + n_section * plan.factor]
    responses, reach = _responses(name, n_section, steps)
    n_frames = (steps * section.size // (n_section * plan.factor) - reach) // n_offsets
    if n_frames < FEWEST_FRAMES:
        return np.zeros(n_offsets), 0
    spectrum = scipy.fft.rfft(section, n_section * plan.factor)[: responses.shape[1]]
    spectrum /= np.float32(plan.factor)
    sums = np.zeros(n_frames * n_offsets, dtype=np.float32)
    for first in range(0, len(responses), LINES_AT_ONCE):
        products = responses[first : first + LINES_AT_ONCE] * spectrum
        if products.shape[1] < steps // 2 + 1:
            products = np.pad(products, ((0, 0), (0, steps // 2 + 1 - products.shape[1])))
        coefficients = scipy.fft.irfft(products, steps, axis=1, overwrite_x=True)[:, : sums.size]
        np.abs(coefficients, out=coefficients)
        coefficients += np.float32(LOG_OFFSET)
        sums += np.log(coefficients, out=coefficients).sum(axis=0)
    return sums.reshape(n_frames, n_offsets).sum(axis=0, dtype=np.float64), len(responses) * n_frames


@lru_cache(maxsize=12)
def _responses(name: str, n_section: int, steps: int) -> tuple[NDArray[np.complex64], int]:
    """Return conjugate frequency responses of the waves (n_chosen, n_bins), and their length in steps."""
    import scipy.fft

    codec = CODECS[name]
    lines = codec.chosen()
    if name == "mp3":
        waves = filterbanks.mp3_waves(lines)
    elif name == "opus":
        waves = filterbanks.celt_waves(lines)
    else:
        waves = filterbanks.mdct_waves(codec.n_lines, lines, WINDOWS[name](codec.n_lines))
    # With Opus on a grid of half samples, its waves are still those of 48 kHz: their spectrum just ends earlier.
    finer = 2 if name == "opus" and steps != n_section else 1
    gain = steps / n_section
    responses = np.conj(scipy.fft.rfft(waves, steps // finer, axis=1))[:, : n_section // 2 + 1] * gain
    return responses.astype(np.complex64), waves.shape[1] * finer
