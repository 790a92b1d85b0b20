"""`POST /v1/distortion`: is this sound damaged, how, how badly, where?"""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from earmark.service.answers import DistortionAnswer
from earmark.service.auth import Caller, caller_of
from earmark.service.choice import ModelQuery, choose
from earmark.service.classifying import Clock, find_distortion
from earmark.service.problems import WITH_KEY, problem_responses
from earmark.service.requests import told_of
from earmark.service.routes.bodies import one_sound
from earmark.service.state import service_of
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
    service, told = service_of(request), told_of(request)
    told.caller = caller.name
    served = choose(service.models, model, tells_distortion=True)
    told.model = served.name
    asked_s = time.perf_counter()
    async with upload_of(request, service.options) as upload:
        timeout_s = service.options.timeout_s - (time.perf_counter() - asked_s)
        answer = await find_distortion(service, served, upload, Clock(time.perf_counter(), timeout_s))
    told.audio_s = answer.audio.duration_s
    return Response(answer.model_dump_json(), media_type="application/json")
