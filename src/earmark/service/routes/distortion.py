"""`POST /v1/distortion`: is this sound damaged, how, how badly, where?"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from earmark.service.answers import DistortionAnswer
from earmark.service.auth import Caller, caller_of
from earmark.service.choice import ModelQuery, asked_of
from earmark.service.classifying import find_distortion
from earmark.service.problems import WITH_KEY, problem_responses
from earmark.service.routes.bodies import one_sound
from earmark.service.uploads import upload_of

router = APIRouter(prefix="/v1", tags=["sound"])


@router.post(
    "/distortion",
    operation_id="find_distortion",
    response_model=DistortionAnswer,
    openapi_extra=one_sound(),
    responses=problem_responses(*WITH_KEY, 400, 404, 408, 413, 415, 422, 502),
)
async def distortion(
    request: Request, caller: Annotated[Caller, Depends(caller_of)], model: ModelQuery = None
) -> Response:
    """Tell which faults a sound has: clipping, lossy compression, noise, missing frequencies, stereo faults."""
    asked = asked_of(request, caller, model, tells_distortion=True)
    async with upload_of(request, asked.service.options) as upload:
        answer = await find_distortion(asked.service, asked.served, upload, asked.clock())
    asked.told.audio_s = answer.audio.duration_s
    return Response(answer.model_dump_json(), media_type="application/json")
