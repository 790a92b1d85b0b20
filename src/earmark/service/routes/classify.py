"""`POST /v1/classify`: which label is this sound? One sound, or the files of a form."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from earmark.service.answers import Batch, BatchItem, Classification, ProblemDetails
from earmark.service.auth import Caller, caller_of
from earmark.service.choice import Asked, ModelQuery, asked_of
from earmark.service.classifying import Clock, classify
from earmark.service.monitoring.logs import request_id
from earmark.service.problems import WITH_KEY, Problem, problem_responses
from earmark.service.routes.bodies import one_sound
from earmark.service.uploads import upload_of, uploads_of

if TYPE_CHECKING:
    from earmark.service.intake import Upload

MAX_LABELS = 100_000
FILES_AT_ONCE = 8

router = APIRouter(prefix="/v1", tags=["sound"])

TopQuery = Annotated[
    int | None, Query(ge=1, le=MAX_LABELS, description="So many scores, the likeliest first; by default all.")
]


@router.post(
    "/classify",
    operation_id="classify",
    response_model=Classification,
    openapi_extra=one_sound(),
    responses=problem_responses(*WITH_KEY, 400, 404, 408, 413, 415, 422, 502),
)
async def classify_one(
    request: Request,
    caller: Annotated[Caller, Depends(caller_of)],
    model: ModelQuery = None,
    top: TopQuery = None,
) -> Response:
    """Tell which label a sound is, how sure that is, and when in it each label is heard."""
    asked = asked_of(request, caller, model, tells_distortion=False)
    async with upload_of(request, asked.service.options) as upload:
        answer = await classify(asked.service, asked.served, upload, asked.clock(), top)
    asked.told.audio_s = answer.audio.duration_s
    return Response(answer.model_dump_json(), media_type="application/json")


@router.post(
    "/classify/batch",
    operation_id="classify_batch",
    response_model=Batch,
    responses=problem_responses(*WITH_KEY, 400, 404, 408, 413, 415, 422),
)
async def classify_batch(
    request: Request,
    caller: Annotated[Caller, Depends(caller_of)],
    model: ModelQuery = None,
    top: TopQuery = None,
) -> Response:
    """Tell the same of each file of a form: an answer or a problem with its own status, in their order."""
    asked = asked_of(request, caller, model, tells_distortion=False)
    options = asked.service.options
    async with uploads_of(request, options.max_batch_files) as uploads:
        clock, at_once = asked.clock(), asyncio.Semaphore(min(FILES_AT_ONCE, options.max_waiting))

        async def answer(upload: Upload) -> BatchItem:
            async with at_once:
                return await _item(asked, upload, clock, top)

        items = await asyncio.gather(*(answer(upload) for upload in uploads))
    asked.told.audio_s = sum(item.result.audio.duration_s for item in items if item.result is not None)
    return Response(Batch(items=items).model_dump_json(exclude_none=False), media_type="application/json")


async def _item(asked: Asked, upload: Upload, clock: Clock, top: int | None) -> BatchItem:
    try:
        result = await classify(asked.service, asked.served, upload, clock, top)
    except Problem as problem:
        if problem.status < 500:
            asked.service.monitor.refused(problem.reason)
        details = ProblemDetails(**problem.content(request_id.get()))
        return BatchItem(name=upload.name, status=problem.status, problem=details)
    return BatchItem(name=upload.name, status=200, result=result)
