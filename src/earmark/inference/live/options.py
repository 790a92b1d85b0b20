"""What live listening may be told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from earmark.core.config import Config

Vad = Literal["silero", "energy", "off"]


class ListenOptions(Config):
    """Options of `earmark listen`; every field is a flag and a row in docs/listen.md."""

    vad: Annotated[Vad, Field(description="What tells speech from the rest")] = "silero"
    vad_thresh: Annotated[float, Field(gt=0, lt=1, description="Probability of speech from which it begins")] = 0.5
    min_speech_ms: Annotated[float, Field(ge=0, le=5000, description="Shorter speech is passed over")] = 60.0
    hangover_ms: Annotated[float, Field(ge=0, le=5000, description="Pause after which speech has ended")] = 250.0
    lead_ms: Annotated[float, Field(ge=0, le=2000, description="Sound before the speech that is looked at, too")] = (
        250.0
    )
    max_speech_ms: Annotated[float, Field(ge=500, le=60_000, description="Longer speech is cut there")] = 8000.0
    stride_s: Annotated[float | None, Field(gt=0, le=60, description="Answer each so often during speech")] = None
    conf_thresh: Annotated[
        float | None, Field(ge=0, le=1, description="Probability of an answer, instead of the model's own thresholds")
    ] = None
    temp: Annotated[float, Field(gt=0, le=100, description="Temperature: below 1 sharpens, above 1 flattens")] = 1.0
    force_emit: Annotated[bool, Field(description="Emit answers that are not accepted, too")] = False
