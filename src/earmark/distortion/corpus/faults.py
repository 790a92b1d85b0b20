"""What faults a corpus holds: the brief's grid, and any strength of any effect.

Severities are drawn more often where models err, from a trace to 0.4, than above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.distortion.chain import Fault
from earmark.distortion.effects import EFFECTS
from earmark.distortion.severity import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.distortion.severity import Kind

GRID: dict[Kind, tuple[Fault, ...]] = {
    "clipping": tuple(Fault("hard-clip", parameters={"share": share}) for share in (0.05, 0.1, 0.2, 0.4)),
    "compression": tuple(Fault("mp3", parameters={"kbps": kbps}) for kbps in (64.0, 96.0, 128.0)),
    "noise": tuple(Fault("white", parameters={"snr_db": snr_db}) for snr_db in (20.0, 10.0, 5.0, 0.0)),
    "frequency": tuple(Fault(curve) for curve in ("telephone", "underwater", "tinny")),
    "phase": (Fault("inversion"), Fault("lost-channel"), Fault("delay", parameters={"delay_ms": 5.0})),
}
GRID_EFFECTS = frozenset(fault.effect for faults in GRID.values() for fault in faults)
NOT_DRAWN = ("recording",)  # needs a recording of noise
MILD, ANY = (0.08, 0.4), (0.3, 1.0)
SHARE_MILD = 0.5
# A codec is most often what happens to music last.
CODEC_LAST = 0.7


def effects_of(kind: Kind) -> list[str]:
    """Return the effects of a type that a corpus draws from."""
    return [name for name, effect in EFFECTS.items() if effect.kind == kind and name not in NOT_DRAWN]


def draw_fault(kind: Kind, rng: np.random.Generator) -> Fault:
    """Return a fault of a type: any effect of it, any strength."""
    return draw_strength(str(rng.choice(effects_of(kind))), rng)


def draw_strength(effect: str, rng: np.random.Generator) -> Fault:
    """Return an effect at any strength."""
    draw = DRAWS.get(effect)
    return draw(effect, rng) if draw is not None else Fault(effect, draw_severity(rng), _phase(effect, rng))


def draw_of_grid(kind: Kind, rng: np.random.Generator) -> Fault:
    """Return a fault of a type from the grid."""
    return GRID[kind][int(rng.integers(len(GRID[kind])))]


def draw_pair(
    rng: np.random.Generator, draw: Callable[[Kind, np.random.Generator], Fault], *, stereo: bool, codec: bool
) -> list[Fault]:
    """Return two faults of different types in the order in which they happen.

    Args:
        rng: Where chance comes from.
        draw: Draws a fault of a type.
        stereo: Whether the sound can have a fault of phase.
        codec: Whether a codec may be put on it.
    """
    kinds = [kind for kind in KINDS if (stereo or kind != "phase") and (codec or kind != "compression")]
    first, second = (kinds[index] for index in rng.permutation(len(kinds))[:2])
    if first == "compression" and rng.random() < CODEC_LAST:
        first, second = second, first
    return [draw(kind, rng) for kind in (first, second)]


def draw_severity(rng: np.random.Generator) -> float:
    """Return a severity to ask for."""
    return float(rng.uniform(*(MILD if rng.random() < SHARE_MILD else ANY)))


def _clipping(effect: str, rng: np.random.Generator) -> Fault:
    shape: dict[str, Any] = {"shape": str(rng.choice(["tanh", "cubic"]))} if effect == "soft-clip" else {}
    if effect != "soft-clip" and rng.random() < 0.5:
        return Fault(effect, parameters={"share": _log_uniform(rng, 5e-4, 0.45)})
    return Fault(effect, draw_severity(rng), shape)


def _drop_outs(effect: str, rng: np.random.Generator) -> Fault:
    return Fault(effect, draw_severity(rng), {"length_ms": _log_uniform(rng, 2, 80)})


def _clicks(effect: str, rng: np.random.Generator) -> Fault:
    return Fault(effect, draw_severity(rng), {"level_db": float(rng.uniform(-12, 6))})


def _band_limit(effect: str, rng: np.random.Generator) -> Fault:
    order = {"order": int(rng.choice([4, 8, 12, 24])), **_phase(effect, rng)}
    return Fault(effect, parameters={"high_hz": _log_uniform(rng, 1200, 12_500), **order})


def _curve(effect: str, rng: np.random.Generator) -> Fault:
    return Fault(effect, parameters={"strength": float(rng.uniform(0.15, 1.3)), **_phase(effect, rng)})


def _shelf(effect: str, rng: np.random.Generator) -> Fault:
    sign = 1 if rng.random() < 0.4 else -1
    return Fault(effect, parameters={"gain_db": sign * float(rng.uniform(6, 30)), **_phase(effect, rng)})


def _tilt(effect: str, rng: np.random.Generator) -> Fault:
    sign = 1 if rng.random() < 0.4 else -1
    return Fault(effect, parameters={"db_per_octave": sign * float(rng.uniform(1, 6)), **_phase(effect, rng)})


DRAWS: dict[str, Callable[[str, np.random.Generator], Fault]] = {
    "hard-clip": _clipping,
    "soft-clip": _clipping,
    "resampled-clip": _clipping,
    "drop-outs": _drop_outs,
    "clicks": _clicks,
    "band-limit": _band_limit,
    **dict.fromkeys(("telephone", "underwater", "tinny"), _curve),
    "shelf": _shelf,
    "tilt": _tilt,
}


def _phase(effect: str, rng: np.random.Generator) -> dict[str, Any]:
    """Return the phase of a filter: now and then that of an analogue equaliser."""
    if EFFECTS[effect].kind != "frequency" or rng.random() < 0.7:
        return {}
    return {"phase": "minimum"}


def _log_uniform(rng: np.random.Generator, lowest: float, highest: float) -> float:
    return float(np.exp(rng.uniform(np.log(lowest), np.log(highest))))
