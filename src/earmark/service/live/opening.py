"""What a client says first, and what its sound looks like: read, checked, refused with a reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from earmark.core.config import Config, parse_config
from earmark.core.errors import ConfigError
from earmark.inference.live import ListenOptions
from earmark.service.problems import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_MESSAGE_BYTES = 1 << 20
WS_MAX_BYTES = 2 * MAX_MESSAGE_BYTES  # for uvicorn's own limit: over ours, so that ours answers first and says why
MAX_TEXT = 16_384
MAX_KEPT_SAMPLES = 4_000_000  # of a stream at once: 32 MB
LOUDEST = 8.0  # of samples in floating point: 18 dB over full scale; beyond they are integers by mistake
LONGEST_DETAIL = 500
SAMPLE_BYTES = {"s16le": 2, "f32le": 4}
SILERO = "silero_vad"

Format = Literal["s16le", "f32le"]


class StreamOptions(ListenOptions):
    """Options of a stream: those of `earmark listen`, within what a server can bear from strangers."""

    stride_s: Annotated[float | None, Field(ge=0.1, le=60)] = None
    temp: Annotated[float, Field(ge=0.05, le=20)] = 1.0


class Start(Config):
    """The first message of a stream, without its key.

    Attributes:
        type: "start".
        model: Which model; None for the first one.
        rate_hz: Sample rate of what follows.
        format: Its samples: signed 16-bit or 32-bit floating point, little-endian; always mono.
        options: How speech is found and what is told.
    """

    type: Literal["start"]
    model: Annotated[str | None, Field(max_length=200)] = None
    rate_hz: Annotated[int, Field(ge=4000, le=192_000)] = 16_000
    format: Format = "s16le"
    options: StreamOptions = Field(default_factory=lambda: StreamOptions(vad=default_vad()))

    @field_validator("options", mode="before")
    @classmethod
    def _prefer_a_detector_that_is_here(cls, given: Any) -> Any:
        return {"vad": default_vad(), **given} if isinstance(given, dict) else given

    @field_validator("options")
    @classmethod
    def _keep_memory_bounded(cls, options: StreamOptions, info: ValidationInfo) -> StreamOptions:
        kept_s = (options.max_speech_ms + options.hangover_ms + options.lead_ms) / 1000
        if kept_s * info.data.get("rate_hz", 0) > MAX_KEPT_SAMPLES:
            raise ValueError(f"keeps {kept_s:g} s at this rate, too much; lower max_speech_ms or rate_hz")
        return options


def default_vad() -> Literal["silero", "energy"]:
    """Return the speech detector of streams that ask for none: "silero" where its weights are, else "energy"."""
    return "silero" if _has_silero() else "energy"


def read_start(text: str) -> tuple[Start, str | None]:
    """Return the first message and its key.

    Raises:
        Problem: It is none: 422.
    """
    content = _read_object(text)
    key = content.pop("key", None)  # before anything can quote it
    if key is not None and not isinstance(key, str):
        raise Problem(422, "Start message refused", 'key "key": expected text')
    if content.get("type") != "start":
        raise Problem(422, "Start message refused", 'expected {"type": "start", ...} as the first message')
    try:
        start = parse_config(Start, content, "start message")
    except ConfigError as error:
        raise Problem(422, "Start message refused", _shortened(str(error))) from error
    if start.options.vad == "silero" and not _has_silero():
        raise Problem(
            422,
            "Start message refused",
            'vad "silero": its weights are not on this server; use "energy", or let its operator run '
            f"earmark weights fetch {SILERO}",
        )
    return start, key


def is_stop(text: str) -> bool:
    """Return whether a message says that no more sound comes.

    Raises:
        Problem: It says something else: 422.
    """
    if _read_object(text) != {"type": "stop"}:
        raise Problem(422, "Message refused", 'expected binary messages of samples, or {"type": "stop"}')
    return True


def read_samples(content: bytes, sample_format: Format) -> NDArray[np.float32]:
    """Return the samples of a binary message, float32 (n_samples,).

    Raises:
        Problem: It is too large (413), ends within a sample, or holds what is no sound (422).
    """
    if len(content) > MAX_MESSAGE_BYTES:
        raise Problem(
            413,
            "Message too large",
            f"found a message of {len(content):,} bytes, expected at most {MAX_MESSAGE_BYTES:,}; send shorter blocks",
        )
    n_bytes = SAMPLE_BYTES[sample_format]
    if len(content) % n_bytes:
        raise Problem(
            422,
            "Sound refused",
            f"found a message of {len(content):,} bytes, expected whole samples of {n_bytes} bytes ({sample_format})",
        )
    if sample_format == "s16le":
        return np.frombuffer(content, dtype="<i2").astype(np.float32) / np.float32(32768)
    samples = np.frombuffer(content, dtype="<f4").astype(np.float32)
    if not np.isfinite(samples).all():
        raise Problem(422, "Sound refused", "found samples that are no finite numbers; check where they come from")
    if len(samples) and (peak := float(np.abs(samples).max())) > LOUDEST:
        raise Problem(
            422, "Sound refused", f"found samples up to {peak:.4g}, expected -1 to 1; divide integers by full scale"
        )
    return samples


def _read_object(text: str) -> dict[str, Any]:
    if len(text) > MAX_TEXT:
        raise Problem(
            413, "Message too large", f"found a text of {len(text):,} characters, expected at most {MAX_TEXT:,}"
        )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Problem(422, "Message refused", "found text that is no JSON, expected a JSON object") from error
    if not isinstance(content, dict):
        raise Problem(422, "Message refused", "found JSON that is no object, expected an object")
    return content


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_DETAIL else f"{text[:LONGEST_DETAIL]}..."


def _has_silero() -> bool:
    from earmark.encoders.weights import weights_at_hand

    return weights_at_hand(SILERO) is not None
