"""What all effects share: their result, the checks of what goes in and comes out, and the matching of levels.

An effect is a pure function ``(waveform, parameters, rng) -> Distorted``. It keeps rate, channels and length, starts
no sound earlier or later, and ends at the level it began with, so that loudness never tells that there is a fault.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.audio.waveform import Waveform
from earmark.core.errors import AudioError, ConfigError
from earmark.distortion.severity import Kind, measure_severity, stereo_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

FULL_SCALE = 0.999  # the last of 16 bits is left free, so that rounding cannot reach it
NOTHING_LEFT = 1e-3  # -60 dB: raising that to the old level would raise noise and the click of a cut end


@dataclass(frozen=True, eq=False)
class Distorted:
    """Sound with one fault more.

    Attributes:
        waveform: The sound, at the rate, channels, length and level of what went in.
        effect: Name in `EFFECTS`.
        kind: What type of fault it is.
        severity: True severity 0 to 1 against what went in, measured by `earmark.distortion.severity`.
        parameters: What was done, in numbers and words; holds what was drawn by chance too.
        gain_db: What the matching of levels added at the end.
        level_db: Level against what went in; below 0 only where more would have clipped.
        fold_down_loss_db: Absolute loss of the mono mix; None unless there are two channels.
    """

    waveform: Waveform
    effect: str
    kind: Kind
    severity: float
    parameters: dict[str, Any]
    gain_db: float
    level_db: float
    fold_down_loss_db: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the sound, ready for JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "waveform"}


def check_sound(waveform: Waveform, effect: str) -> None:
    """Raise AudioError unless there is finite sound to damage."""
    if waveform.samples.size == 0:
        raise AudioError(f"{effect}: found no samples, expected sound")
    peak = float(np.abs(waveform.samples).max())
    if not math.isfinite(peak):
        raise AudioError(f"{effect}: found NaN or infinite samples, expected finite numbers; export the file again")
    if peak == 0:
        raise AudioError(f"{effect}: found silence, in which no fault can be heard; choose a clip with sound")


def check_stereo(waveform: Waveform, effect: str) -> None:
    """Raise AudioError unless there is finite sound in two channels."""
    if waveform.n_channels != 2:
        raise AudioError(
            f"{effect}: found {waveform.n_channels} channel{'s' * (waveform.n_channels != 1)}, expected 2: "
            "it is a fault of stereo; choose a stereo file or another fault"
        )
    check_sound(waveform, effect)


def check_range(effect: str, name: str, value: float, lowest: float, highest: float) -> float:
    """Return a parameter. Raises ConfigError if it is outside its range or not a number."""
    if not (lowest <= value <= highest):
        raise ConfigError(f"{effect}: found {name}={value:g}, expected {lowest:g} to {highest:g}")
    return value


def finish(
    original: Waveform,
    samples: NDArray[np.floating[Any]],
    effect: str,
    kind: Kind,
    parameters: object,
    *,
    severity: float | None = None,
) -> Distorted:
    """Return the result of an effect: checked, at the level of the original, with its true severity.

    Args:
        original: What went in.
        samples: What the effect made of it, float (n_channels, n_samples).
        effect: Its name.
        kind: What type of fault it is.
        parameters: The dataclass with what was done; numbers and words in it are kept.
        severity: The true one where the sound does not tell it; None measures it.

    Raises:
        AudioError: The effect made silence or NaN of the sound, or its severity cannot be measured.
    """
    before, after = _level(original.samples), _level(samples)
    if not math.isfinite(after):
        raise AudioError(f"{effect}: made NaN or infinite samples of the sound; choose a milder fault")
    if after <= NOTHING_LEFT * before:
        raise AudioError(
            f"{effect}: leaves silence ({_db(after / before):.0f} dB) of this sound, which has nothing where the "
            "fault lets pass; choose another fault or file"
        )
    limit = max(FULL_SCALE, float(np.abs(original.samples).max()))
    gain = min(before / after, limit / float(np.abs(samples).max()))
    damaged = Waveform((gain * samples).astype(np.float32), original.rate_hz)
    return Distorted(
        waveform=damaged,
        effect=effect,
        kind=kind,
        severity=measure_severity(kind, original, damaged) if severity is None else severity,
        parameters=told(parameters),
        gain_db=_db(gain),
        level_db=_db(gain * after / before),
        fold_down_loss_db=stereo_image(damaged).fold_down_loss_db if damaged.n_channels == 2 else None,
    )


def told(parameters: Any) -> dict[str, Any]:
    """Return the numbers and words of a dataclass of parameters, without those that are None."""
    values = {field.name: getattr(parameters, field.name) for field in fields(parameters)}
    return {name: value for name, value in values.items() if isinstance(value, int | float | str)}


def search(measure: Callable[[float], float], grid: Sequence[float], target: float, tolerance: float) -> float:
    """Return the value from a range whose measure comes nearest to a target.

    The first neighbours on the grid with the target between them are narrowed down, so the measure need not be
    monotone; the nearest of all that was tried is returned.
    """
    tried: list[tuple[float, float]] = []  # (measure, value)
    for value in grid:
        tried.append((measure(value), value))
        if len(tried) > 1 and (tried[-1][0] - target) * (tried[-2][0] - target) <= 0:
            _narrow(measure, tried, target, tolerance)
            break
    return min(tried, key=lambda each: abs(each[0] - target))[1]


def _narrow(
    measure: Callable[[float], float], tried: list[tuple[float, float]], target: float, tolerance: float
) -> None:
    """Add what is tried between the last two, by turns of false position and halving."""
    lower, upper = tried[-2:]
    for step in range(16):
        if min(abs(each[0] - target) for each in tried) <= tolerance:
            return
        share = 0.5 if step % 2 or upper[0] == lower[0] else (target - lower[0]) / (upper[0] - lower[0])
        value = lower[1] + min(0.95, max(0.05, share)) * (upper[1] - lower[1])
        tried.append((measure(value), value))
        if (tried[-1][0] - target) * (lower[0] - target) <= 0:
            upper = tried[-1]
        else:
            lower = tried[-1]


def _level(samples: NDArray[np.floating[Any]]) -> float:
    return math.sqrt(float(np.mean(np.square(samples, dtype=np.float64))))


def _db(ratio: float) -> float:
    return 20 * math.log10(ratio) if ratio > 0 else -math.inf
