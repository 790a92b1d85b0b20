"""`POST /v1/feedback`: somebody says whether an answer was right."""

from __future__ import annotations

import asyncio
import hmac
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile

from earmark.core.errors import StoreError, did_you_mean
from earmark.service.auth import Caller, caller_of
from earmark.service.feedback import FeedbackStore, parse_correction
from earmark.service.intake import Upload
from earmark.service.monitoring import log_event
from earmark.service.problems import WITH_KEY, Problem, problem_responses
from earmark.service.requests import told_of
from earmark.service.sound import Wanted
from earmark.service.state import Service, service_of
from earmark.service.uploads import FORM, clean_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import BinaryIO

    from earmark.service.feedback import Correction, Stored

router = APIRouter(prefix="/v1", tags=["feedback"])

AUDIO = "audio"
MAX_FIELD_BYTES = 4 << 20  # an answer of a model with thousands of labels
DURATION_SLACK_S = 0.001
RETRY_S = 5.0
_RESULT = (
    '{"id": "5d41402abc4b2a76b9719d911017c592", "model": {"name": "digits", "version": "0f3a9c2b7d41"}, '
    '"audio": {"sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "duration_s": 0.52}, '
    '"label": "five", "probability": 0.61, "scores": {"five": 0.61, "nine": 0.39}, "accepted": true, "events": []}'
)
_TEXT: dict[str, Any] = {"type": "string"}
_PROPERTIES: dict[str, Any] = {
    "result": _TEXT | {"contentMediaType": "application/json", "description": "The answer of /v1/classify, as it is."},
    "verdict": _TEXT | {"enum": ["correct", "wrong"]},
    "label": _TEXT
    | {"maxLength": 200, "description": "The right label if it was wrong; empty for none of the labels."},
    "start_s": {"type": "number", "minimum": 0, "description": "Where the span begins; else the whole sound is meant."},
    "end_s": {"type": "number", "minimum": 0, "description": "Where the span ends."},
    "comment": _TEXT | {"maxLength": 2000},
    "recording": _TEXT | {"maxLength": 500, "description": "What the sound was cut from: never split in training."},
    "consent": {"type": "boolean", "description": "Whether the sound may be kept."},
    AUDIO: _TEXT
    | {"format": "binary", "description": "The sound, the same bytes that were classified; kept only with consent."},
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["result", "verdict"],
                    "additionalProperties": False,
                    "properties": _PROPERTIES,
                },
                "example": {"result": _RESULT, "verdict": "wrong", "label": "nine"},
            }
        },
    }
}


class FeedbackAnswer(BaseModel):
    """That it is stored."""

    id: Annotated[str, Field(description="By which it can be deleted.", examples=["7c9e6679f4d34b8a9b1deb4d3b7d4bad"])]
    audio_kept: Annotated[bool, Field(description="Whether the sound is kept with it.", examples=[False])]


@router.post(
    "/feedback",
    operation_id="feedback",
    status_code=201,
    response_model=FeedbackAnswer,
    openapi_extra=_BODY,
    responses=problem_responses(*WITH_KEY, 400, 408, 413, 415, 422),
)
async def feedback(request: Request, caller: Annotated[Caller, Depends(caller_of)]) -> FeedbackAnswer:
    """Say whether an answer was right, and what is right where it was not.

    The same again changes nothing. A later word on the same sound counts instead of an earlier one.
    """
    service, told = service_of(request), told_of(request)
    told.caller = caller.name
    async with _form(request) as (texts, upload):
        correction = parse_correction(texts)
        told.model, told.audio_s = correction.model, correction.duration_s
        if upload is None:
            stored = await asyncio.to_thread(_store, service, correction, caller, None)
        else:
            stored = await _store_with_sound(service, correction, caller, upload)
    return FeedbackAnswer(id=stored.id, audio_kept=stored.audio_kept)


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[tuple[dict[str, str], Upload | None]]:
    """Give the texts and the sound of the form, which is read only now that the key is known."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise Problem(415, "Unknown kind of body", f"Expected {FORM}.")
    n_fields = len(_PROPERTIES) + 1  # one more, so that it can be refused by name
    async with request.form(max_files=2, max_fields=n_fields, max_part_size=MAX_FIELD_BYTES) as form:
        for name, value in form.multi_items():
            if name not in _PROPERTIES:
                shown = clean_name(name)
                raise Problem(422, "Invalid form", f"Found the field {shown}{did_you_mean(shown, _PROPERTIES)}.")
            if len(form.getlist(name)) > 1:
                raise Problem(422, "Invalid form", f"Found the field {name} more than once, expected it once.")
            if isinstance(value, UploadFile) is not (name == AUDIO):
                raise Problem(422, "Invalid form", f"Expected a file in the field {AUDIO} and text in all others.")
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        file = cast("UploadFile | None", form.get(AUDIO))
        yield texts, None if file is None else Upload(clean_name(file.filename or ""), file.file)


async def _store_with_sound(service: Service, correction: Correction, caller: Caller, upload: Upload) -> Stored:
    """Store a correction of a sound that was decoded once, so that only sound is kept, and only the right one."""
    most_s = service.options.max_duration_s
    measured = Wanted(None, is_mono=False, check_rate=None, max_duration_s=most_s, is_kept=False)
    async with service.intake.taken(upload, measured) as taken:
        if not hmac.compare_digest(taken.sha256, correction.audio_sha256):
            raise Problem(422, "Another sound", "The audio is not the sound of the result: their SHA-256 differ.")
        if abs(taken.sound.duration_s - correction.duration_s) > DURATION_SLACK_S:
            raise Problem(422, "Another sound", "The audio is not as long as the result says.")
        return await asyncio.to_thread(_store_file, service, correction, caller, taken.path)


def _store_file(service: Service, correction: Correction, caller: Caller, path: Path) -> Stored:
    with path.open("rb") as sound:
        return _store(service, correction, caller, sound)


def _store(service: Service, correction: Correction, caller: Caller, sound: BinaryIO | None) -> Stored:
    try:
        return FeedbackStore(service.database, service.sounds).add(correction, caller, sound)
    except StoreError as error:
        log_event("feedback not stored", {"reason": str(error)})
        raise Problem(
            503, "Feedback not stored", "It could not be written; send it again in a moment.", retry_after_s=RETRY_S
        ) from error
