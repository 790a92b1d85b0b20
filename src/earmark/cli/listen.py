"""`earmark listen`: a bundle on a microphone, a file or a pipe, live."""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earmark.cli.console import note, show, show_json, show_table
from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from earmark.inference.live import ListenOptions, Session, Source
    from earmark.inference.live.session import Trigger

STDIN = "-"


def listen(
    model: Annotated[str, typer.Option("--model", "-m", help="Shipped model or bundle folder.")] = "digits",
    source: Annotated[
        str, typer.Option("--source", metavar="FILE|-", help="Audio file, or - for raw PCM; default: the microphone.")
    ] = "",
    realtime: Annotated[bool, typer.Option("--realtime", help="Play the source as slowly as it sounds.")] = False,
    device: Annotated[str, typer.Option("--device", help="Sound card: number or part of its name.")] = "",
    capture_rate: Annotated[
        int | None, typer.Option("--capture-rate", min=4000, max=384_000, help="Rate of microphone or pipe, in Hz.")
    ] = None,
    duration_s: Annotated[float | None, typer.Option("--duration", help="Stop after so many seconds.")] = None,
    vad: Annotated[str, typer.Option("--vad", help="What tells speech: silero, energy or off.")] = "silero",
    vad_thresh: Annotated[float, typer.Option("--vad-thresh", help="Probability of speech to begin at.")] = 0.5,
    min_speech_ms: Annotated[float, typer.Option("--min-speech-ms", help="Pass over shorter speech.")] = 60.0,
    hangover_ms: Annotated[float, typer.Option("--hangover-ms", help="Pause that ends speech.")] = 250.0,
    lead_ms: Annotated[float, typer.Option("--lead-ms", help="Sound before speech that is looked at.")] = 250.0,
    max_speech_ms: Annotated[float, typer.Option("--max-speech-ms", help="Cut longer speech.")] = 8000.0,
    stride_s: Annotated[
        float | None, typer.Option("--stride", help="Answer for a window each so many seconds of speech.")
    ] = None,
    conf_thresh: Annotated[
        float | None, typer.Option("--conf-thresh", help="Least probability; default: the model's thresholds.")
    ] = None,
    temp: Annotated[float, typer.Option("--temp", help="Temperature: below 1 sharpens, above 1 flattens.")] = 1.0,
    force_emit: Annotated[bool, typer.Option("--force-emit", help="Tell refused answers, too.")] = False,
    ptt: Annotated[bool, typer.Option("--ptt", help="Push to talk: Enter judges one window.")] = False,
    toggle: Annotated[bool, typer.Option("--toggle", help="Begin and stop to listen with a key.")] = False,
    toggle_key: Annotated[str, typer.Option("--toggle-key", help="The key of --toggle.")] = "space",
    max_lag_ms: Annotated[float, typer.Option("--max-lag-ms", min=50, help="Drop sound over this delay.")] = 1000.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
    devices: Annotated[bool, typer.Option("--list-devices", help="List the sound cards and exit.")] = False,
) -> None:
    """Listen to a microphone, a file or a pipe and tell what is said, as it is said."""
    from earmark.core.config import parse_config
    from earmark.inference.live import Listener, ListenOptions, Session, Terms, load_judge

    if devices:
        _list_devices(as_json=as_json)
        return
    wishes = {
        "vad": vad,
        "vad_thresh": vad_thresh,
        "min_speech_ms": min_speech_ms,
        "hangover_ms": hangover_ms,
        "lead_ms": lead_ms,
        "max_speech_ms": max_speech_ms,
        "stride_s": stride_s,
        "conf_thresh": conf_thresh,
        "temp": temp,
        "force_emit": force_emit,
    }
    options = parse_config(ListenOptions, wishes, "listen")
    _refuse_together(source, ptt=ptt, toggle=toggle, realtime=realtime, duration_s=duration_s)
    judge = load_judge(model, conf_thresh=conf_thresh, temperature=temp)
    stream = _source(source, device, capture_rate, judge.rate_hz, realtime=realtime)
    if ptt:  # whoever asks for a window decides when there is speech
        options = options.model_copy(update={"vad": "off"})
    listener = Listener(judge, stream.rate_hz, options)
    trigger: Trigger = "capture" if ptt else "toggle" if toggle else "none"
    terms = Terms(options.hangover_ms / 1000, duration_s, max_lag_ms / 1000, trigger)
    with ExitStack() as stack:
        audience = stack.enter_context(_audience(stream, model, as_json=as_json))
        session = Session(stream, listener, audience, terms)
        if ptt or toggle:
            _connect_keys(stack, session, "enter" if ptt else toggle_key)
        _explain(model, stream, options, trigger, toggle_key)
        with suppress(KeyboardInterrupt):  # the way to end it
            session.run()
    _summarize(session, as_json=as_json)


def _refuse_together(source: str, *, ptt: bool, toggle: bool, realtime: bool, duration_s: float | None) -> None:
    if ptt and toggle:
        raise ConfigError("--ptt and --toggle contradict each other; choose one")
    if source == STDIN and (ptt or toggle):
        raise ConfigError(
            "--source - reads standard input, so no key can come from there; leave out --ptt and --toggle"
        )
    if realtime and not source:
        raise ConfigError("--realtime is about --source; a microphone has no other speed")
    if duration_s is not None and not duration_s > 0:
        raise ConfigError(f"--duration {duration_s:g}: expected more than 0 s")


def _source(source: str, device: str, capture_rate: int | None, model_hz: int, *, realtime: bool) -> Source:
    from earmark.inference.live import FileSource, PcmSource

    if not source:
        from earmark.inference.live.microphone import Microphone

        return Microphone(device, rate_hz=capture_rate, wanted_hz=model_hz)
    if device:
        raise ConfigError("--device and --source contradict each other; choose one")
    if source == STDIN:
        return PcmSource(capture_rate or model_hz, realtime=realtime)
    if capture_rate is not None:
        raise ConfigError("--capture-rate is about the microphone and raw PCM; a file says its own rate")
    return FileSource(Path(source), realtime=realtime)


def _list_devices(*, as_json: bool) -> None:
    from dataclasses import asdict

    from earmark.inference.live.microphone import list_devices

    found = list_devices()
    if as_json:
        for device in found:
            show_json(asdict(device))
        return
    rows = [[d.number, d.name, d.n_channels, f"{d.rate_hz} Hz", "default" if d.is_default else ""] for d in found]
    show_table(["number", "name", "channels", "rate", ""], rows)


def _audience(source: Source, model: str, *, as_json: bool) -> Any:
    from earmark.cli.listen_display import JsonAudience, LineAudience, ScreenAudience

    if as_json:
        return JsonAudience()
    if sys.stdout.isatty():
        return ScreenAudience(f"{model} on {source.name}")
    return LineAudience()


def _connect_keys(stack: ExitStack, session: Session, key: str) -> None:
    from earmark.inference.live.keys import key_signals, parse_key

    stack.enter_context(key_signals(parse_key(key), session.signals))


def _explain(model: str, source: Source, options: ListenOptions, trigger: Trigger, key: str) -> None:
    """Say on standard error what is listened to, and how to go about it."""
    how = {
        "none": "Ctrl-C ends it",
        "capture": "Enter judges one window, Ctrl-C ends it",
        "toggle": f"{key} begins and stops, Ctrl-C ends it",
    }[trigger]
    note(f"earmark: {model} listens to {source.name} at {source.rate_hz} Hz, vad {options.vad}; {how}")


def _summarize(session: Session, *, as_json: bool) -> None:
    from earmark.cli.listen_display import summary, summary_line

    if as_json:
        show_json(summary(session))
    else:
        show(summary_line(session))
