"""Make one clip of a corpus: read, vary, damage, set the level, and say what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.audio.read import read_audio
from earmark.audio.waveform import Waveform
from earmark.core.errors import AudioError
from earmark.core.randomness import named_generator
from earmark.distortion.chain import distort
from earmark.distortion.corpus.plan import is_positive, native_compression
from earmark.distortion.corpus.variants import vary
from earmark.distortion.severity import FULL_RATE_HZ, KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.distortion.corpus.plan import ClipPlan
    from earmark.distortion.effects.base import Distorted

N_TRIES = 6  # stretches of a track; some are silent, or leave nothing where a filter lets pass
QUIETEST_RMS = 10 ** (-55 / 20)
CROSSFADE_S = 0.01
DITHERED = 0.3  # of the clips


@dataclass(frozen=True, eq=False)
class MadeClip:
    """A clip with its labels.

    Attributes:
        waveform: The sound, rounded to its bits.
        presence: float32 (5,) in the order of `KINDS`: 1 present, 0 not, NaN where it is not asked: a trace, a codec
            below 32 kHz, stereo faults in mono.
        severity: float32 (5,): the true one, 0 without; NaN where it is not known.
        steps: What each fault did, for the manifest.
        start_s: Where the clip begins in its track: not as planned where that was silent.
    """

    waveform: Waveform
    presence: NDArray[np.float32]
    severity: NDArray[np.float32]
    steps: tuple[dict[str, Any], ...]
    start_s: float


def make_clip(plan: ClipPlan, seed: int) -> MadeClip:
    """Return the clip of a plan; equal arguments give equal samples everywhere.

    Raises:
        AudioError: The track cannot be read, or no stretch of it can take the faults.
    """
    rng = named_generator(seed, "make", plan.id)
    problem: AudioError | None = None
    for attempt in range(N_TRIES):
        start_s = plan.start_s if not attempt else float(rng.uniform(0, plan.track.duration_s - plan.duration_s))
        clean = read_audio(plan.track.path, start_s=start_s, duration_s=plan.duration_s)
        if np.sqrt(np.mean(np.square(clean.samples))) < QUIETEST_RMS:
            problem = AudioError(f"{plan.track.path}: is all but silent at {start_s:.1f} s")
            continue
        child = rng.spawn(1)[0]
        try:
            varied = vary(clean, plan.variant, child)
            damaged, steps = _damage(varied, plan, child)
        except AudioError as error:
            problem = AudioError(f"{plan.track.path}: {error}")
            continue
        waveform = set_level(damaged, plan.peak_db, plan.bits, child)
        presence, severity = label(plan, steps, waveform)
        return MadeClip(waveform, presence, severity, tuple(step.to_dict() for step in steps), start_s)
    raise problem or AudioError(f"{plan.track.path}: no stretch of it can be used")


def label(
    plan: ClipPlan, steps: Sequence[Distorted], waveform: Waveform
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return presence and severity of each type, float32 (5,) and (5,), NaN where they are not asked for."""
    severity = np.zeros(len(KINDS), dtype=np.float32)
    severity[KINDS.index("compression")] = native_compression(plan.track)
    touched = np.arange(len(KINDS)) == (-1 if plan.track.lossless else KINDS.index("compression"))
    for step in steps:
        place = KINDS.index(step.kind)
        severity[place] = max(severity[place], step.severity)
        touched[place] = True
    presence = np.array([float(is_positive(float(each))) for each in severity], dtype=np.float32)
    presence[touched & (presence == 0)] = np.nan  # a trace
    if waveform.n_channels != 2:
        presence[KINDS.index("phase")] = severity[KINDS.index("phase")] = np.nan
    if waveform.rate_hz < FULL_RATE_HZ:
        presence[KINDS.index("compression")] = severity[KINDS.index("compression")] = np.nan
    return presence, severity


def set_level(waveform: Waveform, peak_db: float, bits: int, rng: np.random.Generator) -> Waveform:
    """Return sound with its loudest sample at a level, rounded to a number of bits, now and then with dither.

    All clips of a corpus go through it, so that neither level nor rounding tells what is in them.
    """
    peak = float(np.abs(waveform.samples).max())
    steps = 2 ** (bits - 1)
    scaled = waveform.samples.astype(np.float64) * (10 ** (peak_db / 20) / peak) * steps
    if rng.random() < DITHERED:
        scaled += rng.random(scaled.shape) - rng.random(scaled.shape)
    rounded = np.clip(np.round(scaled), -steps, steps - 1) / steps
    return Waveform(rounded.astype(np.float32), waveform.rate_hz)


def _damage(waveform: Waveform, plan: ClipPlan, rng: np.random.Generator) -> tuple[Waveform, tuple[Distorted, ...]]:
    if not plan.faults:
        return waveform, ()
    if plan.span is None:
        chain = distort(waveform, plan.faults, rng)
        return chain.waveform, chain.steps
    begin, end = (round(share * waveform.n_samples) for share in plan.span)
    chain = distort(Waveform(waveform.samples[:, begin:end].copy(), waveform.rate_hz), plan.faults, rng)
    return _with_stretch(waveform, chain.waveform, begin), chain.steps


def _with_stretch(waveform: Waveform, stretch: Waveform, begin: int) -> Waveform:
    """Return sound with a stretch of it replaced, crossfaded over 10 ms inside the stretch."""
    n_fade = round(CROSSFADE_S * waveform.rate_hz)
    n_stretch = stretch.n_samples
    ramp = np.minimum(np.arange(1, n_stretch + 1), np.arange(n_stretch, 0, -1)) / n_fade
    share = np.clip(ramp, 0, 1).astype(np.float32)
    samples = waveform.samples.copy()
    inside = samples[:, begin : begin + n_stretch]
    samples[:, begin : begin + n_stretch] = share * stretch.samples + (1 - share) * inside
    return Waveform(samples, waveform.rate_hz)
