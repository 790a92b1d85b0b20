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
from typing import TYPE_CHECKING, TypeAlias

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
LINES_AT_ONCE = 12  # a megabyte with all that comes of it: stays in the cache
FACTORS = 4  # one logarithm for a product of four, which single precision holds: 1e-24 to 1e32
# At how many places of a section the filters are worked out, and from how many of those the steps between come.
FEWEST_COARSE, N_AROUND, LEAST_WEIGHT = 1024, 4, 1e-8
LOG_OFFSET = 1e-6  # an eighth of the rounding noise of 16 bits in a coefficient
# Offsets whose neighbours are low too are music, not a grid.
NEIGHBOURS = 31
OPUS_RATE_HZ = 48000

# Spectra of sections by where they begin and how long they are.
Spectra: TypeAlias = "dict[tuple[int, int], NDArray[np.complex64]]"


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
    spectra: Spectra = {}
    for start in _steady_sections(block, plan):
        for name in CODECS:
            curve, count = _curve(name, block, start, plan, spectra)
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


def _curve(name: str, block: Block, start: int, plan: Plan, spectra: Spectra) -> tuple[NDArray[np.float64], int]:
    """Return the sum of log |coefficient| by offset, and how many coefficients each sum has."""
    import scipy.fft

    n_offsets, is_opus = frame_offsets(name, plan), name == "opus"
    if is_opus and not plan.opus_steps:
        return np.zeros(n_offsets), 0
    n_section, steps = (plan.opus_section, plan.opus_steps) if is_opus else (SECTION_SAMPLES, SECTION_SAMPLES)
    period = block.rate_hz // 50 if is_opus else CODECS[name].n_lines * plan.factor
    begin = start + -(block.start_samples + start) % period  # frames count from the beginning of the file
    section = block.main[begin : begin + n_section * plan.factor]
    bank = bank_for(name, n_section, steps)
    n_frames = (steps * section.size // (n_section * plan.factor) - bank.reach) // n_offsets
    if n_frames < FEWEST_FRAMES:
        return np.zeros(n_offsets), 0
    if (begin, n_section) not in spectra:
        spectra[begin, n_section] = scipy.fft.rfft(section, n_section * plan.factor) / np.float32(plan.factor)
    spectrum = spectra[begin, n_section]
    sums: NDArray[np.float32] = np.zeros(bank.between.shape[1:2] + bank.bins.shape[1:], dtype=np.float32)
    for first in range(0, len(bank.bins), LINES_AT_ONCE):
        coefficients = coefficients_of(spectrum, bank, slice(first, first + LINES_AT_ONCE))
        for four in range(0, len(coefficients), FACTORS):
            product = np.multiply.reduce(coefficients[four : four + FACTORS], axis=0)
            np.abs(product, out=product)
            product += np.float32(LOG_OFFSET**FACTORS)
            sums += np.log(product, out=product)
    by_step = sums.T.ravel()[: n_frames * n_offsets]
    return by_step.reshape(n_frames, n_offsets).sum(axis=0, dtype=np.float64), len(bank.bins) * n_frames


def coefficients_of(spectrum: NDArray[np.complex64], bank: Bank, chosen: slice) -> NDArray[np.float32]:
    """Return what some lines find at every step, float32 (n_chosen, n_between, n_coarse): the last axis is slower."""
    import scipy.fft

    products = bank.responses[chosen] * spectrum[bank.bins[chosen]]
    coarse = scipy.fft.ifft(products, axis=1, overwrite_x=True).view(np.float32).reshape(len(products), -1, 2)
    n_coarse, before, after = coarse.shape[1], N_AROUND // 2 - 1, N_AROUND // 2
    parts = np.empty((len(coarse), 2, n_coarse + N_AROUND - 1), dtype=np.float32)
    parts[:, :, before : before + n_coarse] = coarse.transpose(0, 2, 1)
    parts[:, :, :before] = parts[:, :, n_coarse : n_coarse + before]
    parts[:, :, -after:] = parts[:, :, before : before + after]
    around = np.lib.stride_tricks.sliding_window_view(parts, n_coarse, axis=2).reshape(len(parts), -1, n_coarse)
    found: NDArray[np.float32] = bank.between[chosen] @ around
    return found


@dataclass(frozen=True, eq=False)
class Bank:
    """The waves of a codec's lines as filters for sections of one length.

    A wave reaches over a narrow band only. So its filter is first worked out at every 32nd step or so, as a complex
    signal, and the steps between come from `N_AROUND` of those by fixed weights: half the work of a long inverse FFT.

    Attributes:
        bins: int64 (n_chosen, n_coarse), the bins of a section's spectrum in a wave's band, in the order of an FFT.
        responses: complex64 (n_chosen, n_coarse), the conjugate response there.
        between: float32 (n_chosen, n_between, 2 N_AROUND), weights of real parts and of imaginary parts.
        reach: Length of the waves in steps.
    """

    bins: NDArray[np.int64]
    responses: NDArray[np.complex64]
    between: NDArray[np.float32]
    reach: int


@lru_cache(maxsize=12)
def bank_for(name: str, n_section: int, steps: int) -> Bank:
    """Return the filters of a codec for sections of some samples in which coefficients are told at some steps."""
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
    every = np.conj(scipy.fft.rfft(waves, steps // finer, axis=1))[:, : n_section // 2 + 1]
    n_coarse = next(size for size in range(FEWEST_COARSE, steps + 1) if steps % size == 0)
    centres = np.abs(every).argmax(axis=1)
    bins, responses, between = [], [], []
    for response, centre in zip(every, centres, strict=True):
        band = np.arange(centre - n_coarse // 2, centre - n_coarse // 2 + n_coarse)
        there = (band > 0) & (band < response.size)
        inside = np.where(there, response[np.clip(band, 0, response.size - 1)], 0)
        between.append(_between(band, np.abs(inside) ** 2, steps, n_coarse))
        order = np.argsort(band % n_coarse)
        bins.append(np.where(there, band, 0)[order])
        responses.append(inside[order] * 2 * n_coarse / n_section)
    return Bank(np.array(bins), np.array(responses, dtype=np.complex64), np.array(between), waves.shape[1] * finer)


def _between(band: NDArray[np.int64], weights: NDArray[np.float64], steps: int, n_coarse: int) -> NDArray[np.float32]:
    """Return the weights that best tell each step from the coarse ones around it, float32 (n_between, 2 N_AROUND).

    Least squares over the bins of the band, each weighted by the power that the wave lets through there.
    """
    n_between = steps // n_coarse
    weights = (weights / weights.max() + LEAST_WEIGHT)[:, np.newaxis]
    places = np.arange(1 - N_AROUND // 2, N_AROUND // 2 + 1)
    known = np.exp(2j * np.pi * np.outer(band, places) / n_coarse)
    wanted = np.exp(2j * np.pi * np.outer(band, np.arange(n_between)) / steps)
    taken = known.conj().T @ (weights * known)
    found = np.linalg.solve(taken, known.conj().T @ (weights * wanted))  # (N_AROUND, n_between)
    return np.concatenate([found.real, -found.imag]).T.astype(np.float32)
