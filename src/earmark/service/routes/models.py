"""`GET /v1/models`: what is served, what it can tell, how well, and under which licences."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from earmark.service.answers import ModelCard, Models
from earmark.service.auth import Caller, caller_of
from earmark.service.choice import LONGEST_NAME, choose
from earmark.service.problems import WITH_KEY, Problem, problem_responses
from earmark.service.requests import told_of
from earmark.service.state import Service, service_of

router = APIRouter(prefix="/v1", tags=["models"])


@router.get("/models", operation_id="list_models", responses=problem_responses(*WITH_KEY))
async def list_models(request: Request, caller: Annotated[Caller, Depends(caller_of)]) -> Models:
    """Return the card of each model that serves, and the names of those that are still being loaded."""
    told_of(request).caller = caller.name
    service = service_of(request)
    cards, loading = [], []
    for name in service.models.names():
        try:
            cards.append(_card(service, name))
        except Problem:
            loading.append(name)
    return Models(models=cards, loading=loading)


@router.get("/models/{name}", operation_id="get_model", responses=problem_responses(*WITH_KEY, 404, 422))
async def get_model(
    request: Request,
    caller: Annotated[Caller, Depends(caller_of)],
    name: Annotated[str, Path(max_length=LONGEST_NAME, description="Name of the model.", examples=["digits"])],
) -> ModelCard:
    """Return the card of one model."""
    told_of(request).caller = caller.name
    return _card(service_of(request), name)


def _card(service: Service, name: str) -> ModelCard:
    served = service.models.get(name)
    try:
        is_default = choose(service.models, None, tells_distortion=served.validator is not None) is served
    except Problem:  # one before it is still being loaded, and may be the default
        is_default = False
    return ModelCard.of(served, is_default=is_default)
