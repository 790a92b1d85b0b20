"""Several faults one after another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from earmark.core.errors import AudioError, ConfigError
from earmark.distortion.effects.table import apply_effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from earmark.audio.waveform import Waveform
    from earmark.distortion.effects.base import Distorted


@dataclass(frozen=True)
class Fault:
    """One fault to put into sound.

    Attributes:
        effect: One of `EFFECTS`, or a type of fault for its usual one.
        severity: Target, 0 to 1; None leaves how much to the parameters.
        parameters: Values by name.
    """

    effect: str
    severity: float | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Chain:
    """Sound with faults.

    Attributes:
        waveform: The sound, at the rate, channels, length and level of what went in.
        steps: What each fault did; its severity is against what the ones before it had left.
    """

    waveform: Waveform
    steps: tuple[Distorted, ...]


def distort(waveform: Waveform, faults: Sequence[Fault], rng: np.random.Generator) -> Chain:
    """Return sound with faults put in one after another.

    Raises:
        ConfigError: There is no fault, or one is asked for wrongly.
        AudioError: The sound cannot take a fault, or nothing would be left of it; the message tells which.
        MissingExtraError: A codec needs PyAV.
    """
    if not faults:
        raise ConfigError("distort: found no fault, expected one or more")
    steps: list[Distorted] = []
    for number, fault in enumerate(faults, start=1):
        before = steps[-1].waveform if steps else waveform
        # one child per fault, so that what is added behind changes nothing before it
        child = rng.spawn(1)[0]
        try:
            step = apply_effect(before, fault.effect, child, severity=fault.severity, parameters=fault.parameters)
        except AudioError as error:
            if len(faults) == 1:
                raise
            raise AudioError(f"fault {number} of {len(faults)}: {error}") from error
        steps.append(step)
    return Chain(steps[-1].waveform, tuple(steps))
