"""What the service answers, as it stands in the OpenAPI description, with examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from earmark.models.bundle_spec import LicencePart
    from earmark.service.intake import Taken
    from earmark.service.served import Classified, Served

DECIMALS = 6

Probability = float


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelName(_Answer):
    """Which version of which model answered."""

    name: str = Field(examples=["digits"])
    version: str = Field(description="First digits of the seal of its bundle.json.", examples=["0f3a9c2b7d41"])

    @classmethod
    def of(cls, served: Served) -> ModelName:
        """Return the name of what answers."""
        return cls(name=served.name, version=served.version)


class AudioFacts(_Answer):
    """What was sent, before anything was made of it."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the bytes that were sent.", examples=["9f2c" * 16])
    duration_s: float = Field(ge=0, examples=[0.596])
    rate_hz: int = Field(ge=1, examples=[8000])
    n_channels: int = Field(ge=1, examples=[1])

    @classmethod
    def of(cls, taken: Taken) -> AudioFacts:
        """Return the facts of a sound."""
        sound = taken.sound
        return cls(
            sha256=taken.sha256,
            duration_s=round(sound.duration_s, DECIMALS),
            rate_hz=sound.rate_hz,
            n_channels=sound.n_channels,
        )


class Event(_Answer):
    """When a label was heard."""

    start_s: float = Field(ge=0, examples=[0.0])
    end_s: float = Field(ge=0, examples=[0.596])
    label: str = Field(examples=["five"])
    probability: Probability = Field(ge=0, le=1, examples=[0.998])


class Timing(_Answer):
    """Where the time went, in milliseconds."""

    decode: float = Field(ge=0, description="Writing the upload, decoding, resampling.", examples=[1.9])
    queue: float = Field(ge=0, description="Waiting for the model.", examples=[0.3])
    compute: float = Field(ge=0, description="In the model, with the clips that shared its batch.", examples=[4.2])
    total: float = Field(ge=0, description="From the whole upload to the answer.", examples=[6.7])


class Classification(_Answer):
    """The answer for one sound."""

    id: str = Field(
        pattern="^[0-9a-f]{32}$", description="Of this answer.", examples=["5d41402abc4b2a76b9719d911017c592"]
    )
    model: ModelName
    audio: AudioFacts
    label: str = Field(description="The likeliest label.", examples=["five"])
    probability: Probability = Field(ge=0, le=1, description="Of it, calibrated.", examples=[0.998])
    scores: dict[str, Probability] = Field(
        description="Label to calibrated probability; with `top`, the likeliest so many, the likeliest first.",
        examples=[{"five": 0.998, "nine": 0.001}],
    )
    accepted: bool = Field(description="Whether a label reaches the model's threshold and the sound is known.")
    accepted_labels: list[str] = Field(description="Every label that does.", examples=[["five"]])
    known: bool = Field(description="Whether it sounds like what the labels stand for; true where nobody can tell.")
    known_probability: Probability | None = Field(ge=0, le=1, description="Of that.", examples=[0.97])
    events: list[Event] = Field(description="When each label was heard, as `earmark analyze` tells it.")
    timing_ms: Timing

    @classmethod
    def of(
        cls, found: Classified, *, known_as: str, served: Served, taken: Taken, total_ms: float, top: int | None
    ) -> Classification:
        """Return the answer.

        Args:
            found: What was heard.
            known_as: Its id.
            served: What heard it.
            taken: The sound.
            total_ms: Time from the whole upload until now.
            top: How many scores; None for all.
        """
        told = found.prediction
        scores = told.probabilities
        if top is not None:
            best = sorted(scores.items(), key=lambda item: -item[1])[:top]
            scores = dict(best)
        events = [
            Event(start_s=each.start_s, end_s=each.end_s, label=each.label, probability=each.probability)
            for each in found.events
        ]
        return cls(
            id=known_as,
            model=ModelName.of(served),
            audio=AudioFacts.of(taken),
            label=told.label,
            probability=told.probability,
            scores=scores,
            accepted=told.accepted,
            accepted_labels=list(told.accepted_labels),
            known=told.known,
            known_probability=told.known_probability,
            events=events,
            timing_ms=_timing(taken.decode_ms, found.queue_ms, found.compute_ms, total_ms),
        )


def _timing(decode: float, queue: float, compute: float, total: float) -> Timing:
    return Timing(decode=round(decode, 3), queue=round(queue, 3), compute=round(compute, 3), total=round(total, 3))


class ProblemDetails(_Answer):
    """Problem details (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not a sound"])
    status: int = Field(ge=400, le=599, examples=[415])
    detail: str = Field(examples=["cover.png: looks like a PNG picture; expected WAV, FLAC, OGG or another."])
    request_id: str = Field(examples=["3f2a9c0d5b7e4f18a6c2d4e8f0b1a3c5"])


class BatchItem(_Answer):
    """What became of one file of a batch: a result or a problem."""

    name: str = Field(description="The name of the file, without folders.", examples=["five.wav"])
    status: int = Field(ge=200, le=599, description="What /v1/classify would have answered.", examples=[200])
    result: Classification | None = None
    problem: ProblemDetails | None = None


class Batch(_Answer):
    """What became of the files of a batch, in their order."""

    items: list[BatchItem]


class TypeAnswer(_Answer):
    """The answer for one type of fault; null where it cannot be told."""

    probability: Probability | None = Field(ge=0, le=1)
    severity: float | None = Field(ge=0, le=1)
    present: bool


class Segment(_Answer):
    """A stretch in which one type of fault is heard."""

    start_s: float = Field(ge=0)
    end_s: float = Field(ge=0)
    type: str
    probability: Probability = Field(ge=0, le=1)
    severity: float = Field(ge=0, le=1)


class Finding(_Answer):
    """One measured fact in a sentence."""

    type: str | None
    measure: str
    sentence: str
    value: float
    unit: str
    start_s: float | None
    end_s: float | None


class Assessable(_Answer):
    """Whether a type of fault can be told of this sound, and if not, why."""

    ok: bool
    reason: str | None


class Timeline(_Answer):
    """The probabilities second by second."""

    times_s: list[tuple[float, float]]
    probabilities: dict[str, list[Probability | None]]


class DistortionAnswer(_Answer):
    """All that `earmark check --json` says of a file but its path, and who answered."""

    id: str = Field(pattern="^[0-9a-f]{32}$", description="Of this answer.")
    model: ModelName
    audio: AudioFacts
    has_distortion: bool | None = Field(description="Null if nothing could be assessed.")
    distortion_type: str | None = Field(description="The worst.", examples=["clipping"])
    severity: float = Field(ge=0, le=1, examples=[0.41])
    confidence: Probability | None = Field(ge=0, le=1, examples=[0.97])
    types: dict[str, TypeAnswer]
    segments: list[Segment]
    evidence: list[Finding]
    assessable: dict[str, Assessable]
    timeline: Timeline
    fold_down_loss_db: float | None
    duration_s: float = Field(ge=0)
    rate_hz: int = Field(ge=1)
    n_channels: int = Field(ge=1)
    measures: dict[str, float | None]
    timing_ms: Timing


class FrontendFacts(_Answer):
    """How a model hears."""

    name: str = Field(examples=["speech"])
    rate_hz: int = Field(description="Sound is brought to this rate.", examples=[16000])
    window_s: float = Field(examples=[1.6])
    hop_s: float = Field(examples=[0.4])
    min_source_rate_hz: int = Field(description="Sound of a lower rate is refused.", examples=[8000])


class Licence(_Answer):
    """The licence of something that a model was made from."""

    what: str
    licence: str
    non_commercial: bool
    source: str

    @classmethod
    def of(cls, part: LicencePart) -> Licence:
        """Return the licence as it stands in the bundle."""
        return cls(what=part.what, licence=part.licence, non_commercial=part.non_commercial, source=part.source)


class ModelCard(_Answer):
    """What a model is, what it can tell, what it was measured to do, and under which terms."""

    name: str = Field(examples=["digits"])
    version: str = Field(examples=["0f3a9c2b7d41"])
    kind: Literal["labels", "distortion"] = Field(description="Which of /v1/classify and /v1/distortion it answers.")
    is_default: bool = Field(description="Whether it answers requests of its kind that name no model.")
    summary: str
    labels: list[str] = Field(examples=[["zero", "one"]])
    task: Literal["one", "many"] = Field(description="Whether exactly one label applies, or any number.")
    thresholds: dict[str, float] = Field(description="From which probability each label counts.")
    tells_unknown: bool = Field(description="Whether it can say that a sound is none of its labels.")
    recipe: str
    spec: FrontendFacts
    metrics: dict[str, Any] = Field(description="As measured when it was trained.")
    licences: list[Licence]
    created: str
    earmark_version: str

    @classmethod
    def of(cls, served: Served, *, is_default: bool) -> ModelCard:
        """Return the card of a model that serves."""
        spec = served.bundle.spec
        return cls(
            name=served.name,
            version=served.version,
            kind="labels" if served.validator is None else "distortion",
            is_default=is_default,
            summary=spec.summary,
            labels=list(spec.labels),
            task=spec.task,
            thresholds=dict(zip(spec.labels, spec.thresholds.values, strict=True)),
            tells_unknown=spec.rejection is not None,
            recipe=spec.recipe,
            spec=FrontendFacts(
                name=spec.frontend.name,
                rate_hz=spec.frontend.rate_hz,
                window_s=spec.frontend.window_s,
                hop_s=spec.frontend.hop_s,
                min_source_rate_hz=spec.frontend.min_source_rate_hz,
            ),
            metrics=spec.metrics,
            licences=[Licence.of(part) for part in spec.licences],
            created=spec.created,
            earmark_version=spec.earmark_version,
        )


class Models(_Answer):
    """The models that are served, in the order in which they were named."""

    models: list[ModelCard]
    loading: list[str] = Field(description="Those that do not serve yet.")


class Health(_Answer):
    """That the service is alive, or ready."""

    status: Literal["alive", "ready"]
    version: str = Field(description="Of earmark.")
    models: dict[str, str] = Field(description="Name to version of what serves.", examples=[{"digits": "0f3a9c2b7d41"}])
