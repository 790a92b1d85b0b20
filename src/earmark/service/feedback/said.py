"""What a client sends as feedback: checked, and made into one correction."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from earmark.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

Verdict = Literal["correct", "wrong"]
UNPROCESSABLE = 422
LABEL_LETTERS, RECORDING_LETTERS, COMMENT_LETTERS = 200, 500, 2000
MAX_LABELS, N_SCORES_KEPT = 20_000, 20
LONGEST_S = 1e7
SAME_TIME_S = 0.002  # an event's edge travels as rounded decimals
_REFUSED = "Feedback refused"


def _plain(value: str) -> str:
    """Return a text as it is stored; databases take neither NUL nor half a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _NotPlainError from error
    if any(letter < " " and letter not in "\t\n\r" for letter in value):
        raise _NotPlainError
    return value.strip()


class _NotPlainError(ValueError):
    """Report a text that no database takes."""

    def __str__(self) -> str:
        return "should be plain text without control characters"


Text = Annotated[str, AfterValidator(_plain)]
Label = Annotated[Text, Field(max_length=LABEL_LETTERS)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=LONGEST_S)]


class _Part(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", protected_namespaces=())


class _Model(_Part):
    name: Annotated[Text, Field(min_length=1, max_length=200)]
    version: Annotated[Text, Field(max_length=64)]


class _Audio(_Part):
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    duration_s: Seconds


class _Event(_Part):
    start_s: Seconds
    end_s: Seconds
    label: Label
    probability: Share


class _Answer(_Part):
    """The parts of an answer of /v1/classify that are kept."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    model: _Model
    audio: _Audio
    label: Label
    probability: Share
    accepted: bool
    scores: Annotated[dict[Label, Share], Field(max_length=MAX_LABELS)]
    events: list[_Event] = []


class _Fields(_Part):
    verdict: Verdict
    label: Label = ""
    start_s: Seconds | None = None
    end_s: Seconds | None = None
    comment: Annotated[Text, Field(max_length=COMMENT_LETTERS)] = ""
    recording: Annotated[Text, Field(max_length=RECORDING_LETTERS)] = ""
    consent: bool = False


@dataclass(frozen=True)
class Correction:
    """One person's word on one answer.

    Attributes:
        answer_id: The `id` of the answer.
        said: The label that the model gave to the sound or to the span; empty where it accepted none.
        probability: Of `said`, or of the best label where none was accepted.
        scores: The likeliest few, by label.
        label: What is right; empty for none of the labels.
        start_s: Where the span begins; None for the whole sound.
        end_s: Where it ends.
        recording: What the sound was cut from, as the person calls it.
        consent: Whether the sound may be kept.
    """

    answer_id: str
    model: str
    model_version: str
    audio_sha256: str
    duration_s: float
    said: str
    probability: float
    scores: Mapping[str, float]
    verdict: Verdict
    label: str
    start_s: float | None
    end_s: float | None
    comment: str
    recording: str
    consent: bool

    @property
    def subject(self) -> str:
        """What it is about: model, sound and span. Labels of another model answer another question."""
        words = [self.model, self.audio_sha256, self.start_s, self.end_s]
        return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def parse_correction(fields: Mapping[str, str]) -> Correction:
    """Return what the fields of a form say.

    Args:
        fields: `result` as JSON, `verdict` and the others; empty `start_s` and `end_s` mean the whole sound.

    Raises:
        Problem: 422 with the reason.
    """
    if "result" not in fields or "verdict" not in fields:
        missing = " and ".join(f'"{name}"' for name in ("result", "verdict") if name not in fields)
        raise _refusal(f"field {missing} is missing")
    known = {name: text for name, text in fields.items() if name in _Fields.model_fields}
    if "label" not in known and known["verdict"] == "wrong":
        raise _refusal('field "label" is missing: the right label, or an empty text for none of the labels')
    known = {name: text for name, text in known.items() if text or name in ("verdict", "label")}
    try:
        answer = _Answer.model_validate_json(fields["result"])
    except ValidationError as error:
        raise _refusal(f'field "result" is not an answer of /v1/classify ({_first(error)})') from error
    try:
        given = _Fields.model_validate(known)
    except ValidationError as error:
        raise _refusal(f"field {_first(error)}") from error
    return _correction(answer, given)


def _correction(answer: _Answer, given: _Fields) -> Correction:
    span = _span(answer, given)
    event = next((each for each in answer.events if span and _is_at(each, *span)), None)
    if event is not None:
        said, probability, accepted = event.label, event.probability, True
    else:
        said, probability, accepted = answer.label, answer.probability, answer.accepted
    said = said if accepted else ""
    if given.verdict == "correct":
        if given.label not in ("", said):
            raise _refusal(f'verdict "correct" with label "{given.label}", but the answer was "{said}"')
    elif given.label == said:
        raise _refusal(f'verdict "wrong" with label "{said}", which was the answer; send verdict "correct"')
    return Correction(
        answer_id=answer.id,
        model=answer.model.name,
        model_version=answer.model.version,
        audio_sha256=answer.audio.sha256,
        duration_s=answer.audio.duration_s,
        said=said,
        probability=probability,
        scores=dict(sorted(answer.scores.items(), key=lambda item: -item[1])[:N_SCORES_KEPT]),
        verdict=given.verdict,
        label=said if given.verdict == "correct" else given.label,
        start_s=span[0] if span else None,
        end_s=span[1] if span else None,
        comment=given.comment,
        recording=given.recording,
        consent=given.consent,
    )


def _span(answer: _Answer, given: _Fields) -> tuple[float, float] | None:
    if given.start_s is None and given.end_s is None:
        return None
    if given.start_s is None or given.end_s is None:
        raise _refusal("start_s and end_s go together: give both, or neither for the whole sound")
    start_s, end_s = round(given.start_s, 6), round(min(given.end_s, answer.audio.duration_s), 6)
    if given.end_s > answer.audio.duration_s + SAME_TIME_S or end_s <= start_s:
        raise _refusal(
            f"the span from {given.start_s:g} to {given.end_s:g} s is not inside the sound of "
            f"{answer.audio.duration_s:g} s"
        )
    return start_s, end_s


def _is_at(event: _Event, start_s: float, end_s: float) -> bool:
    return abs(event.start_s - start_s) <= SAME_TIME_S and abs(event.end_s - end_s) <= SAME_TIME_S


def _first(error: ValidationError) -> str:
    """Return the first complaint, without what was found: it may be long."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    return f'"{place}": {problem["msg"]}' if place else problem["msg"]


def _refusal(detail: str) -> Problem:
    return Problem(UNPROCESSABLE, _REFUSED, detail)
