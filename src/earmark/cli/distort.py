"""`earmark distort`: damage a file on purpose, with the true severity told."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from earmark.cli.console import show, show_json
from earmark.core.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.distortion import Distorted, Fault

LOSSLESS = (".wav", ".flac", ".aiff", ".aif")
LATER = "earmark.later_faults"  # where the flags behind each --then wait in the context
# flag -> (the type of fault it is for, the parameter it sets)
AMOUNTS = {
    "level": ("clipping", "share"),
    "drive": ("clipping", "drive_db"),
    "bitrate": ("compression", "kbps"),
    "snr": ("noise", "snr_db"),
}
CHOICES = {"codec": "compression", "noise": "noise", "curve": "frequency"}
OF_THE_WHOLE = {"--seed": 2, "--json": 1}  # flags that are for all faults, wherever they stand, and their words


@dataclass(frozen=True)
class Flags:
    """The flags of one fault, as typed."""

    type_: str
    severity: str
    level: str
    drive: float | None
    bitrate: float | None
    codec: str
    snr: float | None
    noise: str
    curve: str
    values: list[str] | None


class Chained(TyperCommand):
    """A command whose flags for one fault may be given again behind each ``--then``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the flags behind each ``--then`` by themselves, then what stands before the first as ever."""
        first, later = part_faults(args)
        inner = [self.make_context(ctx.info_name, ["-", "-", *part], parent=ctx.parent) for part in later]
        ctx.meta[LATER] = [Flags(**{each.name: one.params[each.name] for each in fields(Flags)}) for one in inner]
        return super().parse_args(ctx, first)


def part_faults(arguments: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Return what stands before the first ``--then``, with the flags for all faults, and what behind each.

    Example:
        >>> part_faults(["in.wav", "out.wav", "--snr", "10", "--then", "--bitrate", "64", "--json"])
        (['in.wav', 'out.wav', '--snr', '10', '--json'], [['--bitrate', '64']])
    """
    parts: list[list[str]] = [[]]
    shared: list[str] = []
    n_shared = 0
    for word in arguments:
        n_shared = max(n_shared - 1, OF_THE_WHOLE.get(word, int(word.startswith("--seed="))))
        if n_shared:
            shared.append(word)
        elif word == "--then":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts[0] + shared, parts[1:]


def distort(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="IN", help="Audio file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write: .wav, .flac or .aiff.")],
    type_: Annotated[str, typer.Option("--type", help="Type of fault, or the name of one effect.")] = "",
    severity: Annotated[str, typer.Option("--severity", help="Target, 0 to 1 or such as 40%.")] = "",
    level: Annotated[str, typer.Option("--level", help="Clipping: share of samples, such as 20%.")] = "",
    drive: Annotated[float | None, typer.Option("--drive", help="Clipping: ceiling below the peak, in dB.")] = None,
    bitrate: Annotated[float | None, typer.Option("--bitrate", help="Compression: kb/s of all channels.")] = None,
    codec: Annotated[str, typer.Option("--codec", help="mp3, mp3-abr, mp3-vbr, vorbis, opus, aac, ac3, mp2.")] = "",
    snr: Annotated[float | None, typer.Option("--snr", help="Noise: signal-to-noise ratio, in dB.")] = None,
    noise: Annotated[str, typer.Option("--noise", help="Noise: its source, or a recording of it.")] = "",
    curve: Annotated[str, typer.Option("--curve", help="Frequency: telephone, underwater, tinny, ...")] = "",
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other parameter; may be repeated.")
    ] = None,
    _then: Annotated[bool, typer.Option("--then", help="Start the flags of one more fault.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of all chance.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Put faults into a file and tell their true severity; more faults follow after --then."""
    from earmark.audio import probe_audio, read_audio, write_audio
    from earmark.core.randomness import named_generator
    from earmark.distortion import distort as distort_waveform

    first = Flags(type_, severity, level, drive, bitrate, codec, snr, noise, curve, values)
    faults = [_fault(flags) for flags in (first, *ctx.meta[LATER])]
    if target.suffix.lower() not in LOSSLESS:
        raise ConfigError(
            f'{target}: found suffix "{target.suffix}", expected one without losses of its own '
            f"({', '.join(LOSSLESS)}); --bitrate and --codec compress"
        )
    if target.exists() and source.exists() and target.samefile(source):
        raise ConfigError(f"{target}: is the file to read; choose another name, so that the original is kept")
    chain = distort_waveform(read_audio(source), faults, named_generator(seed, "distort"))
    write_audio(target, chain.waveform, subtype=_subtype(probe_audio(source).format, target))
    if as_json:
        show_json({"path": str(source), "out": str(target), "steps": [step.to_dict() for step in chain.steps]})
        return
    for step in chain.steps:
        show(_line(step))
    show(f"{target}: written")


def _fault(flags: Flags) -> Fault:
    """Return the fault that a set of flags asks for."""
    from earmark.distortion import Fault
    from earmark.distortion.effects import find_effect

    told = {name: getattr(flags, name) for name in (*AMOUNTS, *CHOICES) if getattr(flags, name) not in (None, "")}
    kinds = {AMOUNTS[name][0] if name in AMOUNTS else CHOICES[name]: f"--{name}" for name in told}
    if len(kinds) > 1:
        raise ConfigError(f"found {' and '.join(kinds.values())}, which are for different faults; put --then between")
    kind, flag = next(iter(kinds.items()), ("", ""))
    effect = flags.type_ or kind
    if not effect:
        raise ConfigError("found no fault, expected --type, or a flag of one such as --snr 10; see --help")
    name, known = find_effect(effect)
    if kind and known.kind != kind:
        raise ConfigError(f"found {flag}, which is for {kind}, with --type {effect}, which is {known.kind}")
    values = _values(flags.values or [])
    chosen = [told[choice] for choice in CHOICES if choice in told]
    if chosen:
        name = _choice(flag, chosen[0], kind, values)
        if effect not in (kind, name):
            raise ConfigError(f"found --type {effect} with {flag} {chosen[0]}; expected one of them")
    for amount, (_, parameter) in AMOUNTS.items():
        if amount in told:
            values[parameter] = _share(told[amount], "--level") if amount == "level" else told[amount]
    return Fault(name, _share(flags.severity, "--severity") if flags.severity else None, values)


def _choice(flag: str, text: str, kind: str, values: dict[str, Any]) -> str:
    """Return the effect that --codec, --noise or --curve names; a recording of noise is put into the values."""
    from earmark.distortion.effects import EFFECTS

    name = text.replace("_", "-")
    known = [each for each, effect in EFFECTS.items() if effect.kind == kind and each != "recording"]
    if name in known:
        return name
    if kind == "noise" and Path(text).is_file():
        from earmark.audio import read_audio

        values["clips"] = (read_audio(text),)
        return "recording"
    remedy = ", or a file with a recording" if kind == "noise" else ""
    raise ConfigError(f'{flag} "{text}" is not known{did_you_mean(name, known)}{remedy}')


def _values(texts: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ConfigError(f'--set "{text}": expected NAME=VALUE, such as gain_db=-12')
        try:
            number = float(value)
        except ValueError:
            values[name] = value
            continue
        values[name] = int(number) if math.isfinite(number) and number.is_integer() else number
    return values


def _share(text: str, flag: str) -> float:
    """Return a share told as 0.2 or as 20%."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError as error:
        raise ConfigError(f'{flag} "{text}": expected a share such as 0.2 or 20%') from error


def _subtype(source_format: str, target: Path) -> str | None:
    """Return the coding of the source if the target's format has it, else None for the usual one."""
    import soundfile

    from earmark.audio.write import FORMATS

    subtype = source_format.rpartition(" ")[2]
    lossless = subtype.startswith("PCM") or subtype in ("FLOAT", "DOUBLE")
    file_format, _ = FORMATS[target.suffix.lower()]
    return subtype if lossless and subtype in soundfile.available_subtypes(file_format) else None


def _line(step: Distorted) -> str:
    from earmark.distortion import TRACE

    values = [f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in _shown(step)]
    loss = "" if step.fold_down_loss_db is None else f"  mono loss {step.fold_down_loss_db:.1f} dB"
    trace = " (a trace)" if step.severity < TRACE else ""
    softer = f"  level {step.level_db:.1f} dB, so that nothing clips" if step.level_db < -0.05 else ""
    return f"{step.kind}: {step.effect}  severity {step.severity:.2f}{trace}  {' '.join(values)}{loss}{softer}"


def _shown(step: Distorted) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in step.parameters.items() if value != step.effect]
