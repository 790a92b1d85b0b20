"""The one table of effects, and how each is asked for a severity."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import AudioError, ConfigError, did_you_mean
from earmark.distortion.effects import clipping, compression, digital, frequency, noise, phase
from earmark.distortion.effects.base import Distorted, search
from earmark.distortion.effects.codecs import CODECS

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.audio.waveform import Waveform
    from earmark.distortion.severity import Kind

TOLERANCE = 0.01  # of severity; what is promised is 0.03


@dataclass(frozen=True)
class Effect:
    """An effect as the table has it.

    Attributes:
        kind: What type of fault it makes.
        function: ``(waveform, parameters, rng) -> Distorted``.
        defaults: Its parameters where none are told.
        main: The parameter that severity follows, or "" if it has only one severity.
        grid: Values of it from mild to severe, the range in which a severity is looked for.
    """

    kind: Kind
    function: Callable[[Waveform, Any, np.random.Generator], Distorted]
    defaults: Any
    main: str = ""
    grid: tuple[float, ...] = ()


def _even(first: float, last: float, n_values: int) -> tuple[float, ...]:
    return tuple(np.linspace(first, last, n_values).tolist())


def _ratios(first: float, last: float, n_values: int) -> tuple[float, ...]:
    return tuple(np.geomspace(first, last, n_values).tolist())


_SDR_DB = (40.0, 5.0)
_SNR_DB = (40.0, 0.0)
_CLIP = clipping.ClippingParameters(share=0.05)
_CURVE = frequency.CurveParameters()

EFFECTS: dict[str, Effect] = {
    "hard-clip": Effect("clipping", clipping.clip_hard, _CLIP, "sdr_db", _SDR_DB),
    "soft-clip": Effect("clipping", clipping.clip_soft, clipping.ClippingParameters(drive_db=12), "sdr_db", _SDR_DB),
    "resampled-clip": Effect("clipping", clipping.clip_resampled, _CLIP, "sdr_db", _SDR_DB),
    **{
        name: Effect(
            "compression",
            compression.compress,
            compression.CompressionParameters(name),
            "kbps",
            codec.stereo_kbps[::-1],
        )
        for name, codec in CODECS.items()
    },
    **{
        name: Effect("noise", noise.add_noise_at, noise.NoiseParameters(name), "snr_db", _SNR_DB)
        for name in noise.SOURCES
    },
    "bit-crush": Effect("noise", digital.crush_bits, digital.BitCrushParameters(), "bits", _even(12, 1, 7)),
    "drop-outs": Effect("noise", digital.drop_out, digital.DropOutParameters(), "share", _ratios(1e-5, 0.6, 9)),
    "clicks": Effect("noise", digital.add_clicks, digital.ClickParameters(), "per_s", _ratios(0.001, 2000, 10)),
    "telephone": Effect("frequency", frequency.telephone, _CURVE, "strength", _even(0, 2, 5)),
    "underwater": Effect("frequency", frequency.underwater, _CURVE, "strength", _even(0, 2, 5)),
    "tinny": Effect("frequency", frequency.tinny, _CURVE, "strength", _even(0, 2, 5)),
    "band-limit": Effect(
        "frequency", frequency.limit_bandwidth, frequency.BandLimitParameters(), "high_hz", _ratios(20_000, 60, 9)
    ),
    "band-gap": Effect(
        "frequency",
        frequency.cut_band,
        frequency.BandParameters(-40, width_octaves=2.0),
        "width_octaves",
        _even(0.1, 8, 6),
    ),
    "shelf": Effect("frequency", frequency.add_shelf, frequency.SlopeParameters(-15), "gain_db", _even(0, -60, 5)),
    "resonance": Effect("frequency", frequency.resonate, frequency.BandParameters(15), "gain_db", _even(0, 40, 5)),
    "tilt": Effect("frequency", frequency.tilt, frequency.TiltParameters(), "db_per_octave", _even(0, -24, 5)),
    "inversion": Effect("phase", phase.invert, phase.InversionParameters(), "angle_deg", _even(0, 180, 5)),
    "delay": Effect("phase", phase.delay, phase.DelayParameters(), "delay_ms", _ratios(0.01, 100, 17)),
    "lost-channel": Effect("phase", phase.lose_channel, phase.LostChannelParameters()),
    "imbalance": Effect("phase", phase.unbalance, phase.ImbalanceParameters(), "imbalance_db", _even(0, 24, 3)),
    "over-wide": Effect("phase", phase.widen, phase.OverWideParameters(), "side_db", _even(0, 40, 6)),
    "false-stereo": Effect("phase", phase.fake_stereo, phase.FalseStereoParameters(), "amount", _even(0, 6, 7)),
    "fold-down": Effect("phase", phase.cancel_in_mono, phase.FoldDownParameters(), "width_octaves", _even(0.1, 12, 6)),
}
# What a type alone stands for.
USUAL: dict[Kind, str] = {
    "clipping": "hard-clip",
    "compression": "mp3",
    "noise": "white",
    "frequency": "telephone",
    "phase": "inversion",
}


def find_effect(name: str) -> tuple[str, Effect]:
    """Return an effect by its name, or the usual one of a type. Raises ConfigError if there is none."""
    usual = next((effect for kind, effect in USUAL.items() if kind == name), name.replace("_", "-"))
    if usual not in EFFECTS:
        raise ConfigError(f'distortion: "{name}" is not known{did_you_mean(name, [*USUAL, *EFFECTS])}')
    return usual, EFFECTS[usual]


def with_values(effect: str, parameters: Any, values: dict[str, Any]) -> Any:
    """Return parameters of an effect with some set. Raises ConfigError for names that it does not have."""
    known = [field.name for field in fields(parameters)]
    for name in values:
        if name not in known:
            raise ConfigError(f'{effect}: parameter "{name}" is not known{did_you_mean(name, known)}')
    if isinstance(parameters, clipping.ClippingParameters) and {"share", "drive_db", "sdr_db"} & set(values):
        values = {"share": None, "drive_db": None, "sdr_db": None, **values}
    return replace(parameters, **values)


def apply_effect(
    waveform: Waveform,
    name: str,
    rng: np.random.Generator,
    *,
    severity: float | None = None,
    parameters: dict[str, Any] | None = None,
) -> Distorted:
    """Return sound with one fault.

    Args:
        waveform: Finite sound.
        name: One of `EFFECTS`, or a type of fault for its usual one.
        rng: Where anything left to chance comes from; equal generators give equal results.
        severity: Target, 0 to 1: the main parameter is looked for that comes nearest, within 0.03 where the effect
            can do it. The true severity is in the result.
        parameters: Values of other parameters, or of the main one if no severity is asked for.

    Raises:
        ConfigError: The name, a parameter or the severity is wrong.
        AudioError: The sound cannot take the fault, or nothing would be left of it.
        MissingExtraError: The codec needs PyAV.

    Example:
        >>> from earmark.audio import Waveform
        >>> tone = Waveform(np.sin(np.arange(8000, dtype=np.float32))[np.newaxis], 8000)
        >>> round(apply_effect(tone, "pink", np.random.default_rng(0), severity=0.5).severity, 2)
        0.5
    """
    name, effect = find_effect(name)
    filled = with_values(name, effect.defaults, parameters or {})
    if severity is None:
        return effect.function(waveform, filled, rng)
    if not 0 <= severity <= 1:
        raise ConfigError(f"{name}: found severity {severity:g}, expected 0 to 1 (40 % is 0.4)")
    if effect.main in (parameters or {}) or (
        effect.kind == "clipping" and {"share", "drive_db"} & set(parameters or {})
    ):
        raise ConfigError(f"{name}: found both a severity and how much ({', '.join(parameters or {})}); expected one")
    return _at_severity(waveform, (name, effect), filled, severity, rng)


def _at_severity(
    waveform: Waveform, named: tuple[str, Effect], filled: Any, severity: float, rng: np.random.Generator
) -> Distorted:
    """Return the effect with its main parameter chosen for a severity; every try sees the same chance."""
    name, effect = named
    if not effect.main:
        return effect.function(waveform, filled, rng)
    exact = _exact(waveform, effect, filled, severity)
    if exact is not None:
        return effect.function(waveform, with_values(name, filled, {effect.main: exact}), rng)
    seed = int(rng.integers(2**63))
    tried: dict[float, Distorted] = {}

    def measure(value: float) -> float:
        parameters = with_values(name, filled, {effect.main: value})
        try:
            tried[value] = effect.function(waveform, parameters, np.random.default_rng(seed))
        except AudioError:
            if not tried:
                raise
            tried[value] = max(tried.values(), key=lambda each: each.severity)  # the most that leaves something
        return tried[value].severity

    return tried[search(measure, effect.grid, severity, TOLERANCE)]


def _exact(waveform: Waveform, effect: Effect, filled: Any, severity: float) -> float | None:
    """Return the main parameter where severity is defined by it."""
    if effect.main == "sdr_db":
        return 40 - 35 * severity
    if effect.main == "snr_db":
        return 40 - 40 * severity
    if effect.main == "kbps":
        kbps = compression.kbps_for_severity(filled.codec, severity, waveform)
        return min(2560.0, max(4.0, kbps)) if math.isfinite(kbps) else None
    return None
