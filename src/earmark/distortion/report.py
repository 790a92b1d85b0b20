"""What the validator answers for one file, as plain frozen data; `to_dict` gives the same for JSON."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from earmark.distortion.severity import KINDS

if TYPE_CHECKING:
    from earmark.distortion.severity import Kind


@dataclass(frozen=True)
class TypeAnswer:
    """The answer for one type of fault.

    Attributes:
        probability: That the file has it, at a severity of 0.15 or more; None where not assessable.
        severity: 0.15 to 1 over the affected part, 0 if it is not present; None where not assessable.
        present: Whether the probability reaches the threshold of this type.
    """

    probability: float | None
    severity: float | None
    present: bool


@dataclass(frozen=True)
class Segment:
    """A stretch of the file in which one type of fault is heard.

    Attributes:
        start_s: When it begins.
        end_s: When it ends.
        type: The type of fault.
        probability: Mean over its seconds; that of the file where only its blocks together show the fault.
        severity: Mean over its seconds, 0.15 to 1.
    """

    start_s: float
    end_s: float
    type: Kind
    probability: float
    severity: float


@dataclass(frozen=True)
class Finding:
    """One measured fact in a sentence.

    Attributes:
        type: The type of fault that it is evidence of; None for what belongs to no fault that was found.
        measure: Name of the measure in `MEASURES`, or "probability" where no single measure shows the fault.
        sentence: For a reader, with numbers and place.
        value: The measured value, in `unit`.
        unit: As in `MEASURES`; "" for a share or plain number.
        start_s: Where it is strongest; None if it is said of the whole file.
        end_s: End of that place.
    """

    type: Kind | None
    measure: str
    sentence: str
    value: float
    unit: str
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class Assessable:
    """Whether a type of fault can be told of this file at all, and if not, why."""

    ok: bool
    reason: str | None = None


@dataclass(frozen=True)
class Timeline:
    """The probabilities second by second.

    Attributes:
        times_s: Begin and end of each second; the last may last 0.5 to 1.5 s.
        probabilities: For each type one number a second; None where it cannot be told, such as in silence.
    """

    times_s: tuple[tuple[float, float], ...] = ()
    probabilities: dict[Kind, tuple[float | None, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class DistortionReport:
    """Whether a file is damaged, by what, how badly and where.

    Attributes:
        path: The file as it was named; None for sound in memory.
        has_distortion: Whether any type is present; None if nothing could be assessed.
        distortion_type: The worst: the present type with the highest severity.
        severity: Of the worst, 0 to 1; 0 if none is present.
        confidence: Probability of the answer: of the worst type, or that the likeliest type is not there; None
            where `has_distortion` is.
        types: The answer for each type; empty on error.
        segments: Where the present types are heard, in order of time.
        evidence: What was measured of them in words, the worst type first; then what belongs to no found fault.
        assessable: For each type whether it could be told, with the reason if not; empty on error.
        timeline: Probabilities second by second.
        fold_down_loss_db: What a mono speaker loses, power of the mean against mean power; None unless there are two
            channels with sound.
        duration_s: Duration; None on error.
        rate_hz: Samples per second and channel; None on error.
        n_channels: Number of channels; None on error.
        measures: All of `MEASURES` by name, None where not assessable; of several blocks of ten seconds the highest
            for peaks, the mean for shares, the median for all others.
        error: Why the file could not be read; everything else is empty then.
    """

    path: str | None = None
    has_distortion: bool | None = None
    distortion_type: Kind | None = None
    severity: float = 0.0
    confidence: float | None = None
    types: dict[Kind, TypeAnswer] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()
    evidence: tuple[Finding, ...] = ()
    assessable: dict[Kind, Assessable] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)
    fold_down_loss_db: float | None = None
    duration_s: float | None = None
    rate_hz: int | None = None
    n_channels: int | None = None
    measures: dict[str, float | None] = field(default_factory=dict)
    error: str | None = None

    @property
    def found(self) -> tuple[Kind, ...]:
        """The present types, the worst first."""
        present = [kind for kind in KINDS if kind in self.types and self.types[kind].present]
        return tuple(sorted(present, key=lambda kind: -(self.types[kind].severity or 0.0)))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as what JSON knows: dicts, lists, text, numbers, None."""
        plain: dict[str, Any] = _plain(self)
        return plain


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value
